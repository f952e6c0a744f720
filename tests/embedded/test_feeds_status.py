"""How the feeds fare, as the operator sees it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection
from typer.testing import Result

from schemas.notice import NoticeKind
from services.poller.health.texts import Texts
from services.poller.memory import to_state
from services.runtime.clock import utc_now
from services.store import feeds, notices, pauses, websub, written
from services.store.database import open_database, sqlite_url
from services.store.notices import StoredEpisode
from services.store.written import Kind
from tests.embedded.command_line import an_empty_place, typed
from tests.notifier.notices import stored
from tests.poller.faring import DAY, HOUR, MINUTE, START, Faring

__all__ = ["an_empty_place"]


@dataclass
class Desk:
    """An installation whose feeds have been polled, and somebody who asks about them."""

    url: str
    env: dict[str, str]
    now: datetime = field(default_factory=utc_now)

    def did(self, work: Callable[[AsyncConnection], Awaitable[object]]) -> None:
        async def do() -> None:
            async with open_database(self.url) as database, database.write() as tx:
                await work(tx)

        asyncio.run(do())

    def feed(self, feed_id: str, life: Callable[[Faring], object] | None, **spec: Any) -> None:
        """A feed with its life until now; None for one that was never polled."""
        written_of = {"id": feed_id, "url": f"https://{feed_id}.example/feed", **spec}
        faring = Faring()
        if life is not None:
            life(faring)  # to see how long it takes
            faring = Faring(now=START + (self.now - faring.now))
            life(faring)
        memory = replace(faring.memory, feed_id=feed_id, url=written_of["url"])

        async def store(tx: AsyncConnection) -> None:
            await written.put(tx, Kind.FEEDS, {feed_id: written_of}, "apply", self.now)
            if life is not None:
                await feeds.save_states(tx, [to_state(memory, self.now)])

        self.did(store)

    def asks(self, *arguments: object) -> Result:
        return typed("feeds", "status", *arguments, **self.env)


@pytest.fixture(params=["sqlite", "postgres"])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Desk:
    if request.param == "postgres":
        url = str(request.getfixturevalue("postgres_url"))
        return Desk(url, {"WIREWATCH_DATABASE_URL": url})
    (tmp_path / "var").mkdir()
    return Desk(sqlite_url(tmp_path / "var" / "wirewatch.sqlite"), {})


def well(feed: Faring) -> None:
    feed.answers().publishes_every(HOUR, 30).answers_for(30 * MINUTE)


def broken(feed: Faring) -> None:
    feed.answers().publishes_every(HOUR, 30).fails_for(3 * HOUR)


def silent(feed: Faring) -> None:
    feed.answers().publishes_every(HOUR, 24 * 15).answers_for(30 * HOUR)


def test_the_worst_come_first_and_the_exit_code_says_that_something_is_wrong(desk: Desk) -> None:
    desk.feed("alpha", well)
    desk.feed("bravo", broken)
    desk.feed("charlie", silent)
    desk.feed("delta", None)
    said = desk.asks()
    assert said.exit_code == 1, said.stderr
    lines = said.stdout.splitlines()
    assert lines[0] == "4 feeds: 1 broken, 1 silent, 1 new, 1 ok"
    assert [line.split()[0] for line in lines[2:]] == [
        *("state", "broken", "http_error:", "silent", "new", "ok")
    ]
    assert lines[3].split()[:7] == ["broken", "bravo", "3", "h", "3", "h", "now"]
    assert lines[4].strip() == "http_error: answered 500"
    assert max(map(len, lines)) <= 80


def test_when_every_feed_can_be_read_the_exit_code_is_0(desk: Desk) -> None:
    desk.feed("alpha", well)
    desk.feed("bravo", lambda f: f.answers().pass_by(MINUTE).fails())
    said = desk.asks()
    assert said.exit_code == 0
    assert said.stdout.splitlines()[0] == "2 feeds: 1 failing, 1 ok"


def test_only_those_that_do_not_fare_well(desk: Desk) -> None:
    desk.feed("alpha", well)
    desk.feed("bravo", broken)
    said = desk.asks("--failing")
    assert "bravo" in said.stdout
    assert "alpha" not in said.stdout
    assert "2 feeds: 1 broken, 1 ok" in said.stdout


def test_a_long_id_and_a_long_error_stay_readable(desk: Desk) -> None:
    desk.feed("a" * 80, lambda f: f.answers().fails("http_error: " + "words " * 50))
    lines = desk.asks().stdout.splitlines()
    assert len(lines[3]) <= 80
    assert "aaa…" in lines[3]


def test_for_machines(desk: Desk) -> None:
    desk.feed("alpha", well, name="The Alpha")
    desk.feed("bravo", broken)
    said = desk.asks("--json")
    assert said.exit_code == 1
    found = json.loads(said.stdout)
    assert found["cut_off_since"] is None
    bravo, alpha = found["feeds"]
    assert (bravo["id"], bravo["state"], bravo["failures"]) == ("bravo", "broken", 18)
    assert (alpha["name"], alpha["state"], alpha["error"]) == ("The Alpha", "ok", None)
    assert alpha["usual_gap_seconds"] == pytest.approx(3600, rel=0.05)
    assert alpha["silent_after_seconds"] == 4 * 86_400
    last = datetime.fromisoformat(alpha["last_new_at"])
    assert abs(desk.now - last - 30 * MINUTE) <= timedelta(seconds=1)


def test_everything_about_one_feed(desk: Desk) -> None:
    def life(feed: Faring) -> None:
        well(feed)
        texts = replace(feed.memory.vitals, texts=Texts(3, 4))
        feed.memory = replace(feed.memory, vitals=texts, moved_to="https://new.example/feed")

    desk.feed("alpha", life, name="The Alpha")

    async def more(tx: AsyncConnection) -> None:
        notice = stored(NoticeKind.ANSWERS_AGAIN, feed_id="alpha", raised_at=desk.now - DAY)
        await notices.write(tx, notice)
        await pauses.put(tx, {"new.example": desk.now + 2 * HOUR})
        await websub.add(tx, _subscription(desk.now))

    desk.did(more)
    said = desk.asks("alpha")
    assert said.exit_code == 0, said.stderr
    for words in (
        "alpha  The Alpha",
        "state      ok",
        "https://alpha.example/feed",
        "https://new.example/feed",
        "usually something new every 59 minutes",
        "after 4 days without",
        "75% of the last 4 articles",
        "its host asked for a pause",
        "answers again after 6 hours 48 minutes (not yet sent out)",
        "active, https://hub.example/",
    ):
        assert words in said.stdout, said.stdout
    found = json.loads(desk.asks("alpha", "--json").stdout)
    assert (found["websub"], found["entries_seen"], len(found["notices"])) == ("active", 0, 1)


def _subscription(now: datetime) -> websub.Subscription:
    return websub.Subscription(
        callback="c" * 40,
        feed_id="alpha",
        topic="https://alpha.example/feed",
        hub="https://hub.example/",
        hubs=("https://hub.example/",),
        base="https://us.example",
        secret="s" * 40,
        state=websub.HubState.ACTIVE,
        attempts=0,
        next_at=now + DAY,
    )


def test_a_broken_feed_that_answers_again_says_so(desk: Desk) -> None:
    def life(feed: Faring) -> None:
        broken(feed)
        feed.pass_by(MINUTE).answers()

    desk.feed("alpha", life)

    async def episode(tx: AsyncConnection) -> None:
        await notices.begin(tx, StoredEpisode("alpha", "broken", desk.now - DAY, desk.now))

    desk.did(episode)
    assert "ok; it answers again, for a short time yet" in desk.asks("alpha").stdout


def test_an_outage_of_our_network_stands_above_all(desk: Desk) -> None:
    desk.feed("alpha", broken)

    async def episode(tx: AsyncConnection) -> None:
        since = desk.now - 3 * HOUR
        await notices.begin(tx, StoredEpisode("*", "cut_off", since, since))

    desk.did(episode)
    assert "most feeds cannot be read since 3 h" in desk.asks().stdout
    assert json.loads(desk.asks("--json").stdout)["cut_off_since"] is not None


def test_no_credential_is_shown(desk: Desk) -> None:
    in_path = "0123456789abcdef0123456789abcdef"
    url = f"https://private.example/{in_path}/feed?key=hunter2secret"

    def life(feed: Faring) -> None:
        feed.answers().fails(f"http_error: {url}&token=hunter3secret refused")
        feed.memory = replace(feed.memory, moved_to=url)

    desk.feed("private", life, url=url, token={"env": "TOKEN_NAME"})
    for said in (desk.asks(), desk.asks("private"), desk.asks("--json")):
        for secret in ("hunter2secret", "hunter3secret", "TOKEN_NAME"):
            assert secret not in said.stdout
    (found,) = json.loads(desk.asks("--json").stdout)["feeds"]
    assert in_path not in found["url"] + found["moved_to"]


def test_hostile_words_of_a_server_steer_no_terminal(desk: Desk) -> None:
    desk.feed("alpha", lambda f: f.answers().fails("http_error: \x1b]0;owned\x07\u202e"))
    for said in (desk.asks(), desk.asks("alpha"), desk.asks("--json")):
        assert not {"\x1b", "\x07", "\u202e"} & set(said.stdout)


def test_a_feed_that_is_not_there_is_said_to_be_so(desk: Desk) -> None:
    desk.feed("harbour", well)
    said = desk.asks("harbor")
    assert (said.exit_code, said.stdout) == (2, "")
    assert 'there is no feed "harbor"; did you mean "harbour"?' in said.stderr


def test_without_a_state_folder_nothing_can_be_said(tmp_path: Path) -> None:
    said = typed("feeds", "status", "--state", tmp_path / "nowhere")
    assert said.exit_code == 2
    assert "no such state folder" in said.stderr


def test_without_feeds_there_is_nothing_to_say(desk: Desk) -> None:
    desk.did(lambda tx: written.counter(tx, "generation"))
    assert (desk.asks().exit_code, desk.asks().stdout) == (0, "0 feeds\n")
