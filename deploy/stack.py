"""The topology of docker-compose.yml as plain processes, for a machine without Docker.

    python deploy/stack.py [--folder var/stack] [--free-ports] [--config DIR]

Reads the compose file: the same commands, the same settings, the same order. What differs
is where things are: host names become 127.0.0.1, each process gets a port of its own, and
the images become programs of this machine (Kafka through deploy/kafka, PostgreSQL and
Prometheus as installed, deploy/catchers for Mailpit). What is not installed is left out,
visibly. Ends everything on SIGTERM or Ctrl-C.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import yaml

ROOT = Path(__file__).resolve().parents[1]
COMPOSE = ROOT / "docker-compose.yml"
PATIENCE_SECONDS = 120.0  # the first start fetches Kafka
Service = Mapping[str, Any]


@dataclass(slots=True)
class Running:
    """A process of the stack; `healthy` says whether it serves."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    healthy: Callable[[], bool]
    url: str = ""
    restart: bool = True
    process: subprocess.Popen[bytes] | None = None

    def start(self, logs: Path) -> None:
        """Start it; what it says goes to a file."""
        with (logs / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env=dict(self.env),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for us; we end it in order
            )


@dataclass(slots=True)
class Stack:
    """Everything that runs, in the order it was started."""

    folder: Path
    config: Path
    free_ports: bool
    services: Mapping[str, Service]
    scale: Mapping[str, int] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    running: list[Running] = field(default_factory=list)
    ended: set[str] = field(default_factory=set)

    def port(self, name: str, usual: int) -> int:
        """The port that stands for a service's own."""
        if name not in self.ports:
            self.ports[name] = _free_port() if self.free_ports else usual
        return self.ports[name]

    def up(self) -> None:
        """Start every service after those it depends on."""
        for name in in_order(self.services):
            service = self.services[name]
            if _is_wirewatch(service) and service.get("restart") == "no":
                self._run_job(name, service)
                continue
            for process in self._processes(name, service):
                process.start(self.folder)
                self.running.append(process)
                self._wait(process)
            self._write_down()

    def down(self) -> None:
        """End everything, in reverse order."""
        for one in reversed(self.running):
            if one.process is not None and one.process.poll() is None:
                one.process.terminate()
        for one in reversed(self.running):
            if one.process is not None:
                with suppress(subprocess.TimeoutExpired):
                    one.process.wait(30)
                one.process.kill()
                one.process.wait()

    def watch(self, stopped: Callable[[], bool]) -> None:
        """Start again what ends by itself, as the compose file's `restart` says."""
        while not stopped():
            for one in self.running:
                if one.process is not None and one.process.poll() is not None:
                    _say(f"{one.name} ended with {one.process.returncode}; starting it again")
                    one.start(self.folder)
                    self._write_down()
            time.sleep(0.2)

    def _run_job(self, name: str, service: Service) -> None:
        _say(f"{name} …")
        done = subprocess.run(
            self._command(service), env=self._env(service, 0), cwd=ROOT, check=False
        )
        if done.returncode != 0:
            raise SystemExit(f"{name} ended with {done.returncode}")

    def _processes(self, name: str, service: Service) -> Iterator[Running]:
        if _is_wirewatch(service):
            replicas = self.scale.get(name, service.get("deploy", {}).get("replicas", 1))
            for number in range(1, replicas + 1):
                yield self._wirewatch(f"{name}-{number}" if replicas > 1 else name, service)
            return
        maker = {
            "kafka": self._kafka,
            "postgres": self._postgres,
            "mailpit": self._mailbox,
            "prometheus": self._prometheus,
        }.get(name)
        made = maker() if maker else None
        if made is None:
            _say(f"{name}: not installed on this machine, left out")
        else:
            yield made

    def _wirewatch(self, name: str, service: Service) -> Running:
        port = self.port(name, 9710 + sum(_is_endpoint(r) for r in self.running))
        url = f"http://127.0.0.1:{port}"
        env = self._env(service, port)
        return Running(name, self._command(service), env, lambda: _answers(f"{url}/healthz"), url)

    def _kafka(self) -> Running:
        port = self.port("kafka", 9092)
        folder = self.folder / "kafka"
        command = [sys.executable, str(ROOT / "deploy/kafka/node.py"), "--folder", str(folder)]
        command += ["--port", str(port)]
        return Running("kafka", command, os.environ, lambda: _listens(port))

    def _postgres(self) -> Running | None:
        programs = _postgres_programs()
        if programs is None:
            raise SystemExit("PostgreSQL is not installed (initdb, postgres); install it")
        data = self.folder / "postgres"
        port = self.port("postgres", 5432)
        user = _unprivileged()
        if not (data / "PG_VERSION").exists():
            data.mkdir(parents=True, exist_ok=True)
            if user:
                shutil.chown(data, "postgres", "postgres")
            initdb = [str(programs / "initdb"), "-D", str(data), "-U", "wirewatch", "-A", "trust"]
            subprocess.run([*user, *initdb], check=True, stdout=subprocess.DEVNULL)
            single = [str(programs / "postgres"), "--single", "-D", str(data), "postgres"]
            subprocess.run(
                [*user, *single],
                input=b"CREATE DATABASE wirewatch\n",
                check=True,
                stdout=subprocess.DEVNULL,
            )
        command = [str(programs / "postgres"), "-D", str(data), "-p", str(port)]
        command += ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
        is_ready = [str(programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
        return Running(
            "postgres",
            [*user, *command],
            os.environ,
            lambda: subprocess.run(is_ready, check=False).returncode == 0,
        )

    def _mailbox(self) -> Running:
        port = self.port("mailpit", 1025)
        page = self.port("mailpit's page", 8025)
        command = [sys.executable, str(ROOT / "deploy/catchers/mail.py"), "--port", str(port)]
        command += ["--web", str(page), "--folder", str(self.folder / "mails")]
        url = f"http://127.0.0.1:{page}"
        return Running("mailpit", command, os.environ, lambda: _answers(f"{url}/"), url)

    def _prometheus(self) -> Running | None:
        program = shutil.which("prometheus")
        config = ROOT / "deploy/prometheus/prometheus.local.yml"
        if program is None or not config.exists():
            return None
        port = self.port("prometheus", 9090)
        here = self.folder / "prometheus"
        shutil.copytree(config.parent, here, dirs_exist_ok=True)
        command = [program, f"--config.file={here / config.name}"]
        command += [
            f"--storage.tsdb.path={here / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
        url = f"http://127.0.0.1:{port}"
        return Running("prometheus", command, os.environ, lambda: _answers(f"{url}/-/healthy"), url)

    def _command(self, service: Service) -> list[str]:
        command = [
            str(self._plain_config()) if a == "/etc/wirewatch" else a for a in service["command"]
        ]
        return [sys.executable, "-m", "services.cli", *command]

    def _env(self, service: Service, port: int) -> dict[str, str]:
        env = {
            **os.environ,
            **{k: self._at_home(str(v)) for k, v in service["environment"].items()},
        }
        given = {k: v for k, v in os.environ.items() if k.startswith("WIREWATCH_")}
        return {
            **env,
            **given,
            "WIREWATCH_HTTP_HOST": "127.0.0.1",
            "WIREWATCH_HTTP_PORT": str(port),
        }

    def _at_home(self, value: str) -> str:
        for host, usual in (("kafka", 9092), ("postgres", 5432)):
            value = value.replace(f"{host}:{usual}", f"127.0.0.1:{self.port(host, usual)}")
        return value

    def _plain_config(self) -> Path:
        """The operator's folder, with the mail catcher where it is on this machine."""
        plain = self.folder / "config"
        shutil.copytree(self.config, plain, dirs_exist_ok=True)
        channels = plain / "channels.yaml"
        text = channels.read_text().replace("host: mailpit", "host: 127.0.0.1")
        channels.write_text(text.replace("port: 1025", f"port: {self.port('mailpit', 1025)}"))
        return plain

    def _wait(self, one: Running) -> None:
        _say(f"{one.name} …")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not one.healthy():
            if one.process is not None and one.process.poll() is not None:
                raise SystemExit(f"{one.name} ended; see {self.folder / one.name}.log")
            if time.monotonic() > deadline:
                raise SystemExit(f"{one.name} is not healthy; see {self.folder / one.name}.log")
            time.sleep(0.1)

    def _write_down(self) -> None:
        """What runs where, for people and tests; and what Prometheus scrapes."""
        found = {
            one.name: {"pid": one.process.pid if one.process else None, "url": one.url}
            for one in self.running
        }
        _replace(self.folder / "processes.json", json.dumps(found, indent=2))
        settings = self._env(self.services["notifier"], 0)
        ours = {k: v for k, v in settings.items() if k.startswith("WIREWATCH_")}
        _replace(self.folder / "environment.json", json.dumps(ours, indent=2))
        targets = [
            {
                "targets": [one.url.removeprefix("http://")],
                # As the compose file's Prometheus has it: the service, not the replica.
                "labels": {"service": one.name.rpartition("-")[0] or one.name},
            }
            for one in self.running
            if _is_endpoint(one)
        ]
        (self.folder / "prometheus").mkdir(exist_ok=True)
        _replace(
            self.folder / "prometheus" / "targets.json",
            json.dumps(targets, indent=2),
        )


def in_order(services: Mapping[str, Service]) -> list[str]:
    """The services' names, each after those it depends on."""
    ordered: list[str] = []

    def visit(name: str) -> None:
        if name not in ordered:
            for needed in services[name].get("depends_on", {}):
                if needed in services:
                    visit(needed)
            ordered.append(name)

    for name in services:
        visit(name)
    return ordered


def _is_wirewatch(service: Service) -> bool:
    return service.get("image") == "wirewatch"


def _is_endpoint(one: Running) -> bool:
    return one.url != "" and one.name not in {"prometheus", "mailpit"}


def _postgres_programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


def _unprivileged() -> list[str]:
    """PostgreSQL does not run as root."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except (URLError, OSError):
        return False


def _replace(path: Path, text: str) -> None:
    beside = path.with_suffix(".new")
    beside.write_text(text)
    beside.replace(path)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Run the stack until told to stop."""
    parser = argparse.ArgumentParser(description="the stack of docker-compose.yml without Docker")
    parser.add_argument("--folder", type=Path, default=Path("var/stack"))
    parser.add_argument("--config", type=Path, default=ROOT / "deploy/examples/stack")
    parser.add_argument("--free-ports", action="store_true", help="take any ports that are free")
    parser.add_argument("--without", action="append", default=[], help="leave a service out")
    parser.add_argument("--scale", action="append", default=[], help="NAME=N: so many of it")
    options = parser.parse_args()
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    wanted = {n: service for n, service in services.items() if n not in options.without}
    scale = {name: int(count) for name, _, count in (s.partition("=") for s in options.scale)}
    stack = Stack(folder, options.config.resolve(), options.free_ports, wanted, scale)
    stopping: list[int] = []

    def on_signal(number: int, _: FrameType | None) -> None:
        if not stopping:
            stopping.append(number)
            raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    try:
        stack.up()
        for one in stack.running:
            _say(f"{one.name:12} {one.url}")
        _say(f"Everything runs; logs and mails are in {folder}. Ctrl-C ends it.")
        stack.watch(lambda: bool(stopping))
    except KeyboardInterrupt:
        _say("ending …")
    finally:
        stack.down()


if __name__ == "__main__":
    main()
