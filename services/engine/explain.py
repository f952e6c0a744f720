"""Why a rule matches an article or does not, clause by clause.

Decides the words of the explanation; what holds is `evaluate`'s business. Slower than
matching: for a person who asks, not for the stream.
"""

from dataclasses import dataclass

from schemas.article import Article
from schemas.matches import ArticleField
from services.engine.checks import has_occurrences
from services.engine.document import Document, Found
from services.engine.evaluate import Evaluation
from services.engine.metadata import article_language
from services.engine.options import DEFAULT_OPTIONS, Options
from services.engine.places import count_apart
from services.engine.proximity import chain, closest
from services.engine.query import (
    And,
    AtLeast,
    InField,
    Link,
    Meta,
    Near,
    Node,
    Not,
    NotNear,
    Or,
    Query,
    SavedList,
    Term,
    TextField,
    Unit,
    children_of,
)


@dataclass(frozen=True, slots=True)
class Explanation:
    """One clause: as written, whether it held, why (may be empty), and the parts of it."""

    clause: str
    held: bool
    note: str = ""
    parts: tuple["Explanation", ...] = ()


def explain(query: Query, article: Article, options: Options = DEFAULT_OPTIONS) -> Explanation:
    """The whole rule explained, for a match and for a non-match alike."""
    evaluation = Evaluation(query, Document(article), options)
    whole = _Explainer(evaluation).of(query.root, None)
    language = article_language(article)
    if options.languages and language not in options.languages:
        wanted = ", ".join(sorted(options.languages))
        note = f"the rule is for {wanted}, the article is {language or 'of unknown language'}"
        return Explanation(whole.clause, False, note, whole.parts)
    return whole


@dataclass(frozen=True, slots=True)
class _Explainer:
    evaluation: Evaluation

    def of(self, node: Node, scope: TextField | None) -> Explanation:
        held = self.evaluation.holds(node, scope)
        note = self._note(node, scope, held=held)
        return Explanation(self._written(node), held, note, self._parts(node, scope))

    def _written(self, node: Node) -> str:
        return self.evaluation.query.written(node)

    def _parts(self, node: Node, scope: TextField | None) -> tuple[Explanation, ...]:
        match node:
            case And() | Or() | Not():
                return tuple(self.of(child, scope) for child in children_of(node))
            case InField() if not isinstance(node.child, Term | SavedList):
                return (self.of(node.child, node.name),)
            case _:
                return ()

    def _note(self, node: Node, scope: TextField | None, *, held: bool) -> str:
        match node:  # the other kinds speak through their parts
            case Near() | NotNear():
                return "" if held else self._why_not_near(node, scope)
            case AtLeast():
                return f"occurs {_times(_count(self.evaluation.found(node.operand, scope)))}"
            case Term() | SavedList() if has_occurrences(node):
                return self._occurrences(node, scope)
            case InField() if isinstance(node.child, Term):
                return self._occurrences(node.child, node.name)
            case Meta():
                return _metadata(self.evaluation.document.article, node)
            case _:
                return ""

    def _occurrences(self, node: Node, scope: TextField | None) -> str:
        count = _count(self.evaluation.found(node, scope))
        return f"occurs {_times(count)}" if count else "does not occur"

    def _why_not_near(self, node: Near | NotNear, scope: TextField | None) -> str:
        if isinstance(node, NotNear):
            wanted = self.evaluation.found(node.wanted, scope)
            return "each occurrence has one near" if wanted else "does not occur"
        found = [self.evaluation.found(operand, scope) for operand in node.operands]
        for operand, places in zip(node.operands, found, strict=True):
            if not places:
                return f"{self._written(operand)} does not occur"
        for number, link in enumerate(node.links):
            why = self._why_pair_not_near(found[number], found[number + 1], link)
            if why:
                return why
        return "no occurrence is near both of its neighbours"

    def _why_pair_not_near(self, one: Found, other: Found, link: Link) -> str:
        if self._is_near(one, other, link):
            return ""
        if link.ordered and self._is_near(one, other, Link(link.within)):
            return "near, but in the other order"
        gaps = [gap for field in one if (gap := self._gap(one, other, field)) is not None]
        if not gaps:
            return "never in one paragraph"
        apart = f"{_words(min(gaps))} between them where they are nearest"
        return f"in one paragraph, {apart}" if isinstance(link.within, Unit) else apart

    def _is_near(self, one: Found, other: Found, link: Link) -> bool:
        texts = self.evaluation.document.texts
        return any(
            chain([places, other.get(field, ())], [link], texts[field]) is not None
            for field, places in one.items()
        )

    def _gap(self, one: Found, other: Found, field: ArticleField) -> int | None:
        text = self.evaluation.document.texts[field]
        return closest(one[field], other.get(field, ()), text)


def _count(found: Found) -> int:
    return sum(map(count_apart, found.values()))


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _words(count: int) -> str:
    return "1 word" if count == 1 else f"{count} words"


def _metadata(article: Article, node: Meta) -> str:
    facts = {
        "source": f"{article.feed_id}, {article.source}, {article.url}",
        "author": ", ".join(article.author),
        "category": ", ".join(article.category),
        "url": article.url,
        "lang": article.lang,
    }
    return f"the article has {facts[node.name] or 'none'}"
