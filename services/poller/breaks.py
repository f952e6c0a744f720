"""Line breaks inside blocks: what of `<br>` ends a paragraph.

Decides that two breaks end a paragraph and one is white space, unless it divides a related
link from the text. Breaks travel through extraction as a visible sign, because extractors
lose `<br>` and glue the words around it together.
"""

import re
from collections.abc import Iterable, Iterator

from lxml import html

from services.poller.related import is_related

# SYMBOL FOR NEWLINE; a page that shows it gets white space instead.
BREAK = "\u2424"
_SEVERAL = re.compile(rf"{BREAK}(?:\s*{BREAK})+")


def mark_breaks(tree: html.HtmlElement) -> None:
    """Puts a sign that `settled` understands behind every `<br>` in `tree`."""
    for br in tree.iter("br"):
        br.tail = f"{BREAK}{br.tail or ''}"


def settled(blocks: Iterable[str]) -> tuple[str, ...]:
    """The paragraphs of blocks whose breaks were marked."""
    return tuple(
        paragraph
        for block in blocks
        for part in _SEVERAL.split(block)
        for paragraph in _paragraphs(part)
    )


def _paragraphs(part: str) -> Iterator[str]:
    lines = [line.strip() for line in part.split(BREAK)]
    if len(lines) > 1 and any(map(is_related, lines)):
        yield from filter(None, lines)
    elif any(lines):
        yield " ".join(filter(None, lines))
