"""What `wirewatch silences add` is asked for, read from what was typed. PURE."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from services.notifier import clean
from services.notifier.actions.silence_form import LONGEST_AUTHOR, LONGEST_REASON
from services.store.silences import Silence, SilenceKind

LONGEST = timedelta(days=366)
_LENGTH = re.compile(r"([1-9][0-9]{0,4})([mhdw])")
_UNITS = {
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}


class NotValidError(Exception):
    """What was asked for is no silence; the text says what it lacks."""


@dataclass(frozen=True, slots=True)
class Typed:
    """The options as they were typed."""

    rule: str | None = None
    source: str | None = None
    story: str | None = None
    subscription: str | None = None
    length: str | None = None
    until: str | None = None
    author: str = ""
    reason: str = ""


def silence_typed(typed: Typed, silence_id: str, now: datetime) -> Silence:
    """The silence that was asked for; raises NotValidError."""
    kind, target = _target(typed)
    author = clean.line(typed.author, LONGEST_AUTHOR)
    reason = clean.line(typed.reason, LONGEST_REASON)
    if not author or not reason:
        raise NotValidError("a silence has an --author and a --reason, so that others know why")
    end = _end(typed, now)
    if end <= now:
        raise NotValidError(f"the end lies in the past: {end:%Y-%m-%d %H:%M} UTC")
    if end - now > LONGEST:
        raise NotValidError("a silence lasts a year at most; take the rule out instead")
    return Silence(silence_id, kind, target, typed.subscription, author, reason, now, end)


def _target(typed: Typed) -> tuple[SilenceKind, str]:
    given = {
        SilenceKind.RULE: typed.rule,
        SilenceKind.SOURCE: typed.source,
        SilenceKind.STORY: typed.story,
    }
    named = [(kind, target.strip()) for kind, target in given.items() if target is not None]
    if len(named) != 1 or not named[0][1]:
        raise NotValidError("name one of --rule, --source and --story")
    if len(named[0][1]) > 200:
        raise NotValidError("that is too long to be the name of a rule, a source or a story")
    return named[0]


def _end(typed: Typed, now: datetime) -> datetime:
    if (typed.length is None) == (typed.until is None):
        raise NotValidError("name one of --for and --until: every silence has an end")
    if typed.length is not None:
        return now + _length(typed.length)
    assert typed.until is not None
    return _moment(typed.until)


def _length(text: str) -> timedelta:
    found = _LENGTH.fullmatch(text.strip())
    if found is None:
        raise NotValidError(f'--for "{text}": write a length like 30m, 2h, 3d or 1w')
    return int(found[1]) * _UNITS[found[2]]


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text.strip())
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise NotValidError(
            f'--until "{text}": write a time like 2026-11-30T08:00 (UTC) or 2026-11-30T08:00+01:00'
        ) from None
