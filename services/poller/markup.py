"""HTML into paragraphs of plain text.

Decides where a block ends. What of a page is its article is `extract`'s decision, what is
a related link `prune`'s and `related`'s.
"""

from collections.abc import Callable, Iterator

from lxml import etree, html

from services.poller.breaks import mark_breaks, settled
from services.poller.text import decoded, has_tags, paragraphs

BLOCKS = frozenset(
    [
        *("address", "article", "aside", "blockquote", "body", "caption", "dd", "details", "div"),
        *("dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3"),
        *("h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre", "section"),
        *("summary", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul"),
    ]
)
_SILENT = frozenset(
    ["audio", "head", "iframe", "noscript", "object", "script", "style", "svg", "template", "video"]
)
# What surrounds articles.
# Forms are not in it: some sites wrap the whole page in one.
FURNITURE = _SILENT | {"aside", "button", "footer", "menu", "nav", "select"}


def parse_html(text: str) -> html.HtmlElement | None:
    """The tree of a page or a fragment; None where there is nothing in it."""
    # libxml2 takes NUL for the end of the text.
    source = text.replace("\x00", "").encode("utf-8", "ignore")
    parser = html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    try:
        return html.document_fromstring(source, parser=parser)
    except etree.ParserError:
        return None


def readable(
    text: str, prune: Callable[[html.HtmlElement], None] = lambda tree: None
) -> tuple[str, ...]:
    """The paragraphs of a text that may be HTML, after `prune` removed what is no text."""
    # A text with entities and no tag is plain, or HTML that was escaped twice.
    source = text if has_tags(text) else decoded(text)
    if not has_tags(source):
        return paragraphs(source)
    tree = parse_html(source)
    if tree is None:
        return ()
    prune(tree)
    mark_breaks(tree)
    return settled(tree_paragraphs(tree))


def tree_paragraphs(
    tree: etree._Element, blocks: frozenset[str] = BLOCKS, silent: frozenset[str] = _SILENT
) -> tuple[str, ...]:
    """The blocks of a tree as lines; `silent` elements are left out with all they hold."""
    return paragraphs("".join(_pieces(tree, blocks, silent)))


def _pieces(tree: etree._Element, blocks: frozenset[str], silent: frozenset[str]) -> Iterator[str]:
    walk = etree.iterwalk(tree, events=("start", "end"))
    for event, element in walk:
        if element.tag in blocks:
            yield "\n\n"
        if event == "end":
            yield _folded(element.tail) if element is not tree else ""
        elif element.tag in silent:
            walk.skip_subtree()
        else:
            yield _folded(element.text)


def _folded(text: str | None) -> str:
    """A line break in the source of a page is white space like any other."""
    return text.replace("\r", " ").replace("\n", " ").replace("\u2029", " ") if text else ""
