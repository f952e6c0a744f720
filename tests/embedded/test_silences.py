"""`wirewatch silences` and `wirewatch subscriptions`, as an operator types them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy.ext.asyncio import AsyncConnection

from services.embedded.silences.wish import NotValidError, Typed, silence_typed
from services.store import silences, unsubscribed, written
from services.store.database import open_database, sqlite_url
from services.store.silences import Silence, SilenceKind
from services.store.unsubscribed import EVERYBODY, How
from services.store.written import Kind
from tests.embedded.command_line import an_empty_place, typed
from tests.notifier.alerts import NOW, ferry_alert
from tests.notifier.linked_pages import kept

__all__ = ["an_empty_place"]

STATE = Path("var")
WHY = ("--author", "Ann", "--reason", "we have it")
DIGEST = {"digest": "daily 08:00"}


@pytest.fixture(autouse=True)
def state() -> None:
    """A database with a feed, two rules and two subscriptions, in which an alert was told."""
    STATE.mkdir()

    async def fill(tx: AsyncConnection) -> None:
        await written.put(tx, Kind.FEEDS, {"wire": {"id": "wire", "name": "The Wire"}}, "a", NOW)
        await written.put(tx, Kind.RULES, {"iran": {}, "oil": {}}, "apply", NOW)
        desk = {"id": "desk", "channel": "screen", "rules": "all"}
        night = desk | {"id": "night", "mode": DIGEST, "rules": {"ids": ["iran", "oil"]}}
        await written.put(tx, Kind.SUBSCRIPTIONS, {"desk": desk, "night": night}, "apply", NOW)

    async def all_of_it() -> None:
        async with open_database(sqlite_url(STATE / "wirewatch.sqlite")) as database:
            await kept(database, ferry_alert())

    done(fill)
    asyncio.run(all_of_it())


def done(what: Callable[[AsyncConnection], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        async with (
            open_database(sqlite_url(STATE / "wirewatch.sqlite")) as database,
            database.write() as tx,
        ):
            return await what(tx)

    return asyncio.run(run())


def begun() -> Sequence[Silence]:
    return [counted.silence for counted in done(silences.listed)]


@pytest.mark.parametrize(
    ("options", "kind", "target", "subscription"),
    [
        (("--rule", "iran"), SilenceKind.RULE, "iran", None),
        (("--source", "The wire"), SilenceKind.SOURCE, "The wire", None),
        (("--source", "news.example"), SilenceKind.SOURCE, "news.example", None),
        (
            ("--story", ferry_alert().delivery_id, "--subscription", "desk"),
            SilenceKind.STORY,
            ferry_alert().story_id,
            "desk",
        ),
    ],
)
def test_a_rule_a_source_or_a_story_is_silenced_and_listed(
    options: Sequence[str], kind: SilenceKind, target: str, subscription: str | None
) -> None:
    said = typed("silences", "add", *options, "--for", "2h", *WHY)
    assert said.exit_code == 0
    (one,) = begun()
    assert (one.kind, one.target, one.subscription_id) == (kind, target, subscription)
    assert one.ends_at - one.begins_at == timedelta(hours=2)
    listed = typed("silences", "list").stdout
    whom = f"for {subscription or 'everybody'}, until {one.ends_at:%Y-%m-%d %H:%M} UTC"
    assert f"{one.silence_id} {kind.value} {target} {whom}, 0 alerts held back" in listed
    assert "    Ann: we have it" in listed


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--rule", "irn", "--for", "2h", *WHY), 'no rule "irn"; did you mean "iran"?'),
        (("--source", "The Wyre", "--for", "2h", *WHY), 'no feed is called "The Wyre"'),
        (("--story", "abc", "--for", "2h", *WHY), 'no story "abc"'),
        (("--rule", "iran", "--for", "2h", "--subscription", "dsk", *WHY), "no subscription"),
        (("--rule", "iran", *WHY), "every silence has an end"),
        (("--rule", "iran", "--for", "2h", "--until", "2099-01-01", *WHY), "every silence has an"),
        (("--rule", "iran", "--for", "2 hours", *WHY), "write a length like 30m"),
        (("--rule", "iran", "--for", "400d", *WHY), "a year at most"),
        (("--rule", "iran", "--until", "2001-01-01", *WHY), "the end lies in the past"),
        (("--rule", "iran", "--until", "tomorrow", *WHY), "write a time like"),
        (("--rule", "iran", "--for", "2h", "--author", "Ann"), "--reason"),
        (("--rule", "iran", "--source", "wire", "--for", "2h", *WHY), "name one of --rule"),
        (("--for", "2h", *WHY), "name one of --rule"),
    ],
)
def test_what_is_no_silence_is_refused_with_the_way_out(options: Sequence[str], says: str) -> None:
    said = typed("silences", "add", *options)
    assert said.exit_code == 2
    assert says in said.stderr
    assert begun() == []


def test_a_silence_is_ended_by_command_and_still_listed() -> None:
    typed("silences", "add", "--rule", "iran", "--for", "2h", *WHY)
    (one,) = begun()
    said = typed("silences", "expire", one.silence_id)
    assert said.exit_code == 0
    assert f"{one.silence_id} rule iran for everybody, ended " in typed("silences", "list").stdout
    again = typed("silences", "expire", one.silence_id)
    assert (again.exit_code, again.stdout) == (1, "")
    assert f"no silence {one.silence_id} that is in force" in again.stderr


def test_what_ended_long_ago_is_listed_when_asked_for() -> None:
    old = Silence("s-1", SilenceKind.RULE, "iran", None, "Ann", "old", NOW, NOW + timedelta(1))
    done(lambda tx: silences.add(tx, old))
    assert typed("silences", "list").stdout == "no silences in the last 7 days\n"
    assert "s-1 rule iran" in typed("silences", "list", "--all").stdout


@pytest.mark.parametrize(
    ("options", "ends"),
    [
        ({"length": "90m"}, NOW + timedelta(minutes=90)),
        ({"length": "3d"}, NOW + timedelta(days=3)),
        ({"length": "1w"}, NOW + timedelta(weeks=1)),
        ({"until": "2026-03-14T23:00"}, NOW.replace(hour=23, minute=0, second=0)),
        ({"until": "2026-03-14 23:00+01:00"}, NOW.replace(hour=22, minute=0, second=0)),
    ],
)
def test_an_end_is_a_length_or_a_time(options: dict[str, str], ends: object) -> None:
    wish = Typed(rule="iran", author="Ann", reason="x", **options)
    assert silence_typed(wish, "s", NOW).ends_at == ends


def test_a_silence_in_the_name_of_nobody_is_none() -> None:
    with pytest.raises(NotValidError, match="--author"):
        silence_typed(Typed(rule="iran", author="\x00 ", reason="x", length="1h"), "s", NOW)


def test_without_a_state_folder_there_is_nothing_to_silence() -> None:
    said = typed("silences", "list", "--state", "elsewhere")
    assert said.exit_code == 1
    assert "name it with --state" in said.stderr


def test_subscriptions_are_listed_with_who_has_left_them_and_come_back() -> None:
    async def leave(tx: AsyncConnection) -> None:
        await unsubscribed.leave(tx, "desk", EVERYBODY, How.PAGE, NOW)
        await unsubscribed.leave(tx, "night", "ann@desk.example", How.ONE_CLICK, NOW)
        await unsubscribed.leave(tx, "former", "bo@desk.example", How.PAGE, NOW)

    done(leave)
    assert typed("subscriptions", "list").stdout.splitlines() == [
        "desk -> screen: all rules, instant",
        "    nobody is sent anything: unsubscribed 2026-03-14 09:26 UTC (page)",
        "night -> screen: ids iran, oil, digest daily 08:00 (UTC)",
        "    without ann@desk.example: unsubscribed 2026-03-14 09:26 UTC (one-click)",
        "former (not in the configuration): bo@desk.example has unsubscribed",
    ]
    assert typed("subscriptions", "restore", "desk").exit_code == 0
    assert typed("subscriptions", "restore", "night", "Ann@desk.example").exit_code == 0
    assert "unsubscribed 2026" not in typed("subscriptions", "list").stdout
    nobody = typed("subscriptions", "restore", "desk")
    assert (nobody.exit_code, nobody.stdout) == (1, "")


def test_subscriptions_are_listed_with_their_quiet_hours_and_caps() -> None:
    night = {"from": "22:00", "to": "07:00"}
    sunday = {"from": "00:00", "to": "00:00", "days": ["sun"], "urgent": "hold"}
    fields = {"channel": "screen", "rules": "all", "zone": "Europe/Oslo"}
    ann = fields | {"id": "ann", "quiet": night, "cap": 20}
    bob = fields | {"id": "bob", "quiet": sunday}
    stored = {"ann": ann, "bob": bob}
    done(lambda tx: written.put(tx, Kind.SUBSCRIPTIONS, stored, "apply", NOW))
    said = typed("subscriptions", "list").stdout.splitlines()
    assert said[0] == (
        "ann -> screen: all rules, instant, at most 20 of a rule in an hour, "
        "quiet from 22:00 to 07:00 (Europe/Oslo)"
    )
    assert said[1].endswith(
        "quiet from 00:00 to 00:00 on sun, for urgent alerts, too (Europe/Oslo)"
    )


@pytest.mark.parametrize("addresses", [[EVERYBODY], ["ann@desk.example", "bo@desk.example"]])
def test_apply_warns_of_a_subscription_that_nobody_gets_any_more(addresses: list[str]) -> None:
    config = Path("config")
    (config / "rules").mkdir(parents=True)
    mail = {
        "id": "mail",
        "type": "email",
        "host": "smtp.example",
        "sender": "wire@desk.example",
        "recipients": ["Ann@desk.example", "bo@desk.example"],
    }
    subscription = {"id": "desk", "channel": "mail", "rules": "all"}
    for name, content in (
        ("feeds.yaml", {"feeds": [{"id": "wire", "url": "https://example.org/feed"}]}),
        ("rules/all.yaml", {"rules": [{"id": "iran", "name": "Iran", "query": "iran"}]}),
        ("channels.yaml", {"channels": [mail]}),
        ("subscriptions.yaml", {"subscriptions": [subscription]}),
    ):
        (config / name).write_text(yaml.safe_dump(content))
    first = typed("apply", "--config", config, "--prune")
    assert first.exit_code == 0
    assert "nobody gets" not in first.stderr
    for number, address in enumerate(addresses):
        done(partial(leave, address))
        said = typed("apply", "--config", config, "--prune")
        assert said.exit_code == 0
        everybody = number == len(addresses) - 1
        assert ('subscription "desk": nobody gets its messages' in said.stderr) == everybody


async def leave(address: str, tx: AsyncConnection) -> None:
    await unsubscribed.leave(tx, "desk", address, How.PAGE, NOW)
