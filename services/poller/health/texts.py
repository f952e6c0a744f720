"""How many of a feed's articles had their full text when they were published. PURE."""

from collections.abc import Iterable
from dataclasses import dataclass

from schemas.article import Article, TextOrigin, TextReason

_MANY = 100  # when there are more, the counts are halved: what is old counts less


@dataclass(frozen=True, slots=True)
class Texts:
    """Articles whose text was wanted, and how many of them had it."""

    full: int = 0
    wanted: int = 0

    @property
    def rate(self) -> float | None:
        """The share with full text; None before the first."""
        return self.full / self.wanted if self.wanted else None


NO_TEXTS = Texts()


def text_of(article: Article) -> Texts:
    """One article; a feed that is to be read without its pages wants none."""
    if article.text_reason is TextReason.NOT_WANTED:
        return NO_TEXTS
    return Texts(int(article.text is TextOrigin.FULL), 1)


def total(each: Iterable[Texts]) -> Texts:
    """All of them together."""
    counted = list(each)
    return Texts(sum(t.full for t in counted), sum(t.wanted for t in counted))


def with_more(before: Texts, new: Texts) -> Texts:
    """The counts and some more, in which the last fifty to a hundred articles matter."""
    both = total((before, new))
    if both.wanted <= _MANY:
        return both
    return Texts(round(both.full * _MANY / 2 / both.wanted), _MANY // 2)
