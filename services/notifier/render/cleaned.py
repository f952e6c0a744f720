"""A message as it may be shown, whoever made it. PURE.

`compose` makes messages clean. One that was made or stored otherwise must not steer a
terminal, break a header or fill a page either, so every renderer begins here.
"""

from services.notifier import clean
from services.notifier.excerpts import LONGEST_NEIGHBOUR, LONGEST_SENTENCE, MOST_EXCERPTS, Excerpt
from services.notifier.links import safe_link
from services.notifier.message import (
    LONGEST_NAME,
    LONGEST_TITLE,
    MOST_ITEMS,
    MOST_OTHERS,
    AlertMessage,
    MatchedRule,
    NoticeMessage,
    OtherReport,
    SummaryMessage,
)

# Pieces that mark what was left out come on top.
_LONGEST_SHOWN = LONGEST_SENTENCE + 100
_LONGEST_LINE = 400
_MOST_LINES = 10


def cleaned(message: AlertMessage) -> AlertMessage:
    """`message` with every text that is shown clean and within its limit."""
    return message.model_copy(
        update={
            "title": clean.line(message.title, LONGEST_TITLE) or "(no headline)",
            "source": clean.line(message.source, LONGEST_NAME),
            "host": clean.line(message.host or "", LONGEST_NAME) or None,
            "url": safe_link(message.url),
            "rules": tuple(map(_rule, message.rules)),
            "excerpts": tuple(map(_excerpt, message.excerpts[:MOST_EXCERPTS])),
            "copied_from": _name_or_none(message.copied_from),
            "others": tuple(map(_other, message.others[:MOST_OTHERS])),
            "others_left_out": message.others_left_out + len(message.others[MOST_OTHERS:]),
        }
    )


def cleaned_notice(message: NoticeMessage) -> NoticeMessage:
    """The same for a notice."""
    facts = ((clean.line(n, 40), clean.line(v, _LONGEST_LINE)) for n, v in message.facts)
    return message.model_copy(
        update={
            "title": clean.line(message.title, LONGEST_TITLE) or "A notice",
            "lines": tuple(clean.line(li, _LONGEST_LINE) for li in message.lines[:_MOST_LINES]),
            "facts": tuple(facts)[:_MOST_LINES],
        }
    )


def cleaned_summary(message: SummaryMessage) -> SummaryMessage:
    """The same for a summary; what it holds beyond the most that is shown is counted."""
    return message.model_copy(
        update={
            "title": clean.line(message.title, LONGEST_TITLE) or "Alerts",
            "lines": tuple(clean.line(li, _LONGEST_LINE) for li in message.lines[:_MOST_LINES]),
            "items": tuple(map(cleaned, message.items[:MOST_ITEMS])),
            "left_out": message.left_out + len(message.items[MOST_ITEMS:]),
        }
    )


def _rule(rule: MatchedRule) -> MatchedRule:
    return rule.model_copy(update={"name": clean.line(rule.name, LONGEST_NAME) or rule.rule_id})


def _other(other: OtherReport) -> OtherReport:
    return other.model_copy(
        update={
            "source": clean.line(other.source, LONGEST_NAME) or "another outlet",
            "host": _name_or_none(other.host),
            "url": safe_link(other.url),
            "copied_from": _name_or_none(other.copied_from),
        }
    )


def _name_or_none(name: str | None) -> str | None:
    return clean.line(name or "", LONGEST_NAME) or None


def _excerpt(excerpt: Excerpt) -> Excerpt:
    return excerpt.model_copy(
        update={
            "before": clean.line(excerpt.before, LONGEST_NEIGHBOUR),
            "sentence": _sentence(excerpt.sentence),
            "after": clean.line(excerpt.after, LONGEST_NEIGHBOUR),
        }
    )


def _sentence(pieces: tuple[tuple[str, bool], ...]) -> tuple[tuple[str, bool], ...]:
    shown: list[tuple[str, bool]] = []
    left = _LONGEST_SHOWN
    for text, is_hit in pieces:
        if left > 0:
            shown.append((clean.cut(clean.piece(text[: left * 2]), left), is_hit))
            left -= len(shown[-1][0])
    return tuple(piece for piece in shown if piece[0])
