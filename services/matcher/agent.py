"""What a matcher does with each record of `articles` that its worker hands to it.

Decides whether a record is worked on, and when the worker has to stop. What becomes of a
record is decided in `services.bus.loop`, what counts as progress in `progress`.
"""

import asyncio
from typing import assert_never

from services.bus.loop import OneByOne, Stopped
from services.bus.port import Record
from services.matcher.progress import Leave, Missing, Progress, Take
from services.runtime.lifecycle import StopForGoodError


class RecordsMissingError(StopForGoodError):
    """Records of a partition were not delivered; nothing after them is committed."""


class Agent:
    """Works on one record after another; never raises, because Faust would go on then.

    After a failure, `error` says what it was, `failed` is set, and nothing more is taken: what
    is left is not finished, and so it is read again.
    """

    def __init__(self, one: OneByOne, progress: Progress) -> None:
        self._one = one
        self._progress = progress
        self.failed = asyncio.Event()
        self.error: Exception | None = None

    async def take(self, record: Record) -> None:
        """Work on a record, unless it is not its turn."""
        if self._one.stop.is_set() or self.failed.is_set():
            return
        try:
            if self._is_next(record):
                await self._one.process(record)
                self._progress.finished(record.partition, record.offset)
        except Stopped:
            return
        except Exception as error:
            self.error = error
            self.failed.set()

    def _is_next(self, record: Record) -> bool:
        match self._progress.arrived(record.partition, record.offset):
            case Take():
                return True
            case Leave():
                return False
            case Missing(expected):
                raise RecordsMissingError(_missing(record, expected))
            case arrival:
                assert_never(arrival)


def _missing(record: Record, expected: int) -> str:
    return (
        f"{record.topic}, partition {record.partition}: offset {record.offset} came where "
        f"{expected} was expected, and nothing from there on is committed. Start the matcher "
        "again to read it once more; if that does not help, the topic itself has lost these "
        "records, and the group's offset must be set behind them with kafka-consumer-groups.sh "
        "--reset-offsets"
    )
