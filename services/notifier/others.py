"""Who else reports what a message tells of: copies, and reports written independently. PURE.

Each outlet counts once, with its first report. A report is a copy of the one that began its
story; a story of its own in the same group of stories is a text of its own.
"""

from collections.abc import Iterator, Sequence

from services.notifier import clean
from services.notifier.links import host_of, safe_link
from services.notifier.message import LONGEST_NAME, MOST_OTHERS, AlertMessage, OtherReport
from services.store.stories import ReportKind, Told


def with_others(message: AlertMessage, told: Sequence[Told]) -> AlertMessage:
    """The message with everybody else who reports what it tells of, as far as `told` knows."""
    own = next((t for t in told if t.article_id == message.article_id), None)
    others = list(_others(told, own.outlet if own is not None else _outlet_of(message)))
    return message.model_copy(
        update={
            "others": tuple(others[:MOST_OTHERS]),
            "others_left_out": len(others[MOST_OTHERS:]),
            "copied_from": _copied_from(own, told) if own is not None else None,
        }
    )


def says_more(new: AlertMessage, old: AlertMessage) -> bool:
    """Whether more outlets are named or counted than before."""
    return _count(new) > _count(old)


def _count(message: AlertMessage) -> int:
    return len(message.others) + message.others_left_out


def _outlet_of(message: AlertMessage) -> str:
    """Whose report it is, where that is not among the told: forgotten, or stored before messages
    named their article."""
    return (message.host or "").removeprefix("www.")


def _others(told: Sequence[Told], own: str) -> Iterator[OtherReport]:
    named = {own}
    for one in told:
        if one.outlet not in named:
            named.add(one.outlet)
            yield _other(one, told)


def _other(one: Told, told: Sequence[Told]) -> OtherReport:
    return OtherReport(
        source=clean.line(one.source, LONGEST_NAME) or one.outlet,
        host=host_of(one.url),
        url=safe_link(one.url),
        is_copy=one.kind is ReportKind.COPY,
        copied_from=_copied_from(one, told),
        seen_at=one.seen_at,
    )


def _copied_from(one: Told, told: Sequence[Told]) -> str | None:
    """The source of the report that began this copy's story; None for what is no copy."""
    if one.kind is not ReportKind.COPY:
        return None
    first = (t for t in told if t.story_id == one.story_id and t.kind is not ReportKind.COPY)
    return next((clean.line(t.source, LONGEST_NAME) for t in first), None)
