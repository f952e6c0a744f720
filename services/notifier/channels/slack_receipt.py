"""Where a message stands in Slack, as the receipt of its delivery: `CHANNEL:TS`. PURE."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

_RECEIPT = re.compile(r"([A-Z0-9]+):(\d{1,11}\.\d{1,9})")
_ID = re.compile(r"[CGD][A-Z0-9]{6,20}")


@dataclass(frozen=True, slots=True)
class Place:
    """A message: the id of its channel, and its time, which is its name there."""

    channel: str
    ts: str

    @property
    def posted_at(self) -> datetime:
        """When it was posted, by Slack's clock."""
        return datetime.fromtimestamp(float(self.ts), UTC)

    @property
    def receipt(self) -> str:
        """The receipt that says so."""
        return f"{self.channel}:{self.ts}"


def place_of(receipt: str | None) -> Place | None:
    """What a receipt says; None if it is of another kind, such as a webhook's."""
    found = _RECEIPT.fullmatch(receipt or "")
    return Place(found[1], found[2]) if found else None


def is_channel_id(channel: str) -> bool:
    """Whether a channel is written as its id, and not as its name or somebody's."""
    return _ID.fullmatch(channel) is not None
