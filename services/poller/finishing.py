"""The last look at an article before it goes out: its language, and lines that are not its own.

Decides nothing itself: `guards` judges the lines, `language` the language. What is looked up
is what the database knew before this document; so an article that is published again after a
crash is the same revision, unless another feed has shown one of its lines as a headline, or
its host one on a third page, just between. Then it is a revision of the same article: matched
again, and an alert only for rules that did not match before.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.article import Article, TextReason
from services.poller.guards import PAGES, ShortLines, guarded, headlines, short_lines
from services.poller.surroundings import Surroundings
from services.store import page_lines


@dataclass(frozen=True, slots=True)
class Finished:
    """An article as it goes out, and what is to be remembered of its page."""

    article: Article
    lines: ShortLines | None = None


async def finish(
    around: Surroundings, article: Article, titles: Collection[str] = frozenset()
) -> Finished:
    """The article as it is to be published; `titles` are the keys of its document's titles.

    Raises DatabaseUnavailableError.
    """
    lines, lookalikes = short_lines(article), headlines(article)
    known, repeated = await _known(around, article, lookalikes, lines)
    done = guarded(article, known | (lookalikes & frozenset(titles)), repeated)
    return Finished(await _in_its_language(around, done), lines)


async def remember_lines(
    tx: AsyncConnection, pages: Iterable[ShortLines | None], now: datetime
) -> None:
    """Remember the short lines of pages whose articles are on the bus."""
    seen = {(page.host, page.page): page.lines for page in pages if page is not None}
    await page_lines.remember_pages(tx, seen, now)


async def _known(
    around: Surroundings, article: Article, lookalikes: Collection[str], lines: ShortLines | None
) -> tuple[frozenset[str], frozenset[str]]:
    if not lookalikes and lines is None:
        return frozenset(), frozenset()
    async with around.database.read() as tx:
        known = await page_lines.titles_of_others(tx, lookalikes, article.article_id)
        if lines is None:
            return known, frozenset()
        return known, await page_lines.on_other_pages(
            tx, lines.host, lines.page, lines.lines, PAGES - 1
        )


async def _in_its_language(around: Surroundings, article: Article) -> Article:
    if article.text_reason is TextReason.PAGE:
        return article  # the text's language was told where the text was read
    text = max(article.body, article.summary, key=len)
    lang = await around.workers.language_of(f"{article.title}\n{text}", article.lang)
    return article.model_copy(update={"lang": lang})
