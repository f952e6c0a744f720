"""The page that shows a message as it was sent, what else reports the story, and what was sent.

Shows what messages say and nothing that is the operator's business, such as what a mail server
answered. It grants nothing beyond: no link to silence or to unsubscribe.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, assert_never

from schemas.message import MalformedMessageError
from services.notifier import clean
from services.notifier.actions.page import Shown
from services.notifier.actions.signed import Grant
from services.notifier.actions.words import GONE
from services.notifier.excerpts import Excerpt
from services.notifier.links import safe_link
from services.notifier.message import (
    LONGEST_NAME,
    LONGEST_TITLE,
    AlertMessage,
    AnyMessage,
    MatchedRule,
    NoticeMessage,
    SummaryMessage,
    decode,
)
from services.notifier.render import wording
from services.notifier.render.cleaned import cleaned, cleaned_notice, cleaned_summary
from services.store import shown
from services.store.database import Database
from services.store.shown import HELD, Kept, Report


@dataclass(frozen=True, slots=True)
class _Seen:
    """An alert as a template shows it."""

    message: AlertMessage
    origin: str
    rules: Sequence[MatchedRule]
    more_rules: int
    excerpts: Sequence[tuple[str, Excerpt]]


@dataclass(frozen=True, slots=True)
class _Outlet:
    title: str
    url: str | None
    source: str
    seen: str


async def show_message(database: Database, grant: Grant, now: datetime) -> Shown:
    """The message of a delivery; changes nothing."""
    async with database.read() as tx:
        kept = await shown.message(tx, grant.about[0])
        message = _decoded(kept)
        if kept is None or message is None:
            return GONE
        told = await shown.messages(tx, kept.story_id, kept.subscription_id)
        reports = await shown.reports(tx, kept.story_id)
    return _page(message, kept, told, reports, now)


def _decoded(kept: Kept | None) -> AnyMessage | None:
    try:
        return None if kept is None else decode(kept.message)
    except MalformedMessageError:  # of a later version, or damaged: nothing to show
        return None


def _page(
    message: AnyMessage,
    kept: Kept,
    told: Iterable[Kept],
    reports: Iterable[Report],
    now: datetime,
) -> Shown:
    common = {"messages": [_told(k, message.zone) for k in told], "severity": wording.SEVERITY}
    match message:
        case AlertMessage():
            alert = cleaned(message)
            sent_at = kept.finished_at or now
            return Shown("alert", common | _alert(alert, sent_at) | _outlets(alert, reports))
        case SummaryMessage():
            summary = cleaned_summary(message)
            facts = {"title": summary.title, "lines": summary.lines, "left_out": summary.left_out}
            return Shown("summary", common | facts | {"items": list(map(_seen, summary.items))})
        case NoticeMessage():
            notice = cleaned_notice(message)
            facts = {"title": notice.title, "lines": notice.lines, "facts": notice.facts}
            return Shown("notice", common | facts)
        case _:
            assert_never(message)


def _alert(message: AlertMessage, sent_at: datetime) -> dict[str, Any]:
    facts = (
        ("Published", wording.published(message)),
        ("Seen", wording.moment(message.first_seen_at, message.zone)),
        ("Read", wording.what_was_read(message)),
        ("Latency", wording.latency(message, sent_at)),
    )
    return {"title": message.title, "seen": _seen(message), "facts": facts}


def _seen(message: AlertMessage) -> _Seen:
    named, more = wording.named_rules(message)
    excerpts = [(wording.lead_in(excerpt, message), excerpt) for excerpt in message.excerpts]
    return _Seen(message, wording.origin(message), named, more, excerpts)


def _outlets(message: AlertMessage, reports: Iterable[Report]) -> dict[str, Sequence[_Outlet]]:
    """The story's other reports, and those of the event; the alert's own is told above."""
    others = [r for r in reports if not _is_own(r, message)]
    same = [_outlet(r, message.zone) for r in others if r.story_id == message.story_id]
    related = [_outlet(r, message.zone) for r in others if r.story_id != message.story_id]
    return {"copies": same, "related": related}


def _is_own(report: Report, message: AlertMessage) -> bool:
    # Not by the link: a report's is the canonical one, and without scheme.
    return (report.source, report.seen_at) == (message.source, message.first_seen_at)


def _outlet(report: Report, zone: str) -> _Outlet:
    return _Outlet(
        title=clean.line(report.title, LONGEST_TITLE) or "(no headline)",
        url=safe_link(f"https://{report.page}") if report.page else None,
        source=clean.line(report.source, LONGEST_NAME),
        seen=wording.moment(report.seen_at, zone),
    )


def _told(kept: Kept, zone: str) -> str:
    """One message to the subscription in a line: when, and what became of it."""
    at = wording.moment(kept.finished_at or kept.created_at, zone)
    match kept.state:
        case "delivered":
            return f"{at}: sent"
        case "failed":
            return f"{at}: given up ({(kept.why or 'unknown').replace('_', ' ')})"
        case "discarded":
            return f"{at}: discarded"
        case state if state == HELD:
            return f"{at}: {'told with others' if kept.finished_at else 'held'} ({kept.why})"
        case _:
            return f"{at}: waits to be sent"
