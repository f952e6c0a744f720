"""`wirewatch notifier`: judges matches, sends alerts, broadcasts changed rules.

One notifier judges, the others stand by for it; all of them send.
"""

from services.bus.shared import open_shared_bus
from services.config.broadcast import broadcast_part
from services.notifier.assembly import notifier_parts
from services.runtime.lifecycle import Part
from services.runtime.process import Process
from services.store.shared import open_shared_database


async def assemble(process: Process) -> dict[str, Part]:
    """The parts of a notifier process."""
    database = await open_shared_database(process)
    bus = await open_shared_bus(process)
    return {
        "broadcast": broadcast_part(bus, database),
        **notifier_parts(process, bus, database),
    }
