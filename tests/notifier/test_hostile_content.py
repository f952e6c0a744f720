"""Whatever an article says, through whichever channel: it arrives, and orders nothing there."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial

import pytest

from services.notifier.message import AnyMessage
from services.notifier.outcome import Delivered
from tests.notifier import inboxes
from tests.notifier.alerts import NOW
from tests.notifier.hostile import EVIL, KINDS, LINKS, TEXTS, summary, ten_thousand_hits
from tests.notifier.inboxes import Inbox

OPENED: dict[str, Callable[[], AbstractAsyncContextManager[Inbox]]] = {
    "console": inboxes.console,
    "slack webhook": inboxes.slack_webhook,
    "slack bot": inboxes.slack_bot,
    "email": inboxes.email,
    "webhook": inboxes.webhook,
    "apprise json": partial(inboxes.apprise, "json"),
    "apprise discord": partial(inboxes.apprise, "discord"),
    "apprise slack": partial(inboxes.apprise, "slack"),
    "apprise telegram": partial(inboxes.apprise, "telegram"),
}
GOOD = "https://gazette.example/story"


async def arrive_tame(channel: str, hosts: set[str], *messages: AnyMessage) -> None:
    async with OPENED[channel]() as inbox:
        for message in messages:
            outcome = await inbox.channel.send(message, NOW, inbox.before)
            assert isinstance(outcome, Delivered), outcome
        await inbox.channel.close()
        inbox.check(hosts | {"gazette.example"})


@pytest.mark.parametrize("attack", TEXTS)
@pytest.mark.parametrize("channel", OPENED)
async def test_no_text_is_more_than_text(channel: str, attack: str) -> None:
    messages = [make(TEXTS[attack], GOOD) for make in KINDS.values()]
    await arrive_tame(channel, set(), *messages)


@pytest.mark.parametrize("attack", LINKS)
@pytest.mark.parametrize("channel", OPENED)
async def test_a_link_leads_where_it_says_or_is_none(channel: str, attack: str) -> None:
    hosts = {
        "user names like a host": {EVIL},
        "a host with look-alikes": {"xn--80ak6aa92e.com"},
        "a host with a wrong full stop": {f"gazette.example.{EVIL}"},
    }.get(attack, set())
    messages = [make("Ferry stops", LINKS[attack]) for make in KINDS.values()]
    await arrive_tame(channel, hosts, *messages)


@pytest.mark.parametrize("channel", OPENED)
async def test_ten_thousand_hits_make_one_short_message(channel: str) -> None:
    await arrive_tame(channel, set(), ten_thousand_hits())


@pytest.mark.parametrize("channel", OPENED)
async def test_a_digest_of_a_hundred_endless_alerts_has_an_end(channel: str) -> None:
    await arrive_tame(channel, set(), summary(TEXTS["a megabyte of words"], GOOD, more=100))
