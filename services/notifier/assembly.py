"""The notifier put together: a judge on `matches`, notices, senders on the deliveries table."""

from schemas.topics import MATCHES
from services.bus.part import stage_part, watch_lag
from services.bus.port import Bus
from services.notifier.actions.pages import Pages
from services.notifier.forgetting import Forgetting
from services.notifier.gathering import Gatherer, report_held
from services.notifier.judge import Judge
from services.notifier.silence_ends import SilenceEnds
from services.notifier.spreading import Spreader
from services.notifier.worker import SendingWorker, report_backlog
from services.runtime.clock import utc_now
from services.runtime.lifecycle import Part
from services.runtime.process import Process
from services.runtime.wakeup import Wakeup
from services.store.database import Database


def notifier_parts(process: Process, bus: Bus, database: Database) -> dict[str, Part]:
    """The parts `judge`, `gathering`, `notices`, `silences` and `sender`, with their gauges."""
    metrics, wake = process.metrics, Wakeup()
    judge = Judge(database, metrics, utc_now, wake)
    sending = SendingWorker(database, process.settings, metrics, utc_now, wake)

    async def refresh_backlog() -> None:
        await report_backlog(database, metrics, utc_now)
        await report_held(database, metrics)

    Pages(database, utc_now).serve(process.routes)
    process.refreshes.append(refresh_backlog)
    process.refreshes.append(watch_lag(bus, MATCHES, "notifier", metrics))
    return {
        "judge": stage_part(bus, MATCHES, judge, metrics),
        "gathering": Gatherer(database, metrics, utc_now, wake).run,
        "notices": Spreader(database, utc_now, wake).run,
        "silences": SilenceEnds(database, metrics, utc_now, wake).run,
        "sender": sending.run,
        "forgetting": Forgetting(database, utc_now).run,
    }
