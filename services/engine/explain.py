"""Why a rule matches an article or does not, clause by clause.

Decides the words of the explanation and the places it points at; what holds is
`evaluate`'s business. Slower than matching: for a person who asks, not for the stream.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from schemas.article import Article
from schemas.matches import ArticleField, Hit
from services.engine.checks import has_occurrences
from services.engine.document import Document, Found
from services.engine.evaluate import Evaluation, in_order
from services.engine.metadata import article_language
from services.engine.options import DEFAULT_OPTIONS, Options
from services.engine.places import Place, count_apart
from services.engine.proximity import Gap, chain, closest
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


class Joint(StrEnum):
    """How the parts of a clause make it hold; a clause without parts is a leaf."""

    LEAF = ""
    ALL = "all of these"
    ANY = "any of these"
    NONE = "none of these"
    INSIDE = "in one field"


@dataclass(frozen=True, slots=True)
class Explanation:
    """One clause: as written, whether it held, why (may be empty), and the parts of it.

    `hits` are the occurrences that the note speaks of; `nearest` are the two that come
    nearest to each other where a proximity failed.
    """

    clause: str
    held: bool
    note: str = ""
    parts: tuple["Explanation", ...] = ()
    joint: Joint = Joint.LEAF
    hits: tuple[Hit, ...] = ()
    nearest: tuple[Hit, Hit] | None = None

    def leaves(self) -> Iterator["Explanation"]:
        """The clauses that have no parts."""
        if not self.parts:
            yield self
        for part in self.parts:
            yield from part.leaves()


def explain(query: Query, article: Article, options: Options = DEFAULT_OPTIONS) -> Explanation:
    """The whole rule explained, for a match and for a non-match alike."""
    evaluation = Evaluation(query, Document(article), options)
    whole = _Explainer(evaluation).of(query.root, None)
    language = article_language(article)
    if options.languages and language not in options.languages:
        wanted = ", ".join(sorted(options.languages))
        note = f"the rule is for {wanted}, the article is {language or 'of unknown language'}"
        return replace(whole, held=False, note=note)
    return whole


@dataclass(frozen=True, slots=True)
class _Why:
    note: str = ""
    nearest: tuple[Hit, Hit] | None = None


@dataclass(frozen=True, slots=True)
class _Explainer:
    evaluation: Evaluation

    def of(self, node: Node, scope: TextField | None) -> Explanation:
        held = self.evaluation.holds(node, scope)
        why = self._why(node, scope, held=held)
        return Explanation(
            self._written(node),
            held,
            why.note,
            self._parts(node, scope),
            _joint(node),
            self._hits(node, scope),
            why.nearest,
        )

    def _written(self, node: Node) -> str:
        return self.evaluation.query.written(node)

    def _parts(self, node: Node, scope: TextField | None) -> tuple[Explanation, ...]:
        match node:
            case And() | Or() | Not():
                return tuple(self.of(child, scope) for child in children_of(node))
            case InField() if _joint(node) is not Joint.LEAF:
                return (self.of(node.child, node.name),)
            case _:
                return ()

    def _why(  # noqa: PLR0911 - one for each kind of node
        self, node: Node, scope: TextField | None, *, held: bool
    ) -> _Why:
        match node:  # the other kinds speak through their parts
            case Near() if not held:
                return self._why_not_near(node, scope)
            case NotNear() if not held:
                wanted = self.evaluation.found(node.wanted, scope)
                return _Why("each occurrence has one near" if wanted else "does not occur")
            case AtLeast():
                return _Why(f"occurs {_times(_count(self.evaluation.found(node.operand, scope)))}")
            case Term() | SavedList() if has_occurrences(node):
                return self._occurrences(node, scope)
            case SavedList():
                holding = sum(self.evaluation.holds(item, scope) for item in node.items)
                return _Why(f"{holding} of its {len(node.items)} expressions hold")
            case InField() if _joint(node) is Joint.LEAF:
                return self._occurrences(node.child, node.name)
            case Meta():
                return _Why(_metadata(self.evaluation.document.article, node))
            case _:
                return _Why()

    def _occurrences(self, node: Node, scope: TextField | None) -> _Why:
        count = _count(self.evaluation.found(node, scope))
        return _Why(f"occurs {_times(count)}" if count else "does not occur")

    def _why_not_near(self, node: Near, scope: TextField | None) -> _Why:
        found = [self.evaluation.found(operand, scope) for operand in node.operands]
        for operand, places in zip(node.operands, found, strict=True):
            if not places:
                return _Why(f"{self._written(operand)} does not occur")
        for number, link in enumerate(node.links):
            why = self._why_pair_not_near(found[number], found[number + 1], link)
            if why is not None:
                return why
        return _Why("no occurrence is near both of its neighbours")

    def _why_pair_not_near(self, one: Found, other: Found, link: Link) -> _Why | None:
        if self._is_near(one, other, link):
            return None
        gaps = [(gap, field) for field in one if (gap := self._gap(one, other, field)) is not None]
        if not gaps:
            return _Why("never in one paragraph")
        gap, field = min(gaps)
        nearest = (self._hit(field, gap.one), self._hit(field, gap.other))
        if link.ordered and self._is_near(one, other, Link(link.within)):
            return _Why("near, but in the other order", nearest)
        apart = f"{_words(gap.words)} between them where they are nearest"
        in_unit = isinstance(link.within, Unit)
        return _Why(f"in one paragraph, {apart}" if in_unit else apart, nearest)

    def _is_near(self, one: Found, other: Found, link: Link) -> bool:
        texts = self.evaluation.document.texts
        return any(
            chain([places, other.get(field, ())], [link], texts[field]) is not None
            for field, places in one.items()
        )

    def _gap(self, one: Found, other: Found, field: ArticleField) -> Gap | None:
        text = self.evaluation.document.texts[field]
        return closest(one[field], other.get(field, ()), text)

    def _hits(self, node: Node, scope: TextField | None) -> tuple[Hit, ...]:
        match node:
            case Near() | AtLeast() | Term():
                found = self.evaluation.found(node, scope)
            case NotNear():
                found = self.evaluation.found(node, scope)
                found = found or self.evaluation.found(node.wanted, scope)
            case SavedList() if has_occurrences(node):
                found = self.evaluation.found(node, scope)
            case InField() if _joint(node) is Joint.LEAF:
                found = self.evaluation.found(node.child, node.name)
            case _:
                return ()
        return in_order(
            self._hit(field, place) for field, places in found.items() for place in places
        )

    def _hit(self, field: ArticleField, place: Place) -> Hit:
        words = self.evaluation.document.texts[field].words
        return Hit(field=field, start=words[place[0]].start, end=words[place[1]].end)


def _joint(node: Node) -> Joint:  # noqa: PLR0911 - one for each kind of node
    match node:
        case And():
            return Joint.ALL
        case Or():
            return Joint.ANY
        case Not():
            return Joint.NONE
        case InField(child=Term()):
            return Joint.LEAF
        case InField(child=SavedList() as items) if has_occurrences(items):
            return Joint.LEAF
        case InField():
            return Joint.INSIDE
        case _:
            return Joint.LEAF


def _count(found: Found) -> int:
    return sum(map(count_apart, found.values()))


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _words(count: int) -> str:
    return "1 word" if count == 1 else f"{count} words"


def _metadata(article: Article, node: Meta) -> str:
    facts = {
        "source": ", ".join(_distinct(article.feed_id, article.source, article.url)),
        "author": ", ".join(article.author),
        "category": ", ".join(article.category),
        "url": article.url,
        "lang": article.lang,
    }
    return f"the article has {facts[node.name] or 'none'}"


def _distinct(*values: str | None) -> Iterator[str]:
    yield from dict.fromkeys(value for value in values if value)
