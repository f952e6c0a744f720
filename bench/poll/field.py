"""The feeds of a run, and a database in which they have been polled before.

Feeds are spread over many hosts: every address of 127.0.0.0/8 leads to this machine, so the
limit of two connections a host is in force as it is on the Internet.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.folder import FeedSpec
from services.poller import memory as remembered
from services.poller.health.vitals import Vitals
from services.poller.replies import Validators
from services.poller.schedule import Health, Rhythm
from services.store import feeds, written
from services.store.database import Database
from services.store.feeds import FeedState
from services.store.tables import feed_states
from services.store.tables import written as written_table
from services.store.written import Kind

_ETAG = '"5f3759df-1a2b"'
_MODIFIED = "Thu, 01 Jan 2026 00:00:00 GMT"
_AT_ONCE = 1_000
_GENERATION = 1
_NOW = timedelta()


@dataclass(frozen=True, slots=True)
class Field:
    """How many feeds on how many hosts of a server; one in `changed_in` has news every time."""

    feeds: int
    hosts: int
    port: int
    changed_in: int = 0
    full_text: str = "never"

    def specs(self) -> list[FeedSpec]:
        """The feeds."""
        return [
            FeedSpec.model_validate(
                {
                    "id": f"wire-{n:06}",
                    "url": self._url(n),
                    "name": f"The Wire of Harbour {n:,}",
                    "full_text": self.full_text,
                }
            )
            for n in range(self.feeds)
        ]

    @property
    def changed(self) -> int:
        """How many have news."""
        return sum(self.changes(n) for n in range(self.feeds))

    def changes(self, n: int) -> bool:
        """Whether the feed of this number has news every time."""
        return bool(self.changed_in) and n % self.changed_in == 0

    def _url(self, n: int) -> str:
        host = n % self.hosts
        place = f"127.0.{1 + host // 250}.{1 + host % 250}:{self.port}"
        kind = "new" if self.changes(n) else "same"
        return f"http://{place}/{kind}/harbour/{n:06}/rss.xml"


async def configure(database: Database, field: Field, now: datetime) -> None:
    """Store the feeds as applied and as polled before, but for those with news: these are due.

    Their first document is to be read before anything is measured; all else waits till then.
    """
    specs = field.specs()
    states = [_state(spec, field.changes(n), now) for n, spec in enumerate(specs)]
    async with database.write() as tx:
        for start in range(0, len(specs), _AT_ONCE):
            await _write(tx, specs[start : start + _AT_ONCE], now)
            await feeds.save_states(tx, states[start : start + _AT_ONCE])
        await written.set_counter(tx, written.GENERATION, _GENERATION)
        await written.set_counter(tx, written.BROADCAST, _GENERATION)


async def make_due(database: Database, now: datetime) -> None:
    """All feeds are due."""
    async with database.write() as tx:
        await tx.execute(feed_states.update().values(next_due_at=now))


async def _write(tx: AsyncConnection, specs: Sequence[FeedSpec], now: datetime) -> None:
    rows = [
        {
            "kind": Kind.FEEDS.value,
            "item_id": spec.id,
            "spec": spec.model_dump(mode="json", exclude_defaults=True),
            "version": 1,
            "managed_by": "apply",
            "updated_at": now,
        }
        for spec in specs
    ]
    await tx.execute(written_table.insert(), rows)


def _state(spec: FeedSpec, is_new: bool, now: datetime) -> FeedState:
    if is_new:
        return remembered.to_state(remembered.new_memory(spec.id, spec.url, now, _NOW), now)
    memory = remembered.Memory(
        feed_id=spec.id,
        url=spec.url,
        validators=Validators(_ETAG, _MODIFIED),
        body_hash=spec.id.ljust(64, "0"),
        first_fetched_at=now - timedelta(days=30),
        next_due_at=now + timedelta(hours=9),
        health=Health(),
        last_success_at=now - timedelta(minutes=15),
        full_fetch_at=now,
        interval=timedelta(minutes=15),
        rhythm=Rhythm(timedelta(minutes=40), now - timedelta(hours=3)),
        watched_since=now - timedelta(days=30),
        vitals=Vitals(
            answering_since=now - timedelta(days=30), last_new_at=now - timedelta(hours=3)
        ),
    )
    return remembered.to_state(memory, now)
