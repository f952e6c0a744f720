"""Text, bold text and links as chat services write them: plain, in Markdown or in HTML. PURE.

There are a hundred services, each with its own idea of what a text may order: mentions,
formatting, spoilers, links with other words. What comes from outside is therefore not escaped
as one of them wants it, but spelled so that none reads an order in it: characters with a
meaning give way to their look-alikes. That holds whatever a service does to a text afterwards.
"""

import html
import re
from collections.abc import Callable
from dataclasses import dataclass

from services.notifier import clean

_NO_SPACE = "\u200b"
_LOOK_ALIKE = str.maketrans(
    {
        "<": "‹",
        ">": "›",
        "*": "∗",
        "_": "ˍ",
        "~": "∼",
        "`": "ˋ",
        "|": "¦",
        "[": "［",
        "]": "］",
        "\\": "⧵",
    }
)
# A mention, an entity that somebody might resolve, and an address that somebody might link.
_STARTS_AN_ORDER = re.compile(r"@(?=\S)|&(?=#?\w+;)|:(?=//)")
_STARTS_A_BLOCK = re.compile(r"(?=[-+=#]|\d+[.)])")
_NOT_IN_A_LINK = str.maketrans({"(": "%28", ")": "%29", "*": "%2A", "@": "%40"})


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a service writes; every text that goes in is `harmless`."""

    text: Callable[[str], str]
    bold: Callable[[str], str]
    link: Callable[[str, str], str]
    quote: str
    line_end: str


def harmless(text: str) -> str:
    """One line of `text` that orders nothing in any dialect; it may be some characters longer."""
    shown = clean.piece(text).translate(_LOOK_ALIKE)
    shown = _STARTS_AN_ORDER.sub(lambda mark: mark[0] + _NO_SPACE, shown)
    return _NO_SPACE + shown if _STARTS_A_BLOCK.match(shown) else shown


def harmless_link(url: str) -> str:
    """A link that `safe_link` made, without the characters that mean something in Markdown."""
    return url.translate(_NOT_IN_A_LINK)


def _bold_between(mark: str) -> Callable[[str], str]:
    def bold(text: str) -> str:
        inner = text.strip()
        # Blanks within the marks would keep them from being read as marks.
        return text.replace(inner, f"{mark}{inner}{mark}", 1) if inner else text

    return bold


PLAIN = Dialect(
    text=str,
    bold=_bold_between("*"),
    link=lambda words, url: f"{words}: {url}" if words else url,
    quote="> ",
    line_end="\n",
)
MARKDOWN = Dialect(
    text=str,
    bold=_bold_between("**"),
    link=lambda words, url: f"[{words or url}]({url})",
    quote="> ",
    # Two blanks: without them Markdown joins lines.
    line_end="  \n",
)
HTML = Dialect(
    text=html.escape,
    bold=lambda text: f"<b>{html.escape(text)}</b>",
    link=lambda words, url: f'<a href="{html.escape(url)}">{html.escape(words or url)}</a>',
    quote="",
    line_end="<br />",
)
