"""What a message offers to do, as links: see it, silence what it tells of, unsubscribe. PURE.

Made when the message is sent and never stored, so that an installation that gets a public
address, or another one, has it in the next message. What the links do: `services.notifier.actions`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import assert_never

from services.notifier.actions.signed import Links
from services.notifier.message import AlertMessage, AnyMessage, NoticeMessage, SummaryMessage


@dataclass(frozen=True, slots=True)
class Offers:
    """The URLs of what a message offers; None for what it does not."""

    alert: str | None = None
    silence: str | None = None
    unsubscribe: str | None = None


NO_OFFERS = Offers()


def offers_for(message: AnyMessage, links: Links, address: str = "") -> Offers:
    """What the message offers to whoever reads it; `address` is whose copy it is, if one's own.

    Without an address, unsubscribing ends the whole subscription. A test offers nothing: it
    belongs to no subscription.
    """
    if isinstance(message, AlertMessage) and message.test:
        return NO_OFFERS
    subscription, delivery = message.subscription_id, message.delivery_id
    return Offers(
        alert=links.alert(delivery),
        silence=links.silence(subscription, delivery) if _can_be_silenced(message) else None,
        unsubscribe=links.unsubscribe(subscription, address),
    )


def offers_in_words(message: AnyMessage, offers: Offers) -> Iterator[tuple[str, str]]:
    """Each offer as a few words and its URL, in the order in which a message shows them."""
    see, silence = _words(message)
    named = ((see, offers.alert), (silence, offers.silence), ("Unsubscribe", offers.unsubscribe))
    for words, url in named:
        if url is not None:
            yield words, url


def _can_be_silenced(message: AnyMessage) -> bool:
    match message:
        case AlertMessage():
            return True
        case SummaryMessage(items=items):
            return bool(items)
        case NoticeMessage():
            return False
        case _:
            assert_never(message)


def _words(message: AnyMessage) -> tuple[str, str]:
    match message:
        case AlertMessage():
            return "See this alert", "Silence this story"
        case SummaryMessage():
            return "See these alerts", "Silence some of them"
        case NoticeMessage():
            return "See this notice", ""
        case _:
            assert_never(message)
