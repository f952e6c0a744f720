"""A PostgreSQL server for the tests, and a fresh, migrated database for each of them.

`WIREWATCH_TEST_DATABASE_URL` names a server whose user may create databases. Without it a
server of the installed package is started in a temporary folder, reachable through a unix
socket only, one for each process of the test run and only if a test asks for it. Without
that either, tests skip with the reason; in CI (`CI=true`) they fail instead.
"""

import asyncio
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from services.store.database import open_database

URL_VARIABLE = "WIREWATCH_TEST_DATABASE_URL"
_PATIENCE_SECONDS = 60
_DEBIAN = Path("/usr/lib/postgresql")
# Nothing here has to survive a power cut.
_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "16MB",
    "max_connections": "60",
    "autovacuum": "off",
    "listen_addresses": "",
    "timezone": "Asia/Kathmandu",  # a server's zone must not matter
}
# As it comes, but for what would let others in.
_DURABLE = {name: _SETTINGS[name] for name in ("max_connections", "listen_addresses")}


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A server, and the database on it that fresh ones are copied from."""

    admin: URL
    template: str

    def url(self, database: str) -> str:
        """The URL of a database."""
        return self.admin.set(database=database).render_as_string(hide_password=False)

    async def order(self, *statements: str) -> None:
        """Run statements outside of a transaction, on the database of the admin."""
        engine = create_async_engine(self.admin, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        async with engine.connect() as connection:
            for statement in statements:
                await connection.exec_driver_sql(statement)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A running server."""
    with running_server() as admin:
        template = f"wirewatch_template_{secrets.token_hex(4)}"
        server = PostgresServer(admin, template)
        _in_thread(server.order(f"CREATE DATABASE {template}"))
        _in_thread(_migrate(server.url(template)))
        yield server
        _in_thread(server.order(f"DROP DATABASE {template} WITH (FORCE)"))


@pytest.fixture
async def postgres_url(postgres_server: PostgresServer) -> AsyncIterator[str]:
    """The URL of a database of this test alone, with all tables."""
    name = f"wirewatch_{secrets.token_hex(6)}"
    await postgres_server.order(f"CREATE DATABASE {name} TEMPLATE {postgres_server.template}")
    yield postgres_server.url(name)
    await postgres_server.order(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def empty_postgres_url(postgres_server: PostgresServer) -> AsyncIterator[str]:
    """The URL of a database without tables."""
    name = f"wirewatch_{secrets.token_hex(6)}"
    await postgres_server.order(f"CREATE DATABASE {name}")
    yield postgres_server.url(name)
    await postgres_server.order(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def running_server(*, durable: bool = False) -> Iterator[URL]:
    """The URL of a server's own database; `durable`: it syncs what it commits."""
    if given := os.environ.get(URL_VARIABLE):
        yield make_url(given).set(drivername="postgresql+asyncpg")
        return
    programs = _programs()
    if programs is None:
        _without("the programs initdb and postgres are not installed (package postgresql)")
    # Not pytest's tmp_path: the path of a unix socket may have 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="wirewatch-pg-"))
    try:
        settings = _DURABLE if durable else _SETTINGS
        with _started(programs, folder, _as_user(folder), settings) as admin:
            yield admin
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path | None:
    """The folder of the server's programs, the newest version if there are several."""
    on_path = shutil.which("initdb")
    found = [Path(on_path).parent] if on_path else sorted(_DEBIAN.glob("*/bin"), key=_version)
    return next((p for p in reversed(found) if (p / "postgres").exists()), None)


def _version(programs: Path) -> float:
    with suppress(ValueError):
        return float(programs.parent.name)
    return 0


def _without(reason: str) -> NoReturn:
    message = f"no PostgreSQL for the tests: {reason}; or name a server in {URL_VARIABLE}"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


def _as_user(folder: Path) -> Sequence[str]:
    """What to write before a command: a server refuses to run as root."""
    dies_with_us = ["setpriv", "--pdeathsig", "INT"] if shutil.which("setpriv") else []
    if os.geteuid() != 0:
        return dies_with_us
    if not dies_with_us:
        _without("a server does not run as root, and setpriv is not there to change the user")
    user = _unprivileged()
    os.chown(folder, user.pw_uid, user.pw_gid)
    ids = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    return [*dies_with_us, *ids, "--"]


def _unprivileged() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    _without("there is no user postgres or nobody to run it")


@contextmanager
def _started(
    programs: Path, folder: Path, before: Sequence[str], given: Mapping[str, str]
) -> Iterator[URL]:
    data, said = folder / "data", folder / "log"
    _check([*before, str(programs / "initdb"), "-D", str(data), "-U", "wirewatch", *_INITDB])
    settings = {**given, "unix_socket_directories": str(folder)}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    with said.open("wb") as log:
        server = subprocess.Popen(
            [*before, str(programs / "postgres"), "-D", str(data), *options],
            stdout=log,
            stderr=log,
            cwd=folder,
        )
    try:
        admin = URL.create(
            "postgresql+asyncpg",
            username="wirewatch",
            database="postgres",
            query={"host": str(folder)},
        )
        _wait_for(admin, server, said)
        yield admin
    finally:
        server.terminate()
        server.wait(_PATIENCE_SECONDS)


_INITDB = ("-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions")


def _check(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 0, f"{command[-1]}: {done.stdout}{done.stderr}"


def _wait_for(admin: URL, server: "subprocess.Popen[bytes]", said: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        assert server.poll() is None, f"the server ended: {said.read_text()}"
        assert time.monotonic() < deadline, f"the server does not answer: {said.read_text()}"
        with suppress(OSError, DBAPIError):
            return _in_thread(PostgresServer(admin, "").order("SELECT 1"))
        time.sleep(0.05)


async def _migrate(url: str) -> None:
    async with open_database(url):
        pass


def _in_thread(work: Coroutine[Any, Any, None]) -> None:
    """Run to the end beside the event loop that pytest may be keeping."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work).result()
