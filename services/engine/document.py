"""An article as rules look at it: its fields, analysed once, and what was found so far.

Decides which texts a word is looked for in and what the lead is. Leaf results are kept,
so that a term shared by many rules is looked for once.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property

from schemas.article import Article
from schemas.matches import ArticleField
from services.engine.analysis import Text, analyse
from services.engine.metadata import article_language
from services.engine.options import Options
from services.engine.places import Place, Ways, merged, places_of
from services.engine.query import Node, Or, SavedList, Term, TextField
from services.engine.sentences import has_text
from services.engine.stemming import has_stemmer

Found = Mapping[ArticleField, Sequence[Place]]
"""Occurrences by field; fields without one are left out."""


_Sought = tuple[Term, TextField | None, bool, tuple[str, ...]]
"""What was looked for: a term, in a field, with particles or not, the words to be stemmed."""


class Document:
    """An article under examination. Lives for one article, is not shared."""

    def __init__(self, article: Article) -> None:
        self.article = article
        self._found: dict[_Sought, Found] = {}

    @cached_property
    def texts(self) -> Mapping[ArticleField, Text]:
        """The texts that are searched: the summary only where there is no body."""
        title = analyse(self.article.title)
        if has_text(self.article.body):
            return {ArticleField.TITLE: title, ArticleField.BODY: analyse(self.article.body)}
        return {ArticleField.TITLE: title, ArticleField.SUMMARY: analyse(self.article.summary)}

    def find(self, node: Node, scope: TextField | None, options: Options) -> Found:
        """The occurrences of a term, a list of terms or an OR of terms."""
        match node:
            case Term():
                return self._find_term(node, scope, options)
            case SavedList():
                return self._find_any(node.items, scope, options)
            case Or():
                return self._find_any(node.children, scope, options)
            case _:
                raise TypeError(f"{type(node).__name__} has no occurrences")

    def _find_any(self, nodes: Sequence[Node], scope: TextField | None, options: Options) -> Found:
        found = [self.find(node, scope, options) for node in nodes]
        fields = [field for field in self.texts if any(field in one for one in found)]
        return {field: merged(one.get(field, ()) for one in found) for field in fields}

    @cached_property
    def _vocabulary(self) -> frozenset[str]:
        texts = self.texts.values()
        return frozenset(word.folded for text in texts for word in text.words)

    @cached_property
    def _stem_language(self) -> str | None:
        """The language of the article, where its words have stems."""
        language = article_language(self.article)
        return language if has_stemmer(language) else None

    def _find_term(self, term: Term, scope: TextField | None, options: Options) -> Found:
        language = self._stem_language if options.stem else None
        is_loose = options.clitics or language is not None
        # Most terms of most rules have a word that the article lacks.
        if term.plain and not is_loose and not self._vocabulary.issuperset(term.words):
            return {}
        key = (term, scope, options.clitics, term.marked if language else ())
        found = self._found.get(key)
        if found is None:
            ways = Ways(options.clitics, language)
            found = self._found[key] = self._look_for(term, scope, ways)
        return found

    def _look_for(self, term: Term, scope: TextField | None, ways: Ways) -> Found:
        found = {}
        for field in self._fields(scope):
            text = self.texts[field]
            places: Sequence[Place] = places_of(term, text, ways)
            if scope is TextField.LEAD and field is ArticleField.BODY:
                places = [place for place in places if text.paragraphs[place[0]] == 0]
            if places:
                found[field] = places
        return found

    def _fields(self, scope: TextField | None) -> Sequence[ArticleField]:
        if scope is None:
            return tuple(self.texts)
        wanted = {
            TextField.TITLE: (ArticleField.TITLE,),
            TextField.BODY: (ArticleField.BODY,),
            TextField.LEAD: (ArticleField.BODY, ArticleField.SUMMARY),
        }[scope]
        return [field for field in wanted if field in self.texts]
