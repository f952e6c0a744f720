"""The last look at an article before it goes out: its language, and lines that are not its own.

Decides nothing itself: `guards` judges the lines, `language` the language. What is looked up
is what the database knew before this document; so an article that is published again after a
crash is the same revision, unless another feed has shown one of its lines as a headline, or
its host one on a third page, just between. Then it is a revision of the same article: matched
again, and an alert only for rules that did not match before.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.article import Article, TextReason
from services.poller.guards import PAGES, ShortLines, guarded, headlines, short_lines
from services.poller.surroundings import Surroundings
from services.poller.together import Together
from services.store import page_lines
from services.store.page_lines import NOTHING, Answer, Question

_LOOKED_UP_AT_ONCE = 20  # a page asks for up to sixty lines


@dataclass(frozen=True, slots=True)
class Finished:
    """An article as it goes out, and what is to be remembered of its page."""

    article: Article
    lines: ShortLines | None = None


class Finishing:
    """Finishes articles, one call each; what is to be looked up for several, together."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._known = Together(self._look_up, _LOOKED_UP_AT_ONCE)

    async def finish(self, article: Article, titles: Collection[str] = frozenset()) -> Finished:
        """The article as it is to be published; `titles` are the keys of its document's titles.

        Raises DatabaseUnavailableError.
        """
        lines, lookalikes = short_lines(article), headlines(article)
        known = NOTHING
        if lookalikes or lines is not None:
            known = await self._known.ask(_question(article, lookalikes, lines))
        done = guarded(article, known.titles | (lookalikes & frozenset(titles)), known.lines)
        return Finished(await self._in_its_language(done), lines)

    async def _look_up(self, questions: Sequence[Question]) -> Sequence[Answer]:
        async with self._around.database.read() as tx:
            return await page_lines.look_up(tx, questions, PAGES - 1)

    async def _in_its_language(self, article: Article) -> Article:
        if article.text_reason is TextReason.PAGE:
            return article  # the text's language was told where the text was read
        text = max(article.body, article.summary, key=len)
        lang = await self._around.workers.language_of(f"{article.title}\n{text}", article.lang)
        return article.model_copy(update={"lang": lang})


async def remember_lines(
    tx: AsyncConnection, pages: Iterable[ShortLines | None], now: datetime
) -> None:
    """Remember the short lines of pages whose articles are on the bus."""
    seen = {(page.host, page.page): page.lines for page in pages if page is not None}
    await page_lines.remember_pages(tx, seen, now)


def _question(article: Article, lookalikes: Collection[str], lines: ShortLines | None) -> Question:
    if lines is None:
        return Question(article.article_id, lookalikes)
    return Question(article.article_id, lookalikes, lines.host, lines.page, lines.lines)
