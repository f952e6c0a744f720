"""Bringing a database's schema up to date with Alembic, on a connection that is open."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, text

from services.runtime.process import CannotStartError

_MIGRATIONS = Path(__file__).parent / "migrations"
# Any number that nothing else in this database locks: "wirewatch" on a telephone's keys.
_LOCK = 947_392_824


def upgrade(connection: Connection) -> None:
    """Run the migrations that this database has not seen yet, within its transaction.

    Processes that start together take turns. Raises CannotStartError for a database that a
    later version has migrated.
    """
    if connection.dialect.name == "postgresql":  # SQLite has one writer anyway
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    try:
        command.upgrade(alembic_config(connection), "head")
    except CommandError as error:
        raise CannotStartError(
            f"the database does not fit this version of wirewatch ({error}); was it used by a "
            "later one? Run that version, or restore the backup made before it"
        ) from error


def alembic_config(connection: Connection) -> Config:
    """Alembic's configuration for an open connection."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    return config
