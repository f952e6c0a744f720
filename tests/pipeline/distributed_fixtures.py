"""The fixtures of the tests on the distributed way; one stack serves them all."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.notifier.reports import text
from tests.pipeline.distributed_stack import RunningStack, Watch, running_stack
from tests.pipeline.inboxes import SlackInbox
from tests.pipeline.newsroom_desk import NewsroomDesk
from tests.pipeline.stories import REFERENCE
from tests.pipeline.timeline import Timeline


@pytest.fixture(scope="session")
def stack() -> Iterator[RunningStack]:
    """The compose file's topology, with two notifiers."""
    with running_stack("--scale", "notifier=2") as running:
        yield running


@pytest.fixture
async def wirewatch(
    stack: RunningStack, tmp_path: Path, newsroom: NewsroomDesk, slack: SlackInbox
) -> AsyncIterator[Watch]:
    """A watch on a feed of this test, with the reference rule; not applied yet."""
    watch = Watch(stack, tmp_path / "config", newsroom)
    stack.webhook.write_text(slack.url)
    url = await newsroom.open_feed("wire")
    watch.write("feeds.yaml", {"feeds": [{"id": watch.feed_id, "url": url}]})
    watch.write("rules/rules.yaml", {"rules": [REFERENCE]})
    channel = {"id": "desk", "type": "slack", "webhook_url": {"file": str(stack.webhook)}}
    watch.write("channels.yaml", {"channels": [channel]})
    subscription = {"id": "all", "channel": "desk", "rules": "all"}
    watch.write("subscriptions.yaml", {"subscriptions": [subscription]})
    yield watch


@pytest.fixture
def timeline(newsroom: NewsroomDesk, wirewatch: Watch, slack: SlackInbox) -> Timeline[Watch]:
    """The timeline over all of it."""
    return Timeline(newsroom, wirewatch, slack, own_words=(f"{text(wirewatch.feed_id, 120)}.",))
