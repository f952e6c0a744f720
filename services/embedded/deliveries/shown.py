"""How deliveries are shown: a line each, a table of failures, everything about one. PURE."""

import io
from collections.abc import Iterator, Sequence
from datetime import datetime

from rich.console import Console

from schemas.message import MalformedMessageError
from services.notifier.message import decode
from services.notifier.render import render_console
from services.store.delivery_lists import Failures, Stored

_COLUMNS = 78


def line_of(row: Stored) -> str:
    """A delivery in one line."""
    failed = row.reason and row.state != "delivered"
    why = f" ({row.reason}: {row.detail})" if failed else ""
    if row.state == "discarded" and row.detail:
        why = f" ({row.detail})"
    return (
        f"{row.created_at:%Y-%m-%d %H:%M:%S} {row.delivery_id} {row.state:9} "
        f"{row.subscription_id} -> {row.channel_id} {_title(row.message)}{_more(row)}{why}"
    )


def _more(row: Stored) -> str:
    """What tells an update from the alert that it updates: both have the same headline."""
    return " (update: others report it, too)" if row.kind == "update" else ""


def table_of(failures: Sequence[Failures]) -> Iterator[str]:
    """Failures by channel and reason."""
    if not failures:
        return
    width = max(7, *(len(one.channel_id) for one in failures))
    yield ""
    yield f"{'channel':{width}}  {'reason':15}  failed  last (UTC)"
    for one in failures:
        last = f"{one.last_at:%Y-%m-%d %H:%M:%S}"
        yield f"{one.channel_id:{width}}  {one.reason:15}  {one.number:6}  {last}"


def suspensions_of(suspended: Sequence[tuple[str, datetime, str]]) -> Iterator[str]:
    """Channels that hold their deliveries."""
    for channel, since, detail in suspended:
        yield f"channel {channel} is suspended since {since:%Y-%m-%d %H:%M:%S} UTC: {detail}"


def everything(row: Stored, now: datetime) -> Iterator[str]:
    """All that is known of a delivery, and its message as text."""
    for name, said in _facts(row, now):
        yield f"{name:13}{said}"
    yield ""
    yield from _message(row.message, row.finished_at or now)


def _facts(row: Stored, now: datetime) -> Iterator[tuple[str, str]]:
    yield "delivery", row.delivery_id
    yield "state", row.state
    yield "what", f"{row.kind} {row.sequence} of story {row.story_id}"
    yield "to", f"{row.subscription_id} -> {row.channel_id}"
    yield "created", _time(row.created_at)
    if row.due_at != row.created_at:
        yield "due", f"{_time(row.due_at)}, put back into the queue then"
    yield "attempts", str(row.attempts)
    if row.reason:
        yield "last failure", f"{row.reason}: {row.detail}"
    elif row.detail:
        yield "why", row.detail
    if row.uncertain:
        yield "uncertain", "an attempt may have arrived without our hearing of it"
    if row.progress:
        yield "progress", row.progress
    if row.receipt:
        yield "receipt", row.receipt
    if row.state == "pending":
        yield "next", _next(row, now)
    if row.finished_at:
        yield "finished", _time(row.finished_at)


def _next(row: Stored, now: datetime) -> str:
    if row.leased_until is not None and row.leased_until > now:
        return f"a notifier has it in hand, until {_time(row.leased_until)} at most"
    if row.next_attempt_at > now:
        return _time(row.next_attempt_at)
    return "as soon as a notifier comes to it"


def _message(stored: bytes, sent_at: datetime) -> Iterator[str]:
    try:
        message = decode(stored)
    except MalformedMessageError as error:
        yield f"The message cannot be read: {error}"
        return
    paper = io.StringIO()
    console = Console(file=paper, width=_COLUMNS, color_system=None, emoji=False, markup=False)
    console.print(render_console(message, sent_at, _COLUMNS))
    yield from paper.getvalue().rstrip("\n").split("\n")


def _title(message: bytes) -> str:
    try:
        return decode(message).title
    except MalformedMessageError:
        return "(unreadable)"


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
