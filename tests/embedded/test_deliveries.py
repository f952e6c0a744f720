"""`wirewatch deliveries`: the operator finds what failed, why, and sends it again or lets it be."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection
from typer.testing import Result

from services.runtime.clock import utc_now
from services.store import deliveries, suspensions
from services.store.database import open_database, sqlite_url
from services.store.deliveries import DeliveryKind, NewDelivery
from services.store.suspensions import Suspension
from tests.embedded.command_line import an_empty_place, typed
from tests.notifier.alerts import ferry_alert

__all__ = ["an_empty_place"]

HOUR = timedelta(hours=1)
Act = Callable[[AsyncConnection], Awaitable[Any]]


@pytest.fixture(params=["sqlite", "postgres"], autouse=True)
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "sqlite":
        (tmp_path / "var").mkdir()
        return sqlite_url(tmp_path / "var" / "wirewatch.sqlite")
    url = str(request.getfixturevalue("postgres_url"))
    monkeypatch.setenv("WIREWATCH_DATABASE_URL", url)
    return url


def do(url: str, act: Act) -> None:
    async def work() -> None:
        async with open_database(url) as database, database.write() as tx:
            await act(tx)

    asyncio.run(work())


def queue(url: str, *names: str, channel: str = "desk", ago: timedelta = HOUR) -> None:
    message = ferry_alert().encode()
    new = [NewDelivery(n, f"story of {n}", "night", 1, channel, message) for n in names]
    do(url, lambda tx: deliveries.enqueue(tx, new, utc_now() - ago))


def fail(url: str, *names: str, reason: str = "refused", channel: str = "desk") -> None:
    async def act(tx: AsyncConnection) -> None:
        now = utc_now()
        rows = await deliveries.lease(tx, channel, "me", now, now + HOUR, 99)
        for row in rows:
            if row.delivery_id in names:
                await deliveries.record_failed(tx, row, reason, f"why {row.delivery_id}", now)
        await deliveries.release(tx, "me")

    do(url, act)


def names_in(said: Result) -> list[str]:
    rows = [line.split() for line in said.stdout.splitlines()]
    return sorted(r[2] for r in rows if len(r) > 4 and r[0][:2] == "20")


def test_the_list_can_be_narrowed_down_and_counts_failures_by_reason(url: str) -> None:
    queue(url, "a", "b", "c")
    queue(url, "m", channel="mail")
    queue(url, "old", ago=timedelta(days=9))
    fail(url, "a", "b")
    fail(url, "c", reason="expired")
    assert names_in(typed("deliveries", "list")) == ["a", "b", "c", "m", "old"]
    assert names_in(typed("deliveries", "list", "--failed")) == ["a", "b", "c"]
    assert names_in(typed("deliveries", "list", "--is", "pending")) == ["m", "old"]
    assert names_in(typed("deliveries", "list", "--channel", "mail")) == ["m"]
    assert names_in(typed("deliveries", "list", "--subscription", "day")) == []
    assert names_in(typed("deliveries", "list", "--since", "7d")) == ["a", "b", "c", "m"]
    assert names_in(typed("deliveries", "list", "--reason", "expired")) == ["c"]
    table = typed("deliveries", "list", "--failed").stdout.split("\n\n")[1].splitlines()
    assert [line.split()[:3] for line in table[1:]] == [
        ["desk", "refused", "2"],
        ["desk", "expired", "1"],
    ]


def test_an_update_does_not_look_like_a_second_alert_in_the_list(url: str) -> None:
    queue(url, "a")
    message = ferry_alert().encode()
    update = NewDelivery("u", "story of a", "night", 2, "desk", message, DeliveryKind.UPDATE, "a")
    do(url, lambda tx: deliveries.enqueue(tx, [update], utc_now()))
    newest, alert = typed("deliveries", "list").stdout.splitlines()
    assert newest.endswith("(update: others report it, too)")
    assert "update" not in alert


def test_what_cannot_be_meant_is_refused(url: str) -> None:
    for wrong in (
        ("list", "--since", "yesterday"),
        ("list", "--reason", "bad luck"),
        ("retry",),
        ("retry", "a", "--failed"),
        ("retry", "a", "--reason", "refused"),
        ("discard", "a"),
    ):
        assert typed("deliveries", *wrong).exit_code == 2, wrong


def test_everything_that_is_known_of_a_delivery_is_shown(url: str) -> None:
    queue(url, "a")
    fail(url, "a")
    said = typed("deliveries", "show", "a")
    assert said.exit_code == 0
    for words in ("failed", "night -> desk", "attempts     1", "refused: why a", "Nordholm"):
        assert words in said.stdout, words
    assert typed("deliveries", "show", "unknown").exit_code == 1


def test_those_that_failed_are_sent_again_one_by_one_or_by_their_reason(url: str) -> None:
    queue(url, "a", "b", "c")
    fail(url, "a", "b")
    fail(url, "c", reason="expired")
    said = typed("deliveries", "retry", "a", "unknown")
    assert (said.exit_code, said.stdout) == (1, "a: queued again\n")
    assert typed("deliveries", "retry", "--failed", "--channel", "mail").stdout.startswith("0 ")
    said = typed("deliveries", "retry", "--failed", "--reason", "refused")
    assert (said.exit_code, said.stdout) == (0, "1 delivery queued again\n")
    assert names_in(typed("deliveries", "list", "--is", "pending")) == ["a", "b"]


def test_what_is_discarded_says_who_wanted_it_and_why_and_can_be_sent_all_the_same(
    url: str,
) -> None:
    queue(url, "a", "b")
    fail(url, "a")
    said = typed("deliveries", "discard", "a", "b", "c", "--author", "Ann", "--reason", "old news")
    assert (said.exit_code, said.stdout) == (1, "a: discarded\nb: discarded\n")
    assert "discarded by Ann: old news" in typed("deliveries", "show", "b").stdout
    assert names_in(typed("deliveries", "list", "--is", "discarded")) == ["a", "b"]
    assert typed("deliveries", "retry", "b").exit_code == 0


def test_a_suspended_channel_is_named(url: str) -> None:
    now = datetime.fromisoformat("2026-03-14T09:26:53+00:00")
    suspended = Suspension("desk", now, "bad_credentials", "535 no", now)
    do(url, lambda tx: suspensions.begin(tx, suspended))
    told = typed("deliveries", "list").stderr
    assert told == "channel desk is suspended since 2026-03-14 09:26:53 UTC: 535 no\n"
