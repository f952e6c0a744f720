"""The text of an article out of its page.

Decides what of a page is the article. Which lines and blocks belong to other articles is
`related`'s and `prune`'s decision, which texts are no article `walls`'. Hostile markup keeps
trafilatura busy for minutes, so callers run this in a process that can be killed, and then
fall back on `extract_simply` (see `pages`).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

import trafilatura
from lxml import etree, html
from resiliparse.extract.html2text import extract_plain_text

from services.poller.breaks import mark_breaks, settled
from services.poller.canonical import sane_canonical
from services.poller.charset import decode
from services.poller.language import iso_639_1, language_of
from services.poller.markup import FURNITURE, parse_html, readable, tree_paragraphs
from services.poller.prune import prune_related
from services.poller.related import without_related
from services.poller.text import clean_title, cut, join
from services.poller.walls import is_wall

MAX_TITLE = 1_000
MAX_TEXT = 200_000
# The elements trafilatura makes of blocks; a heading is a `head`.
_TEI_BLOCKS = frozenset(("body", "cell", "head", "item", "list", "p", "quote", "row", "table"))
# A headline, a standfirst and a section may follow each other, four headings are teasers.
_TEASERS = 4
_DUMPED_LINES = 5
# In bytes of UTF-8, because scripts without spaces put as much into fewer characters.
_SENTENCE_BYTES = 25
_SENTENCE_WORDS = 8
_HTML_TYPES = frozenset(("text/html", "application/xhtml+xml", "application/xml", "text/xml", ""))
_LOOKS_LIKE_HTML = re.compile(
    rb"<(?:!doctype\s+html|html|head|body|article|div|p)\b", re.IGNORECASE
)
# What is served as HTML by mistake and may hold tags: PDF, pictures, archives, JSON, feeds.
_OTHER = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:%PDF|\x89PNG|GIF8|\xff\xd8\xff|PK\x03\x04|[{\[]"
    rb"|(?:<\?xml[^>]*>\s*)?(?:<!--.{0,2000}?-->\s*)?<(?:rss|feed|rdf:rdf|svg|urlset)\b)",
    re.IGNORECASE | re.DOTALL,
)


class NoTextReason(StrEnum):
    """Why a page gave no text; the values are those of `schemas.article.TextReason`."""

    NOT_HTML = "not_html"
    NO_TEXT = "no_text"  # no article could be told from the furniture
    EXTRACTION_FAILED = "extraction_failed"  # crashed, or ran past its deadline


@dataclass(frozen=True, slots=True)
class NoText:
    """No text, and why."""

    reason: NoTextReason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Extracted:
    """The text of a page: paragraphs separated by a blank line.

    `lang` is what the text is written in, `canonical_url` the address the page wants to be
    known by.
    """

    body: str
    title: str | None = None
    lang: str | None = None
    canonical_url: str | None = None


def extract_page(page: bytes, content_type: str | None, url: str) -> Extracted | NoText:
    """The article in `page`, which was served as `content_type` from `url`."""
    return _extract(page, content_type, url, _article_lines)


def extract_simply(page: bytes, content_type: str | None, url: str) -> Extracted | NoText:
    """The same, less exact (F1 .943) and in a few milliseconds even on hostile markup."""
    return _extract(page, content_type, url, _simple_lines)


def _extract(
    page: bytes,
    content_type: str | None,
    url: str,
    read: Callable[[html.HtmlElement], tuple[str, ...]],
) -> Extracted | NoText:
    if not _is_html(page, content_type):
        return NoText(NoTextReason.NOT_HTML, f"served as {content_type or 'nothing in particular'}")
    tree = parse_html(decode(page, content_type))
    if tree is None:
        return NoText(NoTextReason.NO_TEXT, "an empty page")
    title, lang, canonical = _title(tree), _lang(tree), _canonical(tree, url)
    lines = read(tree)
    # The page's headline stays in the text, for the feed's may be another; alone it is none.
    if not any(len(line.encode()) >= _SENTENCE_BYTES for line in lines if line != title):
        return NoText(NoTextReason.NO_TEXT, "no article found in the page")
    body = cut(join(lines), MAX_TEXT)
    if is_wall(body):
        return NoText(NoTextReason.NO_TEXT, "asks for consent, a log-in or a browser instead")
    return Extracted(body, title, language_of(body, lang), canonical)


def _article_lines(tree: html.HtmlElement) -> tuple[str, ...]:
    prune_related(tree)
    _keep_times(tree)
    mark_breaks(tree)
    found = trafilatura.bare_extraction(tree, fast=True, include_comments=False)
    body = getattr(found, "body", None)
    lines = _sentences(tree) if body is None or _is_dump(body) else _body_lines(body)
    return without_related(lines)


def _simple_lines(tree: html.HtmlElement) -> tuple[str, ...]:
    # Serialised again, because libxml2 has cut the nesting at 256: 100,000 nested elements
    # as they were served keep resiliparse busy for minutes, too.
    main = extract_plain_text(
        html.tostring(tree, encoding="unicode"),
        main_content=True,
        preserve_formatting="minimal_html",
        links=True,
        list_bullets=False,
        alt_texts=False,
        comments=False,
        post_meta=False,
    )
    return without_related(readable(main, prune_related))


def _body_lines(body: etree._Element) -> tuple[str, ...]:
    for heading in _stray_headings(body):
        body.remove(heading)
    return settled(tree_paragraphs(body, _TEI_BLOCKS, frozenset()))


def _stray_headings(body: etree._Element) -> list[etree._Element]:
    """Headings without a text below them: teasers of other articles, ends of boxes."""
    filled = [block for block in body if "".join(map(str, block.itertext())).strip()]
    runs = [(tag, list(blocks)) for tag, blocks in groupby(filled, key=lambda block: block.tag)]
    strays = [run for tag, run in runs if tag == "head" and len(run) >= _TEASERS]
    if runs and runs[-1][0] == "head":
        strays.append(runs[-1][1])
    return [heading for run in strays for heading in run]


def _is_dump(body: etree._Element) -> bool:
    """Whether trafilatura gave up and took every word of the page, menus included."""
    text = (body[0].text or "").strip() if len(body) == 1 and not len(body[0]) else ""
    return text.count("\n") >= _DUMPED_LINES


def _sentences(tree: html.HtmlElement) -> tuple[str, ...]:
    """What of a page without a recognisable article reads like sentences."""
    lines = settled(tree_paragraphs(tree, silent=FURNITURE))
    return tuple(line for line in lines if _is_long(line) and _ends(line))


def _is_long(line: str) -> bool:
    return len(line.split()) >= _SENTENCE_WORDS or len(line.encode()) >= 4 * _SENTENCE_BYTES


def _ends(line: str) -> bool:
    return line.rstrip("'\"”’»)]").endswith(tuple(".!?。！？।…؟"))


def _keep_times(tree: html.HtmlElement) -> None:
    """Keeps "on <time>Friday</time>" in its sentence; trafilatura drops times as furniture.

    Fewer words around a time are a date line.
    """
    for time in list(tree.iter("time")):
        block = time.getparent()
        if block is not None and block.tag == "p":
            own = len(time.text_content().split())
            if len(block.text_content().split()) >= own + _SENTENCE_WORDS:
                time.drop_tag()


def _is_html(page: bytes, content_type: str | None) -> bool:
    kind = (content_type or "").partition(";")[0].strip().lower()
    start = page[:100_000].replace(b"\x00", b"")
    return kind in _HTML_TYPES and not _OTHER.match(start) and bool(_LOOKS_LIKE_HTML.search(start))


def _title(tree: html.HtmlElement) -> str | None:
    candidates = (
        *tree.xpath("//meta[@property='og:title']/@content"),
        *(title.text_content() for title in tree.iter("title", "h1")),
    )
    cleaned = (clean_title(candidate) for candidate in candidates)
    return next((cut(title, MAX_TITLE) for title in cleaned if title), None)


def _lang(tree: html.HtmlElement) -> str | None:
    declared = (
        tree.get("lang"),
        tree.get("{http://www.w3.org/XML/1998/namespace}lang") or tree.get("xml:lang"),
        *tree.xpath("//meta[@http-equiv='content-language']/@content"),
        *tree.xpath("//meta[@property='og:locale']/@content"),
    )
    return next((lang for lang in map(iso_639_1, declared) if lang), None)


def _canonical(tree: html.HtmlElement, url: str) -> str | None:
    hrefs = tree.xpath("//link[@rel='canonical']/@href")
    return next((sane for href in hrefs if (sane := sane_canonical(str(href), url))), None)
