"""A message as title and body for a service that Apprise reaches. PURE.

Decides what goes first, for a pager has room for a hundred characters and a chat for thousands:
whole lines, the most telling first, as many as fit. Leaves spelling to `dialects`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, assert_never

from schemas.rule import Severity
from services.notifier import clean
from services.notifier.excerpts import Excerpt
from services.notifier.message import AlertMessage, AnyMessage, NoticeMessage, SummaryMessage
from services.notifier.render import others, wording
from services.notifier.render.cleaned import cleaned, cleaned_notice, cleaned_summary
from services.notifier.render.dialects import Dialect, harmless, harmless_link
from services.notifier.render.offers import NO_OFFERS, Offers, offers_in_words

LONGEST_BODY = 4000
"""Characters. Some services take more, and nobody reads more on a phone."""
_LONGEST_TITLE = 250
_SHORTENED = "… shortened to what fits here"


@dataclass(frozen=True, slots=True)
class Room:
    """What a service has room for, in characters and lines; without a `title`, 0; 0 lines: any."""

    dialect: Dialect
    title: int = _LONGEST_TITLE
    body: int = LONGEST_BODY
    lines: int = 0


class RenderedText(NamedTuple):
    """Title and body; the title is plain text, and empty where a service has no room for one."""

    title: str
    body: str
    severity: Severity


def render_apprise(
    message: AnyMessage, now: datetime, room: Room, offers: Offers = NO_OFFERS
) -> RenderedText:
    """The message as text, within the room that there is."""
    title, lines, severity = _said(message, now, room.dialect)
    named = [(words, harmless_link(url)) for words, url in offers_in_words(message, offers)]
    offered = [room.dialect.link(words, url) for words, url in named]
    shown = clean.cut(title, min(room.title, _LONGEST_TITLE)) if room.title > 0 else ""
    first = [] if shown else [_headline(title, room)]
    return RenderedText(shown, _fitted([*first, *lines, *offered], room), severity)


def _said(
    message: AnyMessage, now: datetime, dialect: Dialect
) -> tuple[str, Iterable[str], Severity]:
    match message:
        case AlertMessage():
            alert = cleaned(message)
            return _title(alert), _alert(alert, now, dialect), wording.gravest([alert])
        case SummaryMessage():
            summary = cleaned_summary(message)
            return harmless(summary.title), _summary(summary, dialect), _gravest(summary)
        case NoticeMessage():
            notice = cleaned_notice(message)
            lines = _notice(notice, dialect)
            return harmless(notice.title), lines, wording.NOTICE_SEVERITY[notice.kind]
        case _:
            assert_never(message)


def _gravest(summary: SummaryMessage) -> Severity:
    return wording.gravest(summary.items)


def _title(message: AlertMessage) -> str:
    before = f"{'Test · ' if message.test else ''}{'Update · ' if message.update else ''}"
    return harmless(f"{before}{message.title}")


def _alert(message: AlertMessage, now: datetime, dialect: Dialect) -> Iterator[str]:
    yield dialect.text(harmless(wording.origin(message)))
    if message.url:
        yield dialect.link("", harmless_link(message.url))
    yield from _rules(message, dialect)
    if message.others:
        yield dialect.text(harmless(others.in_a_line(message)))
    for excerpt in message.excerpts:
        yield from _excerpt(excerpt, message, dialect)
    yield dialect.text(f"Published {harmless(wording.published(message))}")
    yield dialect.text(f"Seen {harmless(wording.moment(message.first_seen_at, message.zone))}")
    yield dialect.text(wording.what_was_read(message))
    latency = wording.latency(message, now)
    yield dialect.text(latency[:1].upper() + latency[1:])


def _rules(message: AlertMessage, dialect: Dialect) -> Iterator[str]:
    named, more = wording.named_rules(message)
    for rule in named:
        severity = dialect.text(f"{wording.SEVERITY[rule.severity]}: ")
        yield severity + dialect.bold(harmless(rule.name))
    if more:
        yield dialect.text(f"and {more} more")


def _excerpt(excerpt: Excerpt, message: AlertMessage, dialect: Dialect) -> Iterator[str]:
    lead_in = wording.lead_in(excerpt, message)
    if lead_in:
        yield dialect.text(f"{lead_in}:")
    around = [dialect.text(harmless(one)) for one in (excerpt.before, excerpt.after)]
    quoted = [around[0], _sentence(excerpt, dialect), around[1]]
    yield dialect.quote + " ".join(filter(None, quoted))


def _sentence(excerpt: Excerpt, dialect: Dialect) -> str:
    spell = {True: dialect.bold, False: dialect.text}
    return "".join(spell[is_hit](harmless(text)) for text, is_hit in excerpt.sentence)


def _summary(message: SummaryMessage, dialect: Dialect) -> Iterator[str]:
    yield from (dialect.text(harmless(line)) for line in message.lines)
    for item in message.items:
        yield dialect.bold(harmless(item.title))
        yield dialect.text(harmless(f"{wording.rules_in_short(item)} · {wording.origin(item)}"))
        if item.url:
            yield dialect.link("", harmless_link(item.url))
    if message.left_out:
        yield dialect.text(wording.left_out(message.left_out))


def _notice(message: NoticeMessage, dialect: Dialect) -> Iterator[str]:
    yield from (dialect.text(harmless(line)) for line in message.lines)
    yield from (dialect.text(harmless(f"{name}: {said}")) for name, said in message.facts)


def _headline(title: str, room: Room) -> str:
    """The title as a line of its own, cut so that it fits however it is spelled."""
    limit = room.body
    while len(line := room.dialect.bold(clean.cut(title, limit))) > room.body and limit > 1:
        limit = max(1, limit - (len(line) - room.body))
    return line


def _fitted(lines: Iterable[str], room: Room) -> str:
    """As many whole lines as there is room for, and that there were more."""
    everything, end = list(lines), room.dialect.line_end
    if _fits(everything, room):
        return end.join(everything)
    kept = [line for line in everything[:1] if _fits([line], room)]
    for line in everything[1:]:
        if not _fits([*kept, line, _SHORTENED], room):
            break
        kept.append(line)
    return end.join([*kept, _SHORTENED] if _fits([*kept, _SHORTENED], room) else kept)


def _fits(lines: list[str], room: Room) -> bool:
    if room.lines and len(lines) > room.lines:
        return False
    return len(room.dialect.line_end.join(lines)) <= min(room.body, LONGEST_BODY)
