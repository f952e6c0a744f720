"""A packed feed: nothing of its memory is lost, and it is small."""

import sys
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from services.poller.health.gaps import Gaps
from services.poller.health.texts import Texts
from services.poller.health.vitals import Vitals
from services.poller.memory import Memory, new_memory
from services.poller.moving import Redirects
from services.poller.packing import pack, repack, spec_of, unpack
from services.poller.replies import Validators
from services.poller.schedule import Health, Rhythm

NOW = datetime(2026, 3, 1, 12, 30, 1, 234_567, tzinfo=UTC)
URL = "https://feeds.example/harbour/ships-and-ferries.xml"
SPEC: dict[str, Any] = {"id": "harbour", "url": URL, "headers": {"X-Key": {"env": "HARBOUR_KEY"}}}
FULL = Memory(
    feed_id="harbour",
    url=URL,
    validators=Validators('W/"5f3759df"', "Sun, 01 Mar 2026 12:00:00 GMT"),
    body_hash="0123456789abcdef" * 4,
    first_fetched_at=NOW - timedelta(days=30),
    next_due_at=NOW + timedelta(seconds=1.000001),
    health=Health(failures=2, gone=1, disabled=True),
    last_success_at=NOW,
    full_fetch_at=NOW + timedelta(microseconds=1),
    interval=timedelta(seconds=301.5),
    watched_since=NOW - timedelta(days=31),
    last_error="unreachable: no route to host",
    redirects=Redirects("https://new.example/feed", 2, date(2026, 2, 28)),
    moved_to="https://newer.example/feed",
    rhythm=Rhythm(timedelta(minutes=7), NOW - timedelta(minutes=3)),
    vitals=Vitals(
        failures=3,
        failing_since=NOW - timedelta(hours=1),
        failed_at=NOW,
        answering_since=NOW - timedelta(hours=2),
        last_new_at=NOW - timedelta(hours=3),
        unwatched=timedelta(minutes=4),
        gaps=Gaps(bytes(range(20)), bytes(range(28)), NOW.toordinal()),
        texts=Texts(50, 80),
    ),
)


def test_every_field_of_a_memory_is_restored() -> None:
    assert unpack(pack(SPEC, FULL)) == (SPEC, FULL)
    # A field that is added is tried too: none of them may be left at its default here.
    plain = new_memory("harbour", URL, NOW, timedelta())
    left = [f.name for f in fields(Memory) if getattr(FULL, f.name) in (None, f.default)]
    assert left == []
    assert unpack(pack(SPEC, plain)) == (SPEC, plain)


def test_the_specification_can_be_had_alone() -> None:
    assert spec_of(pack(SPEC, FULL)) == SPEC


def test_a_feed_at_rest_takes_less_than_750_bytes() -> None:
    packed = pack(SPEC, FULL)
    assert sys.getsizeof(packed) + sum(map(sys.getsizeof, packed)) < 750


@pytest.mark.parametrize("name", [field.name for field in fields(Memory)])
def test_what_a_poll_changed_is_packed_whatever_it_is(name: str) -> None:
    plain = new_memory("harbour", URL, NOW, timedelta())
    after = replace(plain, **{name: getattr(FULL, name)})
    assert unpack(repack(SPEC, pack(SPEC, plain), plain, after)) == (SPEC, after)


def test_a_poll_that_changed_its_times_alone_packs_nothing() -> None:
    packed = pack(SPEC, FULL)
    after = replace(FULL, next_due_at=None, last_success_at=NOW + timedelta(1), interval=None)
    again = repack(SPEC, packed, FULL, after)
    assert again[0] is packed[0] and unpack(again) == (SPEC, after)
