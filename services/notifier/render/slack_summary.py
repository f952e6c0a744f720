"""Several alerts as one Slack message: a section for each, as many as Slack takes. PURE."""

from collections.abc import Iterable, Iterator, Sequence

from services.notifier.message import AlertMessage, SummaryMessage
from services.notifier.render import others, wording
from services.notifier.render.slack_blocks import (
    SIGN,
    Block,
    context,
    escaped,
    linked,
    section,
    titled,
    with_hits,
)

# Of the 50 that a message may have, the header, the lines and the count take three.
_MOST_SECTIONS = 45
# Slack refuses a message as a whole with `msg_blocks_too_long`; where it does so is written
# nowhere, and people have met it from about 13,000 characters.
_MOST_CHARACTERS = 12_000
_MOST_IN_SHORT = 5


def summary_blocks(message: SummaryMessage) -> Iterator[Block]:
    """The blocks; alerts that do not fit are counted at the end."""
    yield titled(SIGN[wording.gravest(message.items)] + " ", message.title)
    lines = "\n".join(escaped(line, 500) for line in message.lines[:5] if line)
    if lines:
        yield context(lines)
    shown = _fitting(map(_item, message.items))
    yield from map(section, shown)
    left_out = message.left_out + len(message.items) - len(shown)
    if left_out:
        yield context(wording.left_out(left_out))


def summary_in_short(message: SummaryMessage) -> str:
    """What notifications, screen readers and clients without blocks show."""
    headlines = [f"• {linked(i.title, _short(i.url), 200)}" for i in message.items[:_MOST_IN_SHORT]]
    left_out = message.left_out + len(message.items) - len(headlines)
    more = [wording.left_out(left_out)] if headlines and left_out else []
    lines = [escaped(line, 300) for line in message.lines[:1]] if not headlines else []
    return "\n".join([f"*{escaped(message.title, 300)}*", *lines, *headlines, *more])


def _short(url: str | None) -> str | None:
    return url if url and len(url) <= 400 else None


def _fitting(sections: Iterable[str]) -> Sequence[str]:
    shown: list[str] = []
    room = _MOST_CHARACTERS
    for text in sections:
        room -= len(text)
        if room < 0 or len(shown) == _MOST_SECTIONS:
            break
        shown.append(text)
    return shown


def _item(item: AlertMessage) -> str:
    lines = [
        f"{SIGN[wording.gravest([item])]} {linked(item.title, item.url, 250)}",
        escaped(wording.item_origin(item), 200),
        escaped(wording.rules_in_short(item), 150),
    ]
    lines += [escaped(others.in_a_line(item), 200)] if item.others else []
    lines += [f"> {with_hits(excerpt.sentence, 350)}" for excerpt in item.excerpts[:1]]
    return "\n".join(lines)
