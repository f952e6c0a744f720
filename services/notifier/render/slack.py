"""A message as the payload of a Slack incoming webhook: Block Kit and a text fallback. PURE.

Limits are Slack's: a header has at most 150 characters, a text object 3,000, a message
50 blocks (docs.slack.dev, reference/block-kit). All text from outside passes `_escaped`:
`<!channel>` in a headline would otherwise notify everybody.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from schemas.rule import Severity
from services.notifier import clean
from services.notifier.excerpts import Excerpt
from services.notifier.links import LONGEST_LINK
from services.notifier.message import AlertMessage, AnyMessage, NoticeMessage, SummaryMessage
from services.notifier.render import wording
from services.notifier.render.cleaned import cleaned, cleaned_notice
from services.notifier.render.offers import NO_OFFERS, Offers, offers_in_words

Block = dict[str, Any]

LONGEST_HEADER = 150
LONGEST_SECTION = 3000
# Slack reads a pair of these as formatting; inside a word `_` and `~` are harmless.
_LOOK_ALIKE = str.maketrans({"*": "∗", "`": "ˋ"})
_AT_A_WORDS_EDGE = re.compile(r"(?<!\w)[_~]|[_~](?!\w)")
# Slack wants no word character next to a formatting mark; this one takes no room.
_NO_SPACE = "\u200b"
_SIGN = {
    Severity.LOW: "⚪",
    Severity.NORMAL: "🔵",
    Severity.HIGH: "🟠",
    Severity.URGENT: "🔴",
}


def render_slack(message: AnyMessage, now: datetime, offers: Offers = NO_OFFERS) -> dict[str, Any]:
    """The JSON payload; without its `blocks` it is still a whole, plain message."""
    payload = _rendered(message, now)
    payload["blocks"] += _offered(message, offers)
    return payload


def _rendered(message: AnyMessage, now: datetime) -> dict[str, Any]:
    match message:
        case NoticeMessage():
            notice = cleaned_notice(message)
            return _payload(notice, _notice_in_short(notice), _notice_blocks(notice))
        case SummaryMessage():
            raise NotImplementedError
        case AlertMessage():
            alert = cleaned(message)
            return _payload(alert, _fallback(alert), _blocks(alert, now))


def _payload(message: AnyMessage, text: str, blocks: Iterable[Block]) -> dict[str, Any]:
    return {
        "text": text,
        "blocks": list(blocks),
        "unfurl_links": False,
        "unfurl_media": False,
        "metadata": {
            "event_type": f"wirewatch_{message.type}",
            "event_payload": {"delivery_id": message.delivery_id, "story_id": message.story_id},
        },
    }


def _notice_blocks(message: NoticeMessage) -> Iterator[Block]:
    severity = wording.NOTICE_SEVERITY[message.kind]
    yield _titled(_SIGN[severity] + " ", message.title)
    for line in filter(None, message.lines):
        yield _section(_escaped(line))
    facts = [f"{_escaped(name)}: {_escaped(said, 600)}" for name, said in message.facts[:4]]
    yield _context("\n".join(facts) or wording.NOTICE)


def _notice_in_short(message: NoticeMessage) -> str:
    lines = [f"*{_escaped(message.title, 500)}*", *(_escaped(li, 500) for li in message.lines[:3])]
    return "\n".join(lines)


def _blocks(message: AlertMessage, now: datetime) -> Iterator[Block]:
    yield _header(message)
    yield _section(f"{_linked_headline(message)}\n{_escaped(wording.origin(message), 400)}")
    for excerpt in message.excerpts:
        yield from _excerpt(excerpt, message)
    yield _context(_rules(message))
    yield _context(_times(message))
    yield _context(f"{wording.what_was_read(message)}. {_capital(wording.latency(message, now))}.")


def _offered(message: AnyMessage, offers: Offers) -> list[Block]:
    shown = [
        f"<{url.replace('&', '&amp;')}|{words}>" for words, url in offers_in_words(message, offers)
    ]
    return [_context(" · ".join(shown))] if shown else []


def _header(message: AlertMessage) -> Block:
    sign = _SIGN[message.rules[0].severity] + " " if message.rules else ""
    test = "Test · " if message.test else ""
    return _titled(sign, test + wording.rules_in_short(message))


def _titled(sign: str, title: str) -> Block:
    text = sign + _escaped(title, LONGEST_HEADER - len(sign))
    return {"type": "header", "text": {"type": "plain_text", "text": text, "emoji": False}}


def _linked_headline(message: AlertMessage) -> str:
    title = _escaped(message.title, 500)
    # `safe_link` leaves `&` alone; in Slack's markup it has to be written out.
    url = (message.url or "").replace("&", "&amp;")
    return f"*<{url}|{title}>*" if 0 < len(url) <= LONGEST_LINK else f"*{title}*"


def _excerpt(excerpt: Excerpt, message: AlertMessage) -> Iterator[Block]:
    lead_in = wording.lead_in(excerpt, message)
    before = f"_{lead_in}:_ " if lead_in else ""
    before += _escaped(excerpt.before, LONGEST_SECTION - len(before))
    if before.strip():
        yield _context(before.strip())
    yield _section("> " + _with_hits(excerpt.sentence, LONGEST_SECTION - 2))
    if excerpt.after:
        yield _context(_escaped(excerpt.after))


def _with_hits(sentence: Iterable[tuple[str, bool]], limit: int) -> str:
    """The sentence with its hits in bold, escaped, at most `limit` characters."""
    whole = ""
    for text, is_hit in sentence:
        marks = 4 if is_hit else 0  # two stars, and no-width blanks around them
        if limit - len(whole) - marks < 2:
            break
        shown = _escaped(text, limit - len(whole) - marks)
        whole += _bold(shown, whole) if is_hit else _after_bold(shown, whole)
    return whole or "…"


def _bold(text: str, before: str) -> str:
    return f"{_NO_SPACE if before[-1:].isalnum() else ''}*{text}*"


def _after_bold(text: str, before: str) -> str:
    return f"{_NO_SPACE if before.endswith('*') and text[:1].isalnum() else ''}{text}"


def _rules(message: AlertMessage) -> str:
    named, more = wording.named_rules(message)
    lines = [f"{wording.SEVERITY[r.severity]} · *{_escaped(r.name, 250)}*" for r in named]
    return "\n".join(lines + ([f"and {more} more"] if more else [])) or "A test of this channel"


def _times(message: AlertMessage) -> str:
    seen = wording.moment(message.first_seen_at, message.zone)
    return _escaped(f"Published {wording.published(message)} · seen {seen}")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _fallback(message: AlertMessage) -> str:
    """What notifications, screen readers and clients without blocks show."""
    test = "Test · " if message.test else ""
    lines = [
        _escaped(test + wording.rules_in_short(message), 250),
        f"{_linked_headline(message)} ({_escaped(wording.origin(message), 400)})",
    ]
    lines += [f"> {_with_hits(excerpt.sentence, 800)}" for excerpt in message.excerpts[:1]]
    return "\n".join(lines)


def _section(text: str) -> Block:
    # Not verbatim, Slack would turn names of channels and bare addresses into links.
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def _context(*texts: str) -> Block:
    elements = [{"type": "mrkdwn", "text": text, "verbatim": True} for text in texts]
    return {"type": "context", "elements": elements}


def _escaped(text: str, limit: int = LONGEST_SECTION) -> str:
    """`text` clean, without formatting and control sequences, at most `limit` when escaped."""
    plain = clean.piece(text)[: limit + 1].translate(_LOOK_ALIKE)
    shown = _AT_A_WORDS_EDGE.sub(lambda mark: "ˍ" if mark[0] == "_" else "∼", plain)
    escaped = _escape(shown)
    while len(escaped) > limit:
        # One character becomes five at most, so this never cuts much more than needed.
        shown = shown[: -max(1, (len(escaped) - limit) // 5)]
        escaped = _escape(shown.rstrip()) + "…"
    return escaped


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
