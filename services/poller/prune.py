"""Related links as blocks: removed from the tree before its text is read.

Decides which blocks are nothing but a link, perhaps with a label such as "Read more:". A
tree still tells a link from text, the lines made from it no longer do (`related` judges
those). Pruning first also makes extraction faster.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from lxml import etree, html

from services.poller.markup import BLOCKS
from services.poller.related import MAX_WORDS, is_label

_HEADLINE_WORDS = 3
_LETTERS = 20
_TAG = re.compile(r"\[\w+\]")  # "[VIDEO]" behind a headline
# A heading of the page itself may link to the page.
_PRUNABLE = BLOCKS - {"body", "h1", "main", "article", "table", "tbody", "thead", "tr"}


@dataclass(frozen=True, slots=True)
class _Links:
    """The words of every link of a block, and whether a label stands beside them."""

    words: list[list[str]]
    labelled: bool


def prune_related(tree: html.HtmlElement) -> None:
    """Empties the innermost blocks of `tree` that are nothing but a link.

    The empty block stays, because it keeps the text before and after it apart.
    """
    for block in _blocks_with_links(tree):
        links = _only_links(block)
        if links is None:
            continue
        label = _label_before(block)
        if label is None and not (links.labelled or _are_headlines(links.words)):
            continue
        block.clear(keep_tail=True)  # type: ignore[call-arg]  # missing in lxml-stubs
        if label is not None:
            label.clear(keep_tail=True)  # type: ignore[call-arg]


def _blocks_with_links(tree: html.HtmlElement) -> Iterable[etree._Element]:
    blocks = {_block_of(link): None for link in tree.iter("a") if _leads_away(link)}
    return [block for block in blocks if block is not None and block.tag in _PRUNABLE]


def _block_of(link: etree._Element) -> etree._Element | None:
    """The block a link stands in."""
    # Naming the tags to lxml takes longer: it prepares a search for fifty names each time.
    return next((above for above in link.iterancestors() if above.tag in BLOCKS), None)


def _leads_away(link: etree._Element) -> bool:
    target = link.get("href", "").strip()
    return bool(target) and not target.startswith("#")


def _only_links(block: etree._Element) -> _Links | None:
    """The links of a block in which there is nothing else but perhaps a label."""
    if any(inner.tag in BLOCKS for inner in block.iterdescendants()):
        return None
    words = [_text(link).split() for link in block.iter("a") if _leads_away(link)]
    if not any(words) or max(map(len, words)) > MAX_WORDS:
        return None
    outside = _TAG.sub("", " ".join(_outside_links(block).split()))
    if not any(map(str.isalnum, outside)):
        return _Links(words, labelled=False)
    return _Links(words, labelled=True) if is_label(outside) else None


def _are_headlines(links: list[list[str]]) -> bool:
    """Not the names of a list, such as the sources at the end of a round-up."""
    spaced = sum(map(len, links)) >= _HEADLINE_WORDS * len(links)
    # Scripts without spaces have headlines of one "word".
    return spaced or sum(len(word) for link in links for word in link) > _LETTERS * len(links)


def _outside_links(block: etree._Element) -> str:
    return "".join(_pieces_outside(block))


def _pieces_outside(element: etree._Element) -> Iterable[str]:
    yield element.text or ""
    for child in element:
        if not (child.tag == "a" and _leads_away(child)):
            yield from _pieces_outside(child)
        yield child.tail or ""


def _label_before(block: etree._Element) -> etree._Element | None:
    """The block right before `block`, if it only announces what follows."""
    before = block.getprevious()
    if before is None or before.tag not in BLOCKS or (before.tail or "").strip():
        return None
    text = _text(before)
    return before if text and is_label(text) else None


def _text(element: etree._Element) -> str:
    return " ".join("".join(map(str, element.itertext())).split())
