"""The housekeeper prunes now and then, and outlives a bus that is away."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from schemas.topics import MATCHES_DLQ, TOPICS, Topic
from services.bus.port import BusUnavailableError, Outgoing
from services.bus.sqlite import open_bus
from services.bus.sqlite_retention import Entry, keep_house, superseded
from tests.contracts.bus_contract import PATIENCE

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


class Patient:
    """A bus that is away the first time."""

    def __init__(self) -> None:
        self.asked: list[datetime] = []
        self.done = asyncio.Event()

    async def prune(self, now: datetime, topics: Sequence[Topic] = TOPICS) -> int:
        self.asked.append(now)
        if len(self.asked) == 1:
            raise BusUnavailableError("disk full")
        self.done.set()
        return 3


async def test_a_bus_that_is_away_is_pruned_the_next_time() -> None:
    bus = Patient()
    with capture_logs() as logs:
        house = asyncio.create_task(keep_house(bus, clock=lambda: NOON, every=timedelta()))
        await asyncio.wait_for(bus.done.wait(), PATIENCE)
        house.cancel()
        with suppress(asyncio.CancelledError):
            await house
    assert bus.asked[:2] == [NOON, NOON]
    assert [log["event"] for log in logs][:2] == [
        "the bus could not be pruned",
        "records deleted from the bus",
    ]


async def test_every_declared_topic_is_pruned(tmp_path: Path) -> None:
    async with open_bus(tmp_path / "bus", clock=lambda: NOON) as bus:
        for topic in TOPICS:
            await bus.send_all([Outgoing(topic, "k", b"old"), Outgoing(topic, "k", b"new")])
        # Nobody has read articles and matches; the rules keep their last value.
        assert await bus.prune(NOON + timedelta(days=1_000)) == 5
        assert [len(await bus.tail(topic, 9)) for topic in TOPICS] == [2, 1, 2, 0, 0]
        assert not await bus.tail(MATCHES_DLQ, 1)


keys = st.sampled_from("abc")


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.lists(st.tuples(keys, st.booleans(), st.integers(0, 9))), st.integers(0, 9))
def test_compaction_changes_no_key_s_last_value(
    history: list[tuple[str, bool, int]], cutoff: int
) -> None:
    entries = [Entry(n, key, at, dead) for n, (key, dead, at) in enumerate(history)]
    gone = superseded(entries, cutoff)
    kept = [entry for entry in entries if entry.offset not in gone]

    def values(of: list[Entry]) -> dict[str, int]:
        last = {entry.key: entry for entry in of}
        return {key: entry.offset for key, entry in last.items() if not entry.is_tombstone}

    assert values(kept) == values(entries)
    assert gone == sorted(set(gone))
    # Whenever it stops in between, no deleted key comes back.
    for done in range(len(gone)):
        assert values([e for e in entries if e.offset not in gone[:done]]) == values(entries)
