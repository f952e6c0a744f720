"""What can be silenced from a message, and what a form asks for. PURE.

Only what the message is about can be chosen, so that a link silences nothing else.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from services.notifier import clean
from services.notifier.actions.form import Fields
from services.notifier.message import (
    LONGEST_NAME,
    AlertMessage,
    AnyMessage,
    NoticeMessage,
    SummaryMessage,
)
from services.notifier.render.cleaned import cleaned
from services.store.silences import Silence, SilenceKind

LENGTHS = {
    "1h": (timedelta(hours=1), "1 hour"),
    "8h": (timedelta(hours=8), "8 hours"),
    "1d": (timedelta(days=1), "1 day"),
    "1w": (timedelta(weeks=1), "1 week"),
}
_ORDER = (SilenceKind.STORY, SilenceKind.RULE, SilenceKind.SOURCE)
LONGEST_AUTHOR = 80
LONGEST_REASON = 300


@dataclass(frozen=True, slots=True)
class Choice:
    """Something that can be silenced."""

    kind: SilenceKind
    target: str
    label: str

    @property
    def value(self) -> str:
        """What the form sends for it."""
        return f"{self.kind.value}:{self.target}"


@dataclass(frozen=True, slots=True)
class Wish:
    """A silence that somebody asks for."""

    choice: Choice
    length: timedelta
    author: str
    reason: str


@dataclass(frozen=True, slots=True)
class Problems:
    """Why a form asks for no silence."""

    lines: Sequence[str]


def choices_of(message: AnyMessage) -> Sequence[Choice]:
    """What can be silenced from a message: its stories, its rules, its sources."""
    match message:
        case AlertMessage():
            alerts: Sequence[AlertMessage] = (message,)
        case SummaryMessage(items=items):
            alerts = items
        case NoticeMessage():
            return ()
        case _:
            assert_never(message)
    found = {choice.value: choice for kind in _ORDER for choice in _of(alerts, kind)}
    return tuple(found.values())


def wish_of(fields: Fields, choices: Iterable[Choice]) -> Wish | Problems:
    """What a form asks for, or what it lacks."""
    choice = {c.value: c for c in choices}.get(fields.get("what", ""))
    length = LENGTHS.get(fields.get("length", ""))
    author = clean.line(fields.get("author", ""), LONGEST_AUTHOR)
    reason = clean.line(fields.get("reason", ""), LONGEST_REASON)
    if choice is not None and length is not None and author and reason:
        return Wish(choice, length[0], author, reason)
    said = (
        (choice is None, "Choose what is to be silenced."),
        (length is None, "Choose for how long."),
        (not author, "Give your name, so that others know whom to ask."),
        (not reason, "Give a reason, so that others know why."),
    )
    return Problems([line for lacks, line in said if lacks])


def silence_from(wish: Wish, silence_id: str, subscription_id: str, now: datetime) -> Silence:
    """The silence of one subscription that a form asks for."""
    return Silence(
        silence_id,
        wish.choice.kind,
        wish.choice.target,
        subscription_id,
        wish.author,
        wish.reason,
        now,
        now + wish.length,
    )


def _of(alerts: Iterable[AlertMessage], kind: SilenceKind) -> Iterator[Choice]:
    for alert in map(cleaned, alerts):
        match kind:
            case SilenceKind.STORY:
                yield Choice(kind, alert.story_id, f"The story: {alert.title}")
            case SilenceKind.RULE:
                for rule in alert.rules:
                    yield Choice(kind, rule.rule_id, f"The rule: {rule.name}")
            case SilenceKind.SOURCE:
                if alert.source:
                    name = clean.line(alert.source, LONGEST_NAME)
                    yield Choice(kind, alert.source, f"The source: {name}")
            case _:
                assert_never(kind)
