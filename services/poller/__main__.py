"""`wirewatch poller`: polls its share of the feeds; as many of them as are needed."""

from services.bus.shared import open_shared_bus
from services.poller.assembly import open_polling
from services.poller.sharing import HostShare
from services.runtime.lifecycle import Part
from services.runtime.process import Process
from services.store.shared import open_shared_database


async def assemble(process: Process) -> dict[str, Part]:
    """The parts of a poller process."""
    database = await open_shared_database(process)
    bus = await open_shared_bus(process)
    return await open_polling(process, bus, database, HostShare(database))
