"""Episodes begin and end once, with a notice for each, whatever crashes and however many look."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.notice import Notice
from services.poller.health.episodes import EpisodePolicy
from services.poller.health.watch import Watch
from services.poller.memory import to_state
from services.store import feeds, notices, written
from services.store.database import Database, open_database, sqlite_url
from services.store.written import Kind
from tests.poller.faring import DAY, HOUR, MINUTE, START, Faring
from tests.servers.faults import FaultyDatabase


@dataclass
class Room:
    """A database with feeds whose polls are made up, and somebody who watches them."""

    database: Database
    now: datetime = START
    polled: dict[str, Faring] = field(default_factory=dict)

    def feed(self, name: str = "harbour") -> Faring:
        return self.polled.setdefault(name, Faring().answers())

    async def look(self, database: Database | None = None, by: timedelta = MINUTE) -> list[str]:
        """Store what the polls left, look, and say what was told since the last look."""
        before = set(await self.notices())
        async with self.database.write() as tx:
            states = [
                to_state(replace(f.memory, feed_id=name), f.now) for name, f in self.polled.items()
            ]
            await feeds.save_states(tx, states)
        self.now = max([self.now, *(feed.now for feed in self.polled.values())]) + by
        await Watch(database or self.database, lambda: self.now, EpisodePolicy()).look()
        after = await self.notices()
        return sorted(f"{n.feed_id} {n.kind}" for i, n in after.items() if i not in before)

    async def notices(self) -> dict[str, Notice]:
        async with self.database.read() as tx:
            found = await notices.recent(tx, 999)
        return {one.notice_id: Notice.decode(one.notice) for one in found}

    async def episodes(self) -> list[str]:
        async with self.database.read() as tx:
            return sorted(f"{e.feed_id} {e.kind}" for e in await notices.episodes(tx))


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "wirewatch.sqlite")
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def room(url: str) -> AsyncIterator[Room]:
    async with open_database(url) as database:
        yield Room(database)


async def test_a_feed_that_breaks_and_comes_back_is_told_once_each(room: Room) -> None:
    spec = {"id": "harbour", "url": "https://gazette.example/feed", "name": "The Gazette"}
    async with room.database.write() as tx:
        await written.put(tx, Kind.FEEDS, {"harbour": spec}, "apply", START)
    room.feed().answers_for(HOUR)
    assert await room.look() == []
    room.feed().fails_for(2 * HOUR)
    assert await room.look() == ["harbour broken"]
    room.feed().fails_for(9 * HOUR)
    assert await room.look() == []
    room.feed().answers_for(HOUR)
    assert await room.look() == ["harbour answers_again"]
    room.feed().answers_for(DAY)
    assert await room.look() == []
    broken, back = sorted((await room.notices()).values(), key=lambda n: n.raised_at)
    assert (broken.feed_name, broken.host) == ("The Gazette", "gazette.example")
    assert (broken.error, broken.failures) == ("http_error: answered 500", 12)
    assert broken.since == back.since == START + HOUR + 10 * MINUTE
    assert (back.until, back.error) == (START + 12 * HOUR + 15 * MINUTE, None)


async def test_a_feed_that_goes_silent_and_publishes_again_is_told_once_each(room: Room) -> None:
    room.feed().publishes_every(HOUR, 24 * 15).answers_for(30 * HOUR)
    assert await room.look() == ["harbour silent"]
    assert await room.look() == []
    room.feed().pass_by(MINUTE).answers(new=True)
    assert await room.look() == ["harbour publishes_again"]
    silent = next(n for n in (await room.notices()).values() if n.kind == "silent")
    assert silent.usual_gap == pytest.approx(3600, rel=0.05)


async def test_a_feed_that_breaks_again_is_told_again(room: Room) -> None:
    for _ in range(3):
        room.feed().fails_for(2 * HOUR)
        assert await room.look() == ["harbour broken"]
        room.feed().answers_for(HOUR)
        assert await room.look() == ["harbour answers_again"]
    assert len(await room.notices()) == 6


async def test_a_feed_that_is_gone_from_the_configuration_has_no_episode(room: Room) -> None:
    room.feed().fails_for(2 * HOUR)
    room.feed("other").fails_for(2 * HOUR)
    assert len(await room.look()) == 2
    del room.polled["harbour"]
    async with room.database.write() as tx:
        await feeds.forget_feeds(tx, ["harbour"])
    assert await room.look() == []
    assert await room.episodes() == ["other broken"]


async def test_an_outage_of_ours_is_told_once_and_no_feed_by_itself(room: Room) -> None:
    names = [f"feed-{n}" for n in range(12)]
    for name in names:
        room.feed(name).fails_for(30 * MINUTE)
    assert await room.look() == ["None cut_off"]
    for name in names:
        room.feed(name).fails_for(5 * HOUR)
    assert await room.look() == []
    (cut_off,) = (await room.notices()).values()
    assert (cut_off.feeds_failing, cut_off.feeds, cut_off.error) == (12, 12, "http_error")
    for name in names[:-1]:
        room.feed(name).pass_by(MINUTE).answers()
    room.feed(names[-1]).pass_by(MINUTE).fails()
    assert await room.look() == ["None reconnected"]
    assert await room.look() == []  # the last one's failures so far were not its own
    for name in names[:-1]:
        room.feed(name).answers_for(2 * HOUR)
    room.feed(names[-1]).fails_for(2 * HOUR)
    assert await room.look() == ["feed-11 broken"]


async def test_a_second_outage_is_told_again(room: Room) -> None:
    for n in range(6):
        room.feed(str(n))
    for _ in range(2):
        for feed in room.polled.values():
            feed.fails_for(30 * MINUTE)
        assert await room.look() == ["None cut_off"]
        for feed in room.polled.values():
            feed.answers_for(HOUR)
        assert await room.look() == ["None reconnected"]


async def test_a_feed_that_breaks_long_after_most_others_have_died_is_told(room: Room) -> None:
    for name in ("dead-1", "dead-2"):
        room.feed(name).fails_for(HOUR)
    room.feed().answers_for(HOUR)
    assert await room.look() == ["None cut_off"]
    for name in ("dead-1", "dead-2"):
        room.feed(name).fails_for(6 * DAY)
    room.feed().answers_for(5 * DAY)
    assert await room.look() == []
    room.feed().fails_for(DAY)
    assert await room.look() == ["harbour broken"]


async def test_notices_are_kept_for_half_a_year(room: Room) -> None:
    room.feed().fails_for(2 * HOUR)
    assert await room.look() == ["harbour broken"]
    async with room.database.write() as tx:
        await notices.mark_spread(tx, await room.notices(), room.now)
    await room.look(by=170 * DAY)
    assert len(await room.notices()) == 1
    await room.look(by=20 * DAY)
    assert not await room.notices()


async def test_a_feed_that_ends_during_an_outage_is_told_nevertheless(room: Room) -> None:
    for n in range(6):
        room.feed(str(n)).fails_for(30 * MINUTE)
    for _ in range(4):
        room.feed("gone").pass_by(9 * HOUR).says_gone()
    for n in range(6):
        room.feed(str(n)).answers_for(35 * HOUR).fails_for(30 * MINUTE)
    assert await room.look() == ["None cut_off", "gone broken"]


async def test_while_nothing_is_polled_nothing_is_told(room: Room) -> None:
    for n in range(9):
        room.feed(str(n)).publishes_every(HOUR, 24 * 15).fails()
    assert await room.look() == []
    room.now += 9 * DAY
    assert await room.look() == []
    for feed in room.polled.values():
        feed.pass_by(9 * DAY).answers()
    assert await room.look() == []


class DiedError(Exception):
    """The poller died here."""


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", ["begin", "write", "end"])
async def test_a_crash_at_any_step_leaves_each_told_once(
    room: Room, monkeypatch: pytest.MonkeyPatch, step: str, after: bool
) -> None:
    real = getattr(notices, step)

    async def dies(tx: AsyncConnection, *args: Any) -> None:
        if after:
            await real(tx, *args)
        raise DiedError

    room.feed().fails_for(2 * HOUR)
    for expected in ("harbour broken", "harbour answers_again"):
        with monkeypatch.context() as patched:
            patched.setattr(notices, step, dies)
            dead = (step, expected) not in {
                ("begin", "harbour answers_again"),
                ("end", "harbour broken"),
            }
            if dead:
                with pytest.raises(DiedError):
                    await room.look()
                assert len(await room.notices()) == int(expected != "harbour broken")
        if dead:
            assert await room.look() == [expected]
        else:
            await room.look()
        room.feed().answers_for(HOUR)
    assert len(await room.notices()) == 2


async def test_an_answer_of_the_database_that_is_lost_tells_nothing_twice(room: Room) -> None:
    room.feed().fails_for(2 * HOUR)
    lost = FaultyDatabase(room.database, 1, after_commit=True)
    with pytest.raises(Exception, match="away"):
        await room.look(lost)
    assert len(await room.notices()) == 1
    assert await room.look() == []


async def test_of_several_pollers_one_tells(postgres_url: str) -> None:
    async with open_database(postgres_url) as one, open_database(postgres_url) as two:
        room = Room(one)
        for n in range(4):
            room.feed(str(n)).fails_for(2 * HOUR)
        async with one.write() as tx:
            states = [to_state(replace(f.memory, feed_id=i), f.now) for i, f in room.polled.items()]
            await feeds.save_states(tx, states)
        watches = [
            Watch(database, lambda n=n: START + 3 * HOUR + n * MINUTE, EpisodePolicy())  # type: ignore[misc]
            for n, database in enumerate((one, two))
        ]
        async with asyncio.timeout(60):
            await asyncio.gather(*(watch.look() for watch in watches))
        assert len(await room.notices()) == 4
