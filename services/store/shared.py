"""Opening the database that several processes share, as the settings name it."""

from services.runtime.process import CannotStartError, Process
from services.runtime.settings import Settings
from services.store.database import Database, open_database


def shared_database_url(settings: Settings) -> str:
    """The database's URL; raises CannotStartError where the settings name none."""
    if settings.database_url is None:
        raise CannotStartError(
            "WIREWATCH_DATABASE_URL is not set; name the database, as in "
            "postgresql+asyncpg://user@host/wirewatch, or run everything in one process "
            "with `wirewatch run`"
        )
    return settings.database_url.get_secret_value()


async def open_shared_database(process: Process) -> Database:
    """The database of a process of the distributed way, closed with the process."""
    url = shared_database_url(process.settings)
    return await process.stack.enter_async_context(open_database(url))
