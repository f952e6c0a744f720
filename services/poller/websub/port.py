"""What polling tells about hubs and asks of pushing; nothing where no hub can reach us."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.folder import FeedSpec
from services.poller.websub.links import Shown


@dataclass(frozen=True, slots=True)
class ReadPoll:
    """A poll that read a document: what it shows of hubs, and how many entries were news.

    `news` is 0 for the first document of an address: nobody was to push that.
    """

    feed: FeedSpec
    shown: Shown | None
    news: int
    started_at: datetime


class Pushing(Protocol):
    """The feeds that hubs push to us, as polling sees them."""

    def is_relied_on(self, feed_id: str) -> bool:
        """Whether pushes arrive, so that the feed is polled at the longest interval."""

    async def read(self, tx: AsyncConnection, poll: ReadPoll) -> None:
        """A poll has read a document; called in the transaction that remembers it."""

    async def unchanged(self, tx: AsyncConnection, feed_id: str, started_at: datetime) -> None:
        """A poll found nothing new; called in the transaction that remembers it."""


class NoPushing:
    """Nobody pushes."""

    def is_relied_on(self, feed_id: str) -> bool:
        """Never."""
        return False

    async def read(self, tx: AsyncConnection, poll: ReadPoll) -> None:
        """Nothing follows from it."""

    async def unchanged(self, tx: AsyncConnection, feed_id: str, started_at: datetime) -> None:
        """Nothing follows from it."""
