"""A matcher like the real one, with a stage that fails where an article's title says so.

`kill before sending`, `kill after sending`: the process kills itself there, once: the folder
given first remembers it. `always fails`: a bug. `slow`: takes its time.
Members that are gone are missed within seconds. `--away SECONDS` is after how long a member
that does not fetch is put out.
"""

import asyncio
import os
import signal
import sys
from argparse import ArgumentParser
from dataclasses import dataclass, replace
from pathlib import Path

from schemas.article import Article
from schemas.message import MalformedMessageError
from services.bus.kafka import open_kafka_bus
from services.bus.kafka_connection import KafkaTimes
from services.bus.loop import Handler
from services.bus.port import Record
from services.bus.shared import kafka_servers
from services.matcher.__main__ import matcher_parts
from services.matcher.assembly import match_stage
from services.matcher.rules import RulesInForce
from services.runtime.lifecycle import Part
from services.runtime.log import configure_logging
from services.runtime.process import Process, run_until_signal
from services.runtime.settings import load_settings

HASTY = KafkaTimes(session=3.0, heartbeat=0.3, hand_over=3.0, answer=2.0)


@dataclass(frozen=True, slots=True)
class FailingStage:
    """The stage, and what goes wrong around it."""

    stage: Handler
    memory: Path

    async def handle(self, record: Record) -> None:
        """See the loop."""
        title = _title(record)
        if "slow" in title:
            await asyncio.sleep(0.02)
        if "always fails" in title:
            raise KeyError(title)
        if "kill before sending" in title:
            self._die_once("before")
        await self.stage.handle(record)
        if "kill after sending" in title:
            self._die_once("after")

    def _die_once(self, where: str) -> None:
        if not (self.memory / where).exists():
            (self.memory / where).touch()
            os.kill(os.getpid(), signal.SIGKILL)


def _title(record: Record) -> str:
    try:
        return Article.decode(record.value).title
    except MalformedMessageError:
        return ""


def main() -> int:
    parser = ArgumentParser()
    parser.add_argument("memory", type=Path)
    parser.add_argument("--away", type=float, default=HASTY.away)
    options = parser.parse_args()
    times = replace(HASTY, away=options.away)

    async def assemble(process: Process) -> dict[str, Part]:
        opening = open_kafka_bus(kafka_servers(process.settings), times=times)
        bus = await process.stack.enter_async_context(opening)
        rules = RulesInForce(process.metrics)
        stage = FailingStage(match_stage(bus, rules, process.metrics), options.memory)
        return matcher_parts(process, bus, rules, stage, times)

    settings, _ = load_settings()
    configure_logging(settings.log_level, settings.log_format)
    return asyncio.run(run_until_signal("matcher", settings, assemble))


if __name__ == "__main__":
    sys.exit(main())
