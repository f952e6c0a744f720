"""A channel as the sender sees it: give it a message, get back how that ended.

Every channel passes `tests/contracts/channel_contract.py`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.notifier.message import AnyMessage
from services.notifier.outcome import Outcome

ATTEMPT_TIMEOUT = 30.0
"""Seconds an attempt may take, unless a channel is opened with another bound."""

CLOSING_TIMEOUT = 2.0
"""Seconds a channel may spend on saying goodbye after an attempt, on top of its bound.

A lease on a delivery must last longer than both together.
"""


@dataclass(frozen=True, slots=True)
class Before:
    """What is known of earlier messages and attempts.

    `uncertain`: an earlier attempt at this very message may have arrived. `thread`: the receipt
    of the first message about the story to this subscription, None where there is none.
    `progress`: what the last attempt gave back as such, see `TryLater`. `left_out`: who has
    unsubscribed, by address; an empty address stands for everybody.
    """

    uncertain: bool = False
    thread: str | None = None
    progress: str | None = None
    left_out: frozenset[str] = frozenset()


NOTHING_BEFORE = Before()


class Channel(Protocol):
    """A way to reach people. Opened with `open_channel`; one object per channel.

    The sender calls it from one event loop, and may have several attempts of one
    channel under way at a time.
    """

    async def send(
        self, message: AnyMessage, now: datetime, before: Before = NOTHING_BEFORE
    ) -> Outcome:
        """Make one attempt; `now` is the time that the message gives as sent.

        Ends within the channel's time bound, and blocks nothing but its caller. Every
        expected failure (server away, hanging, refusing, secret missing) is an outcome;
        an exception is a bug, and the caller must treat it as "not delivered". Nothing it
        says (outcome, log, exception) holds a secret. It does not repeat an attempt whose
        end is unknown: that is the caller's decision, and `message.delivery_id` is the
        identity that such a repeat carries; where `before.uncertain`, a channel that can look
        whether it has arrived does so first.
        """

    async def close(self) -> None:
        """Let go of connections. Called once, when no attempt is under way."""
