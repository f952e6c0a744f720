"""The episodes that go on, as they stand in the database. PURE."""

from collections.abc import Iterable
from datetime import datetime

from services.poller.health.episodes import Began, Change, Episode, EpisodeKind, Open
from services.store.notices import StoredEpisode

EVERY_FEED = "*"
"""In place of a feed's id, which is never so: an episode of all feeds together."""

_KINDS = {kind.value: kind for kind in EpisodeKind}
_SPARED = "spared"  # not an episode: when the last time that most feeds failed was over


class Ledger:
    """The episodes of all feeds, and which of their feeds have been seen."""

    def __init__(self, stored: Iterable[StoredEpisode]) -> None:
        self._stored = {(one.feed_id, one.kind): one for one in stored}
        self._open: dict[str, dict[EpisodeKind, Episode]] = {}
        for one in self._stored.values():
            if (kind := _KINDS.get(one.kind)) is not None:
                self._open.setdefault(one.feed_id, {})[kind] = Episode(kind, one.since)
        self.unseen = self._open.keys() - {EVERY_FEED}
        """Feeds with episodes that nobody has asked for."""

    def of(self, feed_id: str) -> Open:
        """The episodes of a feed, which is there."""
        self.unseen.discard(feed_id)
        return self._open.get(feed_id, {})

    @property
    def down(self) -> Episode | None:
        """That most feeds cannot be read."""
        return self._open.get(EVERY_FEED, {}).get(EpisodeKind.CUT_OFF)

    @property
    def down_since(self) -> datetime | None:
        """Since when that is so."""
        return self.down.since if self.down else None

    @property
    def spared_until(self) -> datetime | None:
        """Failures of before were not the feeds' own."""
        spared = self._stored.get((EVERY_FEED, _SPARED))
        return spared.since if spared else None

    def stored(self, feed_id: str, change: Change, now: datetime) -> StoredEpisode:
        """The episode of a change as it is stored, or is to be."""
        episode = change.episode
        if isinstance(change, Began):
            return StoredEpisode(feed_id, episode.kind.value, episode.since, now)
        return self._stored[feed_id, episode.kind.value]

    def spared(self, until: datetime) -> StoredEpisode:
        """What says that failures of before `until` were not the feeds' own."""
        return StoredEpisode(EVERY_FEED, _SPARED, until, until)
