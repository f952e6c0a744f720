"""The articles that both sides match: a sample of real ones, or generated ones.

Decides which articles are measured; `plain` takes out of them what the two sides' word
rules would read differently.
"""

import gzip
import json
import random
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path

from schemas.article import Article, TextOrigin, TextReason

_SYLLABLES = tuple(
    c + v + e for c in "bdfgklmnprstvz" for v in "aeiou" for e in ("", "n", "r", "s")
)
_VOCABULARY = 20_000
_WHEN = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Text:
    """An article as both sides get it."""

    key: str
    title: str
    body: str


def sampled(path: Path, count: int) -> tuple[list[Text], list[Text]]:
    """`count` articles and as many others.

    Evenly over the file, in which one source follows another.
    """
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        found = [json.loads(line) for line in lines]
    texts = [
        Text(f"a{place}", " ".join(one["title"].split()), one["body"].strip())
        for place, one in enumerate(found)
    ]
    texts = [text for text in texts if text.body]
    step = max(2, len(texts) // count)
    return texts[::step][:count], texts[1::step][:count]


def generated(count: int, seed: int = 1) -> tuple[list[Text], list[Text]]:
    """`count` articles of made-up words with the frequencies of a language, and as many others."""
    rng = random.Random(seed)
    vocabulary = _vocabulary(rng)
    # Zipf: the nth word is n times rarer than the first.
    weights = list(accumulate(1 / (rank + 2) for rank in range(len(vocabulary))))

    def words(number: int) -> Iterator[str]:
        for _ in range(number):
            yield vocabulary[bisect_left(weights, rng.random() * weights[-1])]

    def paragraph() -> str:
        sentences = (" ".join(words(rng.randint(6, 25))) for _ in range(rng.randint(1, 5)))
        return " ".join(f"{one.capitalize()}." for one in sentences)

    texts = [
        Text(
            f"g{place}",
            " ".join(words(rng.randint(5, 10))).title(),
            "\n\n".join(paragraph() for _ in range(rng.randint(3, 14))),
        )
        for place in range(2 * count)
    ]
    return texts[:count], texts[count:]


def _vocabulary(rng: random.Random) -> list[str]:
    """Short words first, as in languages."""
    words: dict[str, None] = {}
    while len(words) < _VOCABULARY:
        syllables = 1 + len(words) // 150 if len(words) < 450 else rng.randint(2, 4)
        words.setdefault("".join(rng.choices(_SYLLABLES, k=syllables)))
    return list(words)


def plain(text: Text) -> Text:
    """The same in words of [a-z0-9] and one paragraph: both sides read the same words."""
    title, body = (
        " ".join(re.findall("[a-z0-9]+", part.lower())) for part in (text.title, text.body)
    )
    return Text(text.key, title, body)


def as_article(text: Text) -> Article:
    """The message that the engine matches."""
    return Article(
        article_id=text.key,
        revision="1",
        feed_id="bench",
        source="bench",
        title=text.title,
        body=text.body,
        text=TextOrigin.FULL,
        text_reason=TextReason.PAGE,
        first_seen_at=_WHEN,
        seen_at=_WHEN,
    )


_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"})
_ESCAPED = re.compile(r"\\(.)")
_PLAIN = {"n": "\n", "t": "\t", "r": "\r"}


def write(path: Path, texts: Sequence[Text]) -> None:
    """Lines of id, title and body with tabs between: what both sides read."""
    with path.open("w", encoding="utf-8", newline="\n") as lines:
        for text in texts:
            parts = (text.key, text.title, text.body)
            lines.write("\t".join(part.translate(_ESCAPES) for part in parts) + "\n")


def read(path: Path) -> list[Text]:
    """What `write` wrote."""
    with path.open(encoding="utf-8", newline="\n") as lines:
        return [Text(*map(_unescaped, line.rstrip("\n").split("\t"))) for line in lines]


def _unescaped(part: str) -> str:
    return _ESCAPED.sub(lambda match: _PLAIN.get(match[1], match[1]), part)
