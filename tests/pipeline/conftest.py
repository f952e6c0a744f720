"""The stage for whole-pipeline tests: a newsroom, an installation, and inboxes."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.notifier.smtp_double import SmtpDouble, smtp_double
from tests.pipeline.inboxes import SlackInbox, slack_inbox
from tests.pipeline.newsroom_desk import NewsroomDesk, running_newsroom
from tests.pipeline.stories import REFERENCE
from tests.pipeline.timeline import EmbeddedTimeline
from tests.pipeline.wirewatch_process import WirewatchProcess, wirewatch_process


@pytest.fixture
async def newsroom() -> AsyncIterator[NewsroomDesk]:
    """An empty newsroom."""
    async with running_newsroom() as desk:
        yield desk


@pytest.fixture
async def slack() -> AsyncIterator[SlackInbox]:
    """A Slack channel."""
    async with slack_inbox() as inbox:
        yield inbox


@pytest.fixture
async def mail() -> AsyncIterator[SmtpDouble]:
    """A mail server."""
    async with smtp_double() as server:
        yield server


@pytest.fixture
async def wirewatch(
    tmp_path: Path, newsroom: NewsroomDesk, slack: SlackInbox
) -> AsyncIterator[WirewatchProcess]:
    """An installation that watches the feed "wire" with the reference rule; not started."""
    async with wirewatch_process(tmp_path) as installation:
        installation.env = {"SLACK_TEST_URL": slack.url}
        url = await newsroom.open_feed("wire")
        installation.write("feeds.yaml", {"feeds": [{"id": "wire", "url": url}]})
        installation.write("rules/rules.yaml", {"rules": [REFERENCE]})
        installation.write(
            "channels.yaml",
            {
                "channels": [
                    {"id": "desk", "type": "slack", "webhook_url": {"env": "SLACK_TEST_URL"}}
                ]
            },
        )
        installation.write(
            "subscriptions.yaml",
            {"subscriptions": [{"id": "all", "channel": "desk", "rules": "all"}]},
        )
        yield installation


@pytest.fixture
def timeline(
    newsroom: NewsroomDesk, wirewatch: WirewatchProcess, slack: SlackInbox
) -> EmbeddedTimeline:
    """The timeline over all of it."""
    return EmbeddedTimeline(newsroom, wirewatch, slack)
