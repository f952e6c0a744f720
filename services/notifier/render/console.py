"""A message as a panel on a terminal. PURE: returns what rich prints."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.style import Style
from rich.table import Table
from rich.text import Text

from schemas.rule import Severity
from services.notifier.excerpts import Excerpt
from services.notifier.message import AlertMessage, AnyMessage, NoticeMessage, SummaryMessage
from services.notifier.render import others, wording
from services.notifier.render.cleaned import cleaned, cleaned_notice, cleaned_summary
from services.notifier.render.offers import NO_OFFERS, Offers, offers_in_words

MOST_COLUMNS = 120
"""Wider lines are hard to read."""

_COLOUR = {
    Severity.LOW: "bright_black",
    Severity.NORMAL: "cyan",
    Severity.HIGH: "yellow",
    Severity.URGENT: "red",
}
_HIT = Style(bold=True, color="bright_yellow")
_QUIET = Style(dim=True)


def render_console(
    message: AnyMessage, sent_at: datetime, width: int, offers: Offers = NO_OFFERS
) -> Panel:
    """The message as a panel `width` columns wide (at most 120).

    Texts are `Text` objects: square brackets in a headline are not read as markup.
    """
    offered = list(_offered(message, offers))
    match message:
        case NoticeMessage():
            return _notice(cleaned_notice(message), width, offered)
        case SummaryMessage():
            return _summary(cleaned_summary(message), width, offered)
        case AlertMessage():
            return _alert(cleaned(message), sent_at, width, offered)


def _alert(
    message: AlertMessage, sent_at: datetime, width: int, offered: list[RenderableType]
) -> Panel:
    severity = message.rules[0].severity if message.rules else Severity.LOW
    return _panel([*_parts(message, sent_at), *offered], _title(message), severity, width)


def _notice(message: NoticeMessage, width: int, offered: list[RenderableType]) -> Panel:
    facts = _table((name, Text(said)) for name, said in message.facts)
    title = Text(message.title, style=Style(bold=True))
    parts: list[RenderableType] = [title, *map(Text, message.lines), Text(), facts, *offered]
    return _panel(parts, wording.NOTICE, wording.NOTICE_SEVERITY[message.kind], width)


def _summary(message: SummaryMessage, width: int, offered: list[RenderableType]) -> Panel:
    parts: list[RenderableType] = list(map(Text, message.lines))
    for item in message.items:
        parts += [*([Text()] if parts else []), *_item(item)]
    if message.left_out:
        parts += [Text(), Text(wording.left_out(message.left_out), style=_QUIET)]
    return _panel([*parts, *offered], message.title, wording.gravest(message.items), width)


def _offered(message: AnyMessage, offers: Offers) -> Iterator[RenderableType]:
    rows = [(f"{words}:", url) for words, url in offers_in_words(message, offers)]
    if rows:
        yield Text()
        yield _table((words, Text(url, style=Style(link=url))) for words, url in rows)


def _item(item: AlertMessage) -> Iterator[RenderableType]:
    yield Text(item.title, style=Style(bold=True, link=item.url))
    yield Text(wording.item_origin(item), style=_QUIET)
    yield Text(wording.rules_in_short(item), style=Style(color=_COLOUR[wording.gravest([item])]))
    if item.others:
        yield Text(others.in_a_line(item), style=_QUIET)
    if item.excerpts:
        yield Padding(_sentence(item.excerpts[0]), (0, 0, 0, 3))
    if item.url:
        yield Text(item.url, style=Style(link=item.url, dim=True))


def _panel(parts: Iterable[RenderableType], title: str, severity: Severity, width: int) -> Panel:
    colour = _COLOUR[severity]
    return Panel(
        Group(*parts),
        title=Text(title, style=Style(bold=True, color=colour)),
        title_align="left",
        border_style=colour,
        padding=(1, 2),
        width=max(20, min(width, MOST_COLUMNS)),
    )


def _parts(message: AlertMessage, sent_at: datetime) -> Iterator[RenderableType]:
    link = Style(bold=True, link=message.url) if message.url else Style(bold=True)
    yield Text(message.title, style=link)
    yield Text(wording.origin(message), style=_QUIET)
    for excerpt in message.excerpts:
        yield Text()
        yield from _excerpt(excerpt, message)
    yield Text()
    yield _table(_facts_in_words(message, sent_at))


def _excerpt(excerpt: Excerpt, message: AlertMessage) -> Iterator[RenderableType]:
    lead_in = wording.lead_in(excerpt, message)
    if lead_in:
        yield Text(f"{lead_in}:", style=_QUIET)
    quoted = Text()
    quoted.append(f"{excerpt.before} " if excerpt.before else "", style=_QUIET)
    quoted.append_text(_sentence(excerpt))
    quoted.append(f" {excerpt.after}" if excerpt.after else "", style=_QUIET)
    yield Padding(quoted, (0, 0, 0, 3))


def _sentence(excerpt: Excerpt) -> Text:
    return Text.assemble(
        *((text, _HIT if is_hit else Style()) for text, is_hit in excerpt.sentence)
    )


def _table(rows: Iterable[tuple[str, Text]]) -> Table:
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style=_QUIET, no_wrap=True)
    facts.add_column(overflow="fold")
    for name, value in rows:
        facts.add_row(name, value)
    return facts


def _facts_in_words(message: AlertMessage, sent_at: datetime) -> Iterator[tuple[str, Text]]:
    yield from _rules(message)
    if message.others:
        yield "Others", Text(others.in_a_line(message))
    yield "Published", Text(wording.published(message))
    yield "Seen", Text(wording.moment(message.first_seen_at, message.zone))
    yield "Read", Text(wording.what_was_read(message))
    yield "Latency", Text(wording.latency(message, sent_at))
    if message.url:
        yield "Link", Text(message.url, style=Style(link=message.url))


def _rules(message: AlertMessage) -> Iterator[tuple[str, Text]]:
    named, more = wording.named_rules(message)
    label = "Rule" if len(message.rules) == 1 else "Rules"
    for rule in named:
        severity = (f"{wording.SEVERITY[rule.severity]:<8}", Style(color=_COLOUR[rule.severity]))
        yield label, Text.assemble(severity, (rule.name, Style(bold=True)))
        label = ""
    if more:
        yield "", Text(f"and {more} more")


def _title(message: AlertMessage) -> str:
    return f"{'Test · ' if message.test else ''}{wording.rules_in_short(message)}"
