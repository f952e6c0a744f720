"""A message as a mail: subject, plain text and HTML. PURE, but for reading the template.

Leaves addresses and the headers of the protocol to `channels.email`.
"""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from schemas.rule import Severity
from services.notifier import clean
from services.notifier.excerpts import Excerpt
from services.notifier.message import AlertMessage, AnyMessage, NoticeMessage, SummaryMessage
from services.notifier.render import others, wording
from services.notifier.render.cleaned import cleaned, cleaned_notice, cleaned_summary
from services.notifier.render.offers import NO_OFFERS, Offers, offers_in_words

LONGEST_SUBJECT = 160
_COLUMNS = 76
_TEMPLATES = Path(__file__).parents[1] / "templates"
_COLOUR = {
    Severity.LOW: "#6b7280",
    Severity.NORMAL: "#2563eb",
    Severity.HIGH: "#c2410c",
    Severity.URGENT: "#b91c1c",
}


# What a mail offers: a few words and a URL each.
Offered = Sequence[tuple[str, str]]


class RenderedEmail(NamedTuple):
    """The three texts of a mail; the subject is one line of printable characters."""

    subject: str
    text: str
    html: str


def render_email(message: AnyMessage, now: datetime, offers: Offers = NO_OFFERS) -> RenderedEmail:
    """The mail that tells of `message`, sent at `now`."""
    shown = list(offers_in_words(message, offers))
    match message:
        case NoticeMessage():
            return _notice(cleaned_notice(message), shown)
        case SummaryMessage():
            return _summary(cleaned_summary(message), shown)
        case AlertMessage():
            return _alert(cleaned(message), now, shown)


def _alert(message: AlertMessage, now: datetime, offers: Offered) -> RenderedEmail:
    html = _template("alert.html.j2").render(
        message=message,
        title=_subject(message),
        excerpts=[(wording.lead_in(excerpt, message), excerpt) for excerpt in message.excerpts],
        rules=wording.named_rules(message)[0],
        more_rules=wording.named_rules(message)[1],
        facts=list(_facts(message, now)),
        origin=wording.origin(message),
        severity=wording.SEVERITY,
        colour=_COLOUR,
        offers=offers,
    )
    lines = (*_lines(message, now), *_offer_lines(offers))
    return RenderedEmail(_subject(message), _text(lines), html)


def _notice(message: NoticeMessage, offers: Offered) -> RenderedEmail:
    subject = clean.line(f"{message.title} [{wording.NOTICE}]", LONGEST_SUBJECT)
    html = _template("notice.html.j2").render(
        message=message,
        title=subject,
        what=wording.NOTICE,
        colour=_COLOUR[wording.NOTICE_SEVERITY[message.kind]],
        offers=offers,
    )
    lines = (*_notice_lines(message), *_offer_lines(offers))
    return RenderedEmail(subject, _text(lines), html)


def _notice_lines(message: NoticeMessage) -> Iterator[str]:
    for line in (message.title, *message.lines):
        yield from _wrapped(line)
    yield ""
    for name, said in message.facts:
        yield from _wrapped(f"{name}: {said}")


def _summary(message: SummaryMessage, offers: Offered) -> RenderedEmail:
    subject = clean.line(message.title, LONGEST_SUBJECT)
    html = _template("summary.html.j2").render(
        message=message, title=subject, wording=wording, colour=_COLOUR, offers=offers
    )
    lines = (*_summary_lines(message), *_offer_lines(offers))
    return RenderedEmail(subject, _text(lines), html)


def _summary_lines(message: SummaryMessage) -> Iterator[str]:
    for line in (message.title, *message.lines):
        yield from _wrapped(line)
    for item in message.items:
        yield ""
        yield from _item_lines(item)
    if message.left_out:
        yield from ("", wording.left_out(message.left_out))


def _item_lines(item: AlertMessage) -> Iterator[str]:
    yield from _wrapped(f"- {item.title}")
    yield from _wrapped(wording.item_origin(item), "  ")
    yield from _wrapped(wording.rules_in_short(item), "  ")
    if item.url:
        yield item.url  # never wrapped: mail programs link whole lines
    for excerpt in item.excerpts[:1]:
        yield from _wrapped(_sentence(excerpt), "  > ")


def _offer_lines(offers: Offered) -> Iterator[str]:
    for words, url in offers:
        yield ""
        yield f"{words}:"
        yield url  # never wrapped: mail programs link whole lines


def _text(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"


def _subject(message: AlertMessage) -> str:
    test = "Test · " if message.test else ""
    title = clean.line(message.title, LONGEST_SUBJECT - 50)
    return clean.line(f"{test}{title} [{wording.rules_in_short(message)}]", LONGEST_SUBJECT)


def _lines(message: AlertMessage, now: datetime) -> Iterator[str]:
    yield from _wrapped(message.title)
    yield from _wrapped(wording.origin(message))
    if message.url:
        yield message.url  # never wrapped: mail programs link whole lines
    for excerpt in message.excerpts:
        yield from _excerpt_lines(excerpt, message)
    yield ""
    named, more = wording.named_rules(message)
    for rule in named:
        yield from _wrapped(f"Rule: {rule.name} ({wording.SEVERITY[rule.severity].lower()})")
    if more:
        yield f"and {more} more"
    for name, value in _facts(message, now):
        yield from _wrapped(f"{name}: {value}")


def _excerpt_lines(excerpt: Excerpt, message: AlertMessage) -> Iterator[str]:
    lead_in = wording.lead_in(excerpt, message)
    yield ""
    if lead_in:
        yield f"{lead_in}:"
    yield from _wrapped(excerpt.before, "    ")
    yield from _wrapped(_sentence(excerpt), "  > ")
    yield from _wrapped(excerpt.after, "    ")


def _sentence(excerpt: Excerpt) -> str:
    return "".join(f"*{text}*" if is_hit else text for text, is_hit in excerpt.sentence)


def _facts(message: AlertMessage, now: datetime) -> Iterator[tuple[str, str]]:
    if message.others:
        yield "Others", others.in_a_line(message)
    yield "Published", wording.published(message)
    yield "Seen", wording.moment(message.first_seen_at, message.zone)
    yield "Read", wording.what_was_read(message)
    yield "Latency", wording.latency(message, now)


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text,
        _COLUMNS,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


@cache
def _template(name: str) -> Template:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)
