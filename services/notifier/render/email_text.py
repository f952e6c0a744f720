"""A mail as plain text, for whoever reads it so: as complete as the HTML beside it. PURE."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from services.notifier.excerpts import Excerpt
from services.notifier.message import AlertMessage, NoticeMessage, SummaryMessage
from services.notifier.render import others, wording

_COLUMNS = 76

# What a mail offers: a few words and a URL each.
Offered = Sequence[tuple[str, str]]


def alert_text(message: AlertMessage, now: datetime) -> Iterator[str]:
    """An alert line by line."""
    if message.test:
        yield from ("This is a test.", "")
    named, more = wording.named_rules(message)
    for rule in named:
        yield from _wrapped(f"[{wording.SEVERITY[rule.severity]}] {rule.name}")
    if more:
        yield f"and {more} more"
    yield ""
    yield from _headline(message)
    yield from _wrapped(others.in_a_line(message))
    for excerpt in message.excerpts:
        yield from _excerpt(excerpt, message)
    yield ""
    for name, value in facts(message, now):
        yield from _wrapped(f"{name}: {value}")


def update_text(message: AlertMessage) -> Iterator[str]:
    """What is new of a story that was told: who else reports it."""
    yield from _wrapped(others.in_a_line(message) or others.MORE_REPORTS)
    for other in message.others[: others.MOST_NAMED]:
        yield ""
        yield from _wrapped(f"{other.source} {others.about(other, message.zone)}".rstrip())
        if other.url:
            yield other.url  # never wrapped: mail programs link whole lines
    yield from ("", others.TOLD_OF, "")
    yield from _headline(message)


def notice_text(message: NoticeMessage) -> Iterator[str]:
    """A notice to the operator."""
    for line in (message.title, *message.lines):
        yield from _wrapped(line)
    yield ""
    for name, said in message.facts:
        yield from _wrapped(f"{name}: {said}")


def summary_text(message: SummaryMessage) -> Iterator[str]:
    """Several alerts in one message."""
    for line in (message.title, *message.lines):
        yield from _wrapped(line)
    for item in message.items:
        yield ""
        yield from _item(item)
    if message.left_out:
        yield from ("", wording.left_out(message.left_out))


def footer_text(offers: Offered, footer: str) -> Iterator[str]:
    """What a mail offers, and why it comes."""
    yield from ("", "-- ")
    for words, url in offers:
        yield f"{words}:"
        yield url
    yield from _wrapped(footer)


def facts(message: AlertMessage, now: datetime) -> Iterator[tuple[str, str]]:
    """What is to be known of an alert beside its words: a name and a value."""
    yield "Published", wording.published(message)
    yield "Seen", wording.moment(message.first_seen_at, message.zone)
    yield "Read", wording.what_was_read(message)
    yield "Latency", wording.latency(message, now)


def text_of(lines: Iterable[str]) -> str:
    """Lines as one text."""
    return "\n".join(lines) + "\n"


def _headline(message: AlertMessage) -> Iterator[str]:
    yield from _wrapped(message.title)
    yield from _wrapped(wording.origin(message))
    if message.url:
        yield message.url


def _item(item: AlertMessage) -> Iterator[str]:
    yield from _wrapped(f"- {item.title}")
    yield from _wrapped(wording.item_origin(item), "  ")
    yield from _wrapped(others.in_a_line(item), "  ")
    yield from _wrapped(wording.rules_in_short(item), "  ")
    if item.url:
        yield item.url
    for excerpt in item.excerpts[:1]:
        yield from _wrapped(_sentence(excerpt), "  > ")


def _excerpt(excerpt: Excerpt, message: AlertMessage) -> Iterator[str]:
    lead_in = wording.lead_in(excerpt, message)
    yield ""
    if lead_in:
        yield f"{lead_in}:"
    yield from _wrapped(excerpt.before, "    ")
    yield from _wrapped(_sentence(excerpt), "  > ")
    yield from _wrapped(excerpt.after, "    ")


def _sentence(excerpt: Excerpt) -> str:
    return "".join(f"*{text}*" if is_hit else text for text, is_hit in excerpt.sentence)


def _wrapped(text: str, indent: str = "") -> list[str]:
    if 0 < len(text) <= _COLUMNS - len(indent) and text.isprintable() and text == text.strip():
        return [indent + text]  # most lines are, and textwrap takes its time
    return textwrap.wrap(
        text,
        _COLUMNS,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
