"""A message as a mail: subject, plain text and HTML. PURE, but for reading the template.

Decides what the HTML shows and how large it becomes. Leaves the text to `email_text`, addresses
and headers to `channels.mail`.
"""

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from schemas.rule import Severity
from services.notifier import clean
from services.notifier.message import AlertMessage, AnyMessage, NoticeMessage, SummaryMessage
from services.notifier.render import others, wording
from services.notifier.render.cleaned import cleaned, cleaned_notice, cleaned_summary
from services.notifier.render.email_text import (
    Offered,
    alert_text,
    facts,
    footer_text,
    notice_text,
    summary_text,
    text_of,
    update_text,
)
from services.notifier.render.offers import NO_OFFERS, Offers, offers_in_words

LONGEST_SUBJECT = 160
LARGEST_HTML = 100_000
"""Bytes. Gmail cuts off what exceeds 102 kB, and with it the links at the end."""

_LONGEST_PREHEADER = 150
_TEMPLATES = Path(__file__).parents[1] / "templates"
# White on these, and these on white, have a contrast of 4.5 at least (WCAG AA).
_COLOUR = {
    Severity.LOW: "#6b7280",
    Severity.NORMAL: "#2563eb",
    Severity.HIGH: "#c2410c",
    Severity.URGENT: "#b91c1c",
}


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
        case AlertMessage(update=True):
            return _update(cleaned(message), shown)
        case AlertMessage():
            return _alert(cleaned(message), now, shown)


def _alert(message: AlertMessage, now: datetime, offers: Offered) -> RenderedEmail:
    subject = _subject(message)
    named, more = wording.named_rules(message)
    facts_shown = list(facts(message, now))
    html = _html(
        "alert",
        message,
        offers,
        title=subject,
        preheader=_first_sentence([message]),
        excerpts=[(wording.lead_in(excerpt, message), excerpt) for excerpt in message.excerpts],
        rules=named,
        more_rules=more,
        facts=facts_shown,
        origin=wording.origin(message),
        also=others.in_a_line(message),
    )
    return RenderedEmail(subject, _text(alert_text(message, now), message, offers), html)


def _update(message: AlertMessage, offers: Offered) -> RenderedEmail:
    # The subject of the first mail, so that mail programs which thread by it do so.
    subject = clean.line(f"Re: {_subject(message)}", LONGEST_SUBJECT + 4)
    html = _html(
        "update",
        message,
        offers,
        title=subject,
        preheader=others.in_a_line(message),
        also=others.also_reported(message) or others.MORE_REPORTS,
        outlets=others.outlets(message),
        reports=[(o, others.about(o, message.zone)) for o in message.others[: others.MOST_NAMED]],
        told_of=others.TOLD_OF,
        origin=wording.origin(message),
    )
    return RenderedEmail(subject, _text(update_text(message), message, offers), html)


def _notice(message: NoticeMessage, offers: Offered) -> RenderedEmail:
    subject = clean.line(f"{message.title} [{wording.NOTICE}]", LONGEST_SUBJECT)
    html = _html(
        "notice",
        message,
        offers,
        title=subject,
        preheader=" ".join(message.lines),
        what=wording.NOTICE,
        grave=wording.NOTICE_SEVERITY[message.kind],
    )
    return RenderedEmail(subject, _text(notice_text(message), message, offers), html)


def _summary(message: SummaryMessage, offers: Offered) -> RenderedEmail:
    subject = clean.line(message.title, LONGEST_SUBJECT)
    while len((html := _summary_html(message, subject, offers)).encode()) > LARGEST_HTML:
        message = _shorter(message)
    return RenderedEmail(subject, _text(summary_text(message), message, offers), html)


def _summary_html(message: SummaryMessage, subject: str, offers: Offered) -> str:
    return _html(
        "summary",
        message,
        offers,
        title=subject,
        preheader=_first_sentence(message.items),
        wording=wording,
        also=others.in_a_line,
    )


def _shorter(message: SummaryMessage) -> SummaryMessage:
    """The same with fewer of the alerts; the others are counted."""
    kept = message.items[: len(message.items) * 3 // 4]
    more = len(message.items) - len(kept)
    return message.model_copy(update={"items": kept, "left_out": message.left_out + more})


def _subject(message: AlertMessage) -> str:
    test = "Test · " if message.test else ""
    title = clean.line(message.title, LONGEST_SUBJECT - 50)
    return clean.line(f"{test}{title} [{wording.rules_in_short(message)}]", LONGEST_SUBJECT)


def _first_sentence(alerts: Iterable[AlertMessage]) -> str:
    """What a list of mails shows beside the subject."""
    for alert in alerts:
        for excerpt in alert.excerpts[:1]:
            return "".join(text for text, _ in excerpt.sentence)
    return ""


def _html(
    template: str, message: AnyMessage, offers: Offered, *, preheader: str, **values: Any
) -> str:
    return _template(f"{template}.html.j2").render(
        message=message,
        offers=offers,
        footer=wording.why_it_comes(message),
        preheader=clean.line(preheader, _LONGEST_PREHEADER),
        colour=_COLOUR,
        severity=wording.SEVERITY,
        **values,
    )


def _text(lines: Iterable[str], message: AnyMessage, offers: Offered) -> str:
    return text_of([*lines, *footer_text(offers, wording.why_it_comes(message))])


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
