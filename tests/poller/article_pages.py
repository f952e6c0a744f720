"""Builds article pages as news sites serve them, with related links in every known form."""

from collections.abc import Callable, Sequence
from html import escape

READ_MORE_FORMS: dict[str, Callable[[str], str]] = {
    "label and link in one paragraph": lambda text: f'<p>Read More: <a href="/r1">{text}</a></p>',
    "label inside the link": lambda text: f'<p><a href="/r2">Read More: {text}</a></p>',
    "a link without a label": lambda text: f'<p><a href="/r3">{text}</a></p>',
    "strong label, no link": lambda text: f"<p><strong>Read More:</strong> {text}</p>",
    "strong label, then a link": lambda text: (
        f'<p><strong>Read More:</strong> <a href="/r4">{text}</a></p>'
    ),
    "label without a colon, then a link": lambda text: (
        f'<p><b>Read More</b> <a href="/r5">{text}</a></p>'
    ),
    "label paragraph, then a link paragraph": lambda text: (
        f'<p>Read More:</p>\n<p><a href="/r6">{text}</a></p>'
    ),
    "label paragraph, then a plain headline": lambda text: f"<p>Read More:</p>\n<p>{text}</p>",
    "label, line break, link": lambda text: f'<p>Read More:<br><a href="/r7">{text}</a></p>',
    "strong link in a box": lambda text: (
        f'<div class="box"><strong><a href="/r8"><span>{text}</span></a></strong></div>'
    ),
    "list of links below a heading": lambda text: (
        f'<h3>Related stories</h3><ul><li><a href="/r9">{text}</a></li></ul>'
    ),
}

_PAGE = """<!DOCTYPE html>
<html lang="en-IE"><head><meta charset="utf-8"><title>{title} - The Example Courier</title>
<meta property="og:title" content="{title}">
<link rel="canonical" href="/world/article-1.html">
<script type="application/ld+json">{{"@type":"NewsArticle","datePublished":"2018-03-23"}}</script>
</head><body>
<nav><ul><li><a href="/">Home</a></li><li><a href="/world">World</a></li></ul></nav>
<header><div class="crumbs"><a href="/">Home</a> / <a href="/world">World News</a></div></header>
<main><article><h1>{title}</h1>
{content}
</article></main>
<div class="newsletter"><p>Today's news headlines, directly to your inbox every morning.</p>
<form><input name="mail"><button>Sign up</button></form></div>
<aside><h3>Also in World News</h3><ul>{others}</ul></aside>
<section><h3>Editors Choice</h3><ul>{others}</ul></section>
<div class="also"><h4>Also in World News</h4>{other_paragraphs}</div>
<footer><p>Copyright The Example Courier</p><a href="/privacy">Privacy</a></footer>
</body></html>"""


def article_page(title: str, content: str, other_headlines: Sequence[str]) -> bytes:
    """A page with furniture around `content`, which is HTML."""
    return _PAGE.format(
        title=escape(title),
        content=content,
        others="".join(f'<li><a href="/o">{escape(line)}</a></li>' for line in other_headlines),
        other_paragraphs="".join(
            f'<p><a href="/o">{escape(line)}</a></p>' for line in other_headlines
        ),
    ).encode()


def content_of(lines: Sequence[str], form: str) -> str:
    """Lines as HTML paragraphs; a line "Read More: …" takes the given form."""
    return "\n".join(_block(line, READ_MORE_FORMS[form]) for line in lines)


def _block(line: str, read_more: Callable[[str], str]) -> str:
    label, _, text = line.partition(": ")
    return read_more(escape(text)) if label == "Read More" else f"<p>{escape(line)}</p>"
