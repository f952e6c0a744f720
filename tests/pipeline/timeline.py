"""A test as a timeline: publish, expect in order with deadlines, and prove absence."""

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from tests.pipeline.inboxes import SlackInbox
from tests.pipeline.newsroom_desk import NewsroomDesk
from tests.pipeline.wirewatch_process import Installation, WirewatchProcess, until

InstallationT = TypeVar("InstallationT", bound=Installation)


@dataclass(slots=True)
class Timeline(Generic[InstallationT]):
    """What is published in a newsroom, and what arrives in a Slack channel."""

    newsroom: NewsroomDesk
    wirewatch: InstallationT
    slack: SlackInbox
    published: set[str] = field(default_factory=set)
    expected: int = 0
    own_words: tuple[str, ...] = ()
    """What makes an article no copy of what earlier tests have published."""

    async def publish(self, feed: str, title: str, body: list[str], **details: object) -> str:
        """Publish an article; its URL."""
        url = await self.newsroom.publish(feed, title, [*body, *self.own_words], **details)
        self.published.add(url)
        return url

    async def expect(self, *parts: str, within: float = 20.0) -> str:
        """The next alert arrives within so many seconds and holds all of these."""
        self.expected += 1

        async def arrived() -> bool:
            return len(self.slack.received) >= self.expected

        await until(arrived, f"an alert with {parts}", within)
        payload = self.slack.received[self.expected - 1]
        missing = [part for part in parts if part not in payload]
        assert not missing, f"{missing} not in {payload}"
        return payload

    async def expect_nothing_more(self) -> None:
        """Everything published was read, matched and delivered, and no other alert came."""
        await until(self.at_rest, f"rest: {self.published}")
        assert len(self.slack.received) == self.expected, self.slack.received[self.expected :]

    async def at_rest(self) -> bool:
        """Whether every feed was polled since its last change, and all of it is worked off."""
        state = await self.newsroom.state()
        return bool(state["all_polled"]) and bool(await self.wirewatch.handled(self.published))

    async def polled_again(self, times: int) -> None:
        """Wait until a feed has been polled so many times more, from where it stands."""
        before = await self.newsroom.visits()

        async def often() -> bool:
            visits = await self.newsroom.visits()
            polls = [v for v in visits[len(before) :] if str(v["path"]).startswith("/feeds/")]
            return len(polls) >= times

        await until(often, f"{times} more polls")

    async def articles_since_start(self, count: int) -> None:
        """Wait until so many revisions have been published since the installation started."""
        await self.wirewatch.until_metric("wirewatch_articles_total", count)


EmbeddedTimeline = Timeline[WirewatchProcess]
