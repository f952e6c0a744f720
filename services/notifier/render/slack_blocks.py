"""The pieces of a Slack payload: blocks, links, bold hits, and text that cannot do anything. PURE.

Limits are Slack's: a header has at most 150 characters, a text object 3,000
(docs.slack.dev, reference/block-kit). All text from outside passes `escaped`: `<!channel>` in a
headline would otherwise notify everybody.
"""

import re
from collections.abc import Iterable
from typing import Any

from schemas.rule import Severity
from services.notifier import clean
from services.notifier.links import LONGEST_LINK

Block = dict[str, Any]

LONGEST_HEADER = 150
LONGEST_SECTION = 3000
# Slack reads a pair of these as formatting; inside a word `_` and `~` are harmless.
_LOOK_ALIKE = str.maketrans({"*": "∗", "`": "ˋ"})
_AT_A_WORDS_EDGE = re.compile(r"(?<!\w)[_~]|[_~](?!\w)")
# Slack wants no word character next to a formatting mark; this one takes no room.
_NO_SPACE = "\u200b"
SIGN = {
    Severity.LOW: "⚪",
    Severity.NORMAL: "🔵",
    Severity.HIGH: "🟠",
    Severity.URGENT: "🔴",
}


def titled(sign: str, title: str) -> Block:
    """A header: `sign`, then a title cut to what fits."""
    text = sign + escaped(title, LONGEST_HEADER - len(sign))
    return {"type": "header", "text": {"type": "plain_text", "text": text, "emoji": False}}


def linked(title: str, url: str | None, limit: int = 500) -> str:
    """A headline in bold, a link where there is an address that Slack takes."""
    shown = escaped(title, limit)
    # `safe_link` leaves `&` alone; in Slack's markup it has to be written out.
    target = (url or "").replace("&", "&amp;")
    return f"*<{target}|{shown}>*" if 0 < len(target) <= LONGEST_LINK else f"*{shown}*"


def with_hits(sentence: Iterable[tuple[str, bool]], limit: int) -> str:
    """The sentence with its hits in bold, escaped, at most `limit` characters."""
    whole = ""
    for text, is_hit in sentence:
        marks = 4 if is_hit else 0  # two stars, and no-width blanks around them
        if limit - len(whole) - marks < 2:
            break
        shown = escaped(text, limit - len(whole) - marks)
        whole += _bold(shown, whole) if is_hit else _after_bold(shown, whole)
    return whole or "…"


def _bold(text: str, before: str) -> str:
    return f"{_NO_SPACE if before[-1:].isalnum() else ''}*{text}*"


def _after_bold(text: str, before: str) -> str:
    return f"{_NO_SPACE if before.endswith('*') and text[:1].isalnum() else ''}{text}"


def section(text: str) -> Block:
    """A section; `text` is markup, made of `escaped`, `linked` and `with_hits`."""
    # Not verbatim, Slack would turn names of channels and bare addresses into links.
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def context(*texts: str) -> Block:
    """Small print, each text markup as of a section."""
    elements = [{"type": "mrkdwn", "text": text, "verbatim": True} for text in texts]
    return {"type": "context", "elements": elements}


def escaped(text: str, limit: int = LONGEST_SECTION) -> str:
    """`text` clean, without formatting and control sequences, at most `limit` when escaped."""
    plain = clean.piece(text)[: limit + 1].translate(_LOOK_ALIKE)
    shown = _AT_A_WORDS_EDGE.sub(lambda mark: "ˍ" if mark[0] == "_" else "∼", plain)
    written = _escape(shown)
    while len(written) > limit:
        # One character becomes five at most, so this never cuts much more than needed.
        shown = shown[: -max(1, (len(written) - limit) // 5)]
        written = _escape(shown.rstrip()) + "…"
    return written


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
