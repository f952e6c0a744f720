"""`wirewatch matcher`: matches its share of the articles; as many of them as there is work for."""

import asyncio
import sys
from collections.abc import Sequence

import structlog

from schemas.topics import ARTICLES
from services.bus.kafka_connection import KafkaTimes
from services.bus.loop import Handler, OneByOne
from services.bus.part import reporter, watch_lag
from services.bus.port import Bus
from services.bus.shared import kafka_servers, open_shared_bus
from services.matcher.assembly import match_stage, rules_part
from services.matcher.rules import RulesInForce
from services.matcher.worker import Assigned, run_worker
from services.runtime.health import Component
from services.runtime.lifecycle import Part, StopForGoodError, until_stopped
from services.runtime.log import configure_logging
from services.runtime.process import Process, run_until_signal
from services.runtime.settings import SettingsError, load_settings

log = structlog.get_logger()


async def assemble(process: Process) -> dict[str, Part]:
    """The parts of a matcher process."""
    bus = await open_shared_bus(process)
    rules = RulesInForce(process.metrics)
    return matcher_parts(process, bus, rules, match_stage(bus, rules, process.metrics))


def matcher_parts(
    process: Process,
    bus: Bus,
    rules: RulesInForce,
    handler: Handler,
    times: KafkaTimes | None = None,
) -> dict[str, Part]:
    """The follower of the rules, and the worker that runs `handler` once they are known."""
    servers = kafka_servers(process.settings)
    process.refreshes.append(watch_lag(bus, ARTICLES, "matcher", process.metrics))

    async def run(stop: asyncio.Event, component: Component) -> None:
        component.waiting("the rules are not known yet")
        await until_stopped(rules.current(), stop)
        if not stop.is_set():
            component.waiting("joining the group of matchers")
            on_event = reporter(ARTICLES, component, process.metrics)
            one = OneByOne(bus, ARTICLES, handler, on_event, stop)
            await run_worker(servers, one, times or KafkaTimes(), _teller(component))

    return {
        "rules": rules_part(bus, rules, process.settings.cache_folder),
        "matcher": _ending_the_process(run),
    }


def _teller(component: Component) -> Assigned:
    def assigned(partitions: Sequence[int]) -> None:
        log.info("partitions assigned", partitions=partitions, topic=ARTICLES.name)
        component.ready("" if partitions else "no partition is left over; standing by")

    return assigned


def _ending_the_process(part: Part) -> Part:
    """A part that ends the process when it must not go on.

    A matcher has nothing else to do, and its supervisor starts it again.
    """

    async def run(stop: asyncio.Event, component: Component) -> None:
        try:
            await part(stop, component)
        except StopForGoodError as error:
            log.error("the matcher ends", component=component.name, reason=str(error))
            component.stopped(str(error))
            raise SystemExit(1) from error

    return run


def main() -> int:
    """Run a matcher as the environment says; the exit code."""
    try:
        settings, warnings = load_settings()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    configure_logging(settings.log_level, settings.log_format)
    for warning in warnings:
        log.warning(warning)
    return asyncio.run(run_until_signal("matcher", settings, assemble))


if __name__ == "__main__":
    sys.exit(main())
