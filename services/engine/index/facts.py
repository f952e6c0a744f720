"""Facts about an article that rules ask for, beside the words of its text.

Finds which of the facts asked for hold, by look-up; whether one holds is `metadata`'s
business. A word with its stem is a fact, since stems depend on the article's language.
"""

from collections.abc import Iterable, Iterator

from schemas.article import Article
from services.engine.clitics import with_clitics
from services.engine.document import Document
from services.engine.index.atoms import AnyArticle, Fact, MetaFact, StemFact
from services.engine.metadata import (
    article_language,
    has_value,
    names_of_source,
    spellings_of_source,
    words_of,
)
from services.engine.query import MetaField
from services.engine.stemming import has_stemmer, stem

_Asked = tuple[MetaFact, int]


class Facts:
    """The facts that rules ask for, each with its atom."""

    def __init__(self, facts: Iterable[tuple[Fact, int]] = ()) -> None:
        self._sources: dict[str, list[_Asked]] = {}
        self._first_words: dict[tuple[MetaField, str], list[_Asked]] = {}
        self._others: list[_Asked] = []
        self._always: list[int] = []
        self._stems: list[tuple[StemFact, int]] = []
        self._spellings: dict[str, list[int]] = {}
        self._by_stem: dict[str, dict[str, list[int]]] = {}
        self.all: dict[Fact, int] = {}
        for fact, atom in facts:
            self.add(fact, atom)

    def add(self, fact: Fact, atom: int) -> None:
        """Have `atom` stand for `fact`."""
        self.all[fact] = atom
        match fact:
            case StemFact():
                self._stems.append((fact, atom))
                for spelling in _behind_particles(fact.word, fact):
                    self._spellings.setdefault(spelling, []).append(atom)
                for language, known in self._by_stem.items():
                    _enter_stems(known, fact, atom, language)
            case MetaFact(MetaField.SOURCE, value):
                for name in spellings_of_source(value):
                    self._sources.setdefault(name, []).append((fact, atom))
            case MetaFact(MetaField.AUTHOR | MetaField.CATEGORY as field, value):
                first = words_of(value)[0]
                self._first_words.setdefault((field, first), []).append((fact, atom))
            case MetaFact():
                self._others.append((fact, atom))
            case AnyArticle():
                self._always.append(atom)

    def of(self, article: Article) -> list[int]:
        """The atoms whose facts hold of `article`."""
        found = {
            atom
            for fact, atom in self._candidates(article)
            if has_value(article, fact.field, fact.value)
        }
        found.update(self._always)
        if self._stems:
            found.update(self._with_stems(article))
        return sorted(found)

    def _with_stems(self, article: Article) -> Iterator[int]:
        texts = Document(article).texts.values()
        for word in {word for text in texts for word in text.folded.places}:
            yield from self._spellings.get(word, ())
        language = article_language(article)
        if language is None or not has_stemmer(language):
            return
        known = self._stems_in(language)
        for form in {form for text in texts for form in text.stems(language).places}:
            yield from known.get(form, ())

    def _stems_in(self, language: str) -> dict[str, list[int]]:
        known = self._by_stem.get(language)
        if known is None:
            known = self._by_stem[language] = {}
            for fact, atom in self._stems:
                _enter_stems(known, fact, atom, language)
        return known

    def _candidates(self, article: Article) -> Iterator[_Asked]:
        yield from self._others
        if self._sources:
            for name in names_of_source(article):
                yield from self._sources.get(name, ())
        if self._first_words:
            for key in _words_of(article):
                yield from self._first_words.get(key, ())


def _words_of(article: Article) -> set[tuple[MetaField, str]]:
    authors = {(MetaField.AUTHOR, w) for value in article.author for w in words_of(value)}
    categories = {(MetaField.CATEGORY, w) for value in article.category for w in words_of(value)}
    return authors | categories


def _behind_particles(word: str, fact: StemFact) -> Iterable[str]:
    return with_clitics(word) if fact.clitics else (word,)


def _enter_stems(known: dict[str, list[int]], fact: StemFact, atom: int, language: str) -> None:
    for form in {stem(one, language) for one in _behind_particles(fact.marked, fact)} - {""}:
        known.setdefault(form, []).append(atom)
