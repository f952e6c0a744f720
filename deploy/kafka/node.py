"""A single Kafka node without Docker: for development and for the tests.

    python deploy/kafka/node.py --folder DIR [--port 9092]

Fetches Kafka with Maven into the user's cache (once), formats the folder (once) and runs
one broker in the foreground, until SIGTERM or Ctrl-C. A folder keeps its ports and data.
One node is no place for records that must survive the loss of a machine.
"""

import argparse
import base64
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread

POM = Path(__file__).with_name("pom.xml")
# Small enough for a laptop; the cleaner's buffer is lowered below to fit in (128 MiB by default).
JAVA = ("java", "-Xms128m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
LOGGING = (
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",
)
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"

SETTINGS = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={folder}/data
# Topics are declared; one that appears by itself would have the wrong settings.
auto.create.topics.enable=false
# A group that was away for longer than this starts at the beginning again.
offsets.retention.minutes=525600
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.cleaner.dedupe.buffer.size=2097152
"""


def main(arguments: Sequence[str]) -> None:
    """Run a node as the command line says."""
    options = _parse(arguments)
    if options.fetch_only:
        sys.stdout.write(f"Kafka is in {jars()}\n")
        return
    folder: Path = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    classpath = f"{jars()}/*"
    settings = _settings(folder, options.port, options.set)
    if not (folder / "data" / "meta.properties").exists():
        _format(classpath, settings)
    command = [*JAVA, *LOGGING, "-cp", classpath, "kafka.Kafka", str(settings)]
    if options.while_open is None:
        os.execvp(command[0], command)
    sys.exit(_run_while_open(command, folder, options.while_open))


def jars() -> Path:
    """The folder with Kafka and what it needs, fetched unless it is there.

    Safe when several processes call it at once.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    target = cache / "wirewatch" / "kafka" / _version()
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.is_dir():
            _fetch(target)
    return target


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--folder", type=Path, help="where it keeps its data")
    parser.add_argument("--fetch-only", action="store_true", help="fetch Kafka and end")
    parser.add_argument("--port", type=int, default=0, help="for a new folder; 0: a free one")
    parser.add_argument("--set", action="append", default=[], help="name=value, for a new folder")
    parser.add_argument(
        "--while-open", type=Path, help="a named pipe; end when nobody has it open for writing"
    )
    options = parser.parse_args(arguments)
    if options.folder is None and not options.fetch_only:
        parser.error("say where it keeps its data: --folder DIR")
    return options


def _version() -> str:
    namespace = {"pom": "http://maven.apache.org/POM/4.0.0"}
    version = ET.parse(POM).findtext("pom:properties/pom:kafka.version", None, namespace)
    if not version:
        raise SystemExit(f"{POM} names no kafka.version")
    return version


def _fetch(target: Path) -> None:
    if shutil.which("mvn") is None:
        raise SystemExit("Kafka is fetched with Maven: install it (`mvn`), and Java 17 or later")
    with tempfile.TemporaryDirectory(dir=target.parent) as beside:
        copied = Path(beside) / "jars"
        # The group in the file name: two different jars may be called the same.
        command = ["mvn", "-q", "-B", "-f", str(POM), COPY, "-Dmdep.prependGroupId=true"]
        done = subprocess.run([*command, f"-DoutputDirectory={copied}"], check=False)
        if done.returncode != 0:
            raise SystemExit("Maven could not fetch Kafka (see above); is the network there?")
        # At once, so that nobody ever sees half of it.
        copied.rename(target)


def _settings(folder: Path, port: int, extra: Sequence[str]) -> Path:
    path = folder / "server.properties"
    if not path.exists():
        with socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", port))
            other.bind(("127.0.0.1", 0))
            ports = {"port": one.getsockname()[1], "controller": other.getsockname()[1]}
        path.write_text(SETTINGS.format(folder=folder, **ports) + "\n".join(extra) + "\n")
        (folder / "port").write_text(str(ports["port"]))
    sys.stdout.write(f"Kafka's address: 127.0.0.1:{(folder / 'port').read_text()}\n")
    sys.stdout.flush()
    return path


def _format(classpath: str, settings: Path) -> None:
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    tool = [*JAVA, *LOGGING, "-cp", classpath, "kafka.tools.StorageTool"]
    # One in sixty-four ids begins with a dash, which would look like an option.
    command = [*tool, "format", f"--cluster-id={cluster}", "-c", str(settings)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _run_while_open(command: Sequence[str], folder: Path, pipe: Path) -> int:
    node = subprocess.Popen(command)
    (folder / "pid").write_text(str(node.pid))
    signal.signal(signal.SIGTERM, lambda *_: node.terminate())
    Thread(target=_end_with, args=(pipe, node), daemon=True).start()
    return node.wait()


def _end_with(pipe: Path, node: "subprocess.Popen[bytes]") -> None:
    # Opening waits for the first writer, reading for the last one to go.
    with pipe.open("rb") as alive:
        alive.read()
    # Whoever was served is gone, and the data with it.
    with suppress(ProcessLookupError):
        node.kill()


if __name__ == "__main__":
    main(sys.argv[1:])
