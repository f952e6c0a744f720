"""What is wrong with a message, or with the words for it, fails visibly and blocks nobody."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial

import pytest

from services.notifier.render import CannotRenderError, render_slack_reply
from services.notifier.render.guarded import guarded
from services.store import failures
from services.store.database import Database
from tests.notifier import inboxes
from tests.notifier.alerts import NOW, ferry_alert
from tests.notifier.inboxes import Inbox
from tests.notifier.sending import SendingDesk

BUG = CannotRenderError("KeyError")


@pytest.fixture
def desk(database: Database) -> SendingDesk:
    return SendingDesk(database)


async def test_a_message_that_cannot_be_shown_is_sent_plainly(desk: SendingDesk) -> None:
    await desk.queue("a", "b")
    desk.channel.answers.append(BUG)
    assert await desk.send_due(desk.sender()) == ["a", "a", "b"]
    assert await desk.states() == {"a": "delivered", "b": "delivered"}


async def test_one_that_cannot_even_be_shown_plainly_has_failed_and_blocks_nothing(
    desk: SendingDesk,
) -> None:
    await desk.queue("a", "b")
    desk.channel.answers.extend([BUG, BUG])
    await desk.send_due(desk.sender())
    row = (await desk.rows())["a"]
    assert (row.state, row.reason, row.detail) == (
        "failed",
        "invalid_message",
        "the message cannot be shown: KeyError",
    )
    assert (await desk.states())["b"] == "delivered"
    async with desk.database.read() as tx:
        (episode,) = await failures.untold(tx, desk.clock())
    assert (episode.channel_id, episode.reason) == ("desk", "invalid_message")


def test_a_renderer_that_raises_says_so_without_its_words() -> None:
    def broken(_: str) -> str:
        raise KeyError("SECRET")

    with pytest.raises(CannotRenderError, match=r"^KeyError$"):
        guarded(broken)("x")


EVERY_CHANNEL = {
    "console": inboxes.console,
    "slack webhook": inboxes.slack_webhook,
    "slack bot": inboxes.slack_bot,
    "email": inboxes.email,
    "webhook": inboxes.webhook,
    "apprise": partial(inboxes.apprise, "json"),
}


@pytest.mark.parametrize("opened", EVERY_CHANNEL.values(), ids=EVERY_CHANNEL)
async def test_every_channel_tells_a_renderers_bug_from_an_outage(
    opened: Callable[[], AbstractAsyncContextManager[Inbox]],
) -> None:
    unforeseen = ferry_alert().model_copy(update={"title": None})
    async with opened() as inbox:
        with pytest.raises(CannotRenderError):
            await inbox.channel.send(unforeseen, NOW, inbox.before)
        await inbox.channel.close()


def test_so_does_slacks_reply() -> None:
    with pytest.raises(CannotRenderError):
        render_slack_reply(ferry_alert().model_copy(update={"title": None, "others": (None,)}))
