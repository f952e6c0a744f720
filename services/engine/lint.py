"""Warnings about rules that are accepted and may not mean what their author thinks.

Decides what is worth a second look; refuses nothing. Mistakes are `parse`'s business.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from unicodedata import normalize

from services.engine.characters import is_hangul
from services.engine.common_words import COMMON_WORDS
from services.engine.folding import fold
from services.engine.parse import Lists, parse
from services.engine.printing import bracketed
from services.engine.query import (
    And,
    AtLeast,
    InField,
    Meta,
    Near,
    Node,
    Not,
    NotNear,
    Or,
    Query,
    SavedList,
    Term,
    children_of,
    walk,
)
from services.engine.tokens import Kind, Token, tokens_of

MAX_NEAR = 50
_LOWER_CASE = frozenset({"and", "or", "not", "near", "onear", "atleast"})
_SIGNS = frozenset("-–—−+")


@dataclass(frozen=True, slots=True)
class LintWarning:
    """Something to look at again, at `offset` (code points of the rule)."""

    message: str
    offset: int


def lint(text: str, lists: Lists | None = None) -> tuple[LintWarning, ...]:
    """The warnings about a rule in the order of its text; raises RuleError if it is bad."""
    query = parse(text, lists)
    found = [*_of_tokens(tokens_of(text)), *_of_tree(query)]
    return tuple(sorted(found, key=lambda warning: warning.offset))


# --- what is seen in the spelling


def _of_tokens(tokens: list[Token]) -> Iterator[LintWarning]:
    for token in tokens:
        if token.kind is Kind.WORD:
            yield from _of_word(token)
        elif token.kind is Kind.PHRASE and token.text.rstrip().endswith("?"):
            message = "the ? stands for one more letter; leave it out to find the question"
            yield LintWarning(message, token.start)
        elif token.kind is Kind.VALUE and token.inside == token.start and "|" in token.text:
            message = f'the bar is part of "{token.text}"; write field:(this OR that)'
            yield LintWarning(message, token.start)
    yield from _of_single_quotes(tokens)


def _of_word(token: Token) -> Iterator[LintWarning]:
    word = token.text
    plain = normalize("NFKC", word)
    name, slash, _ = plain.partition("/")
    # "Near" may begin a headline; "Near/5" and full-width letters are meant as operators.
    if name.lower() in _LOWER_CASE and (slash or name.islower() or plain != word):
        message = f'"{word}" is searched for as a word; operators are upper case: {plain.upper()}'
        yield LintWarning(message, token.start)
    if "&&" in word or "||" in word:
        yield LintWarning(f'"{word}" is a phrase; write AND or OR between spaces', token.start)
    if word.startswith("!"):
        yield LintWarning(f"the ! does not exclude; write NOT {word[1:]}", token.start)
    if word[0] in _SIGNS:
        yield LintWarning(f"the {word[0]} is no operator without a space before it", token.start)


def _of_single_quotes(tokens: list[Token]) -> Iterator[LintWarning]:
    words = [token for token in tokens if token.kind is Kind.WORD]
    for number, token in enumerate(words):
        if token.text[0] in "'‘" and any(
            other.text[-1] in "'’" for other in words[number : number + 10] if len(other.text) > 1
        ):
            message = "single quotes make no phrase; use double quotes"
            yield LintWarning(message, token.start)
            return


# --- what is seen in the tree


def _of_tree(query: Query) -> Iterator[LintWarning]:
    yield from _of_common_word(query.root)
    yield from _of_mixture(query)
    nodes = list(_own_nodes(query.root))
    # (a OR b) OR c is looked at once, as one OR of three.
    parts = {
        id(child) for node in nodes for child in children_of(node) if type(child) is type(node)
    }
    for node in nodes:
        yield from _of_distance(node)
        yield from _of_values(node)
        if id(node) not in parts:
            yield from _of_contradiction(node)
            yield from _of_repetition(node)


def _own_nodes(node: Node) -> Iterator[Node]:
    """The nodes that this rule itself spells out: those of its lists are not its text."""
    inside = {
        id(below)
        for one in walk(node)
        if isinstance(one, SavedList)
        for item in one.items
        for below in walk(item)
    }
    return (one for one in walk(node) if id(one) not in inside)


def _of_common_word(root: Node) -> Iterator[LintWarning]:
    term = root.child if isinstance(root, InField) else root
    words = tuple(map(fold, term.words)) if isinstance(term, Term) else ()
    if len(words) == 1 and words[0] in COMMON_WORDS:
        yield LintWarning(f'"{words[0]}" alone matches a great many articles', root.span.start)


def _of_mixture(query: Query) -> Iterator[LintWarning]:
    """One warning that shows how the whole was read, at the first doubtful place."""
    doubtful = (
        child
        for parent in _own_nodes(query.root)
        for child in _binding_children(parent)
        if not _is_bracketed(query, child)
    )
    first = next(doubtful, None)
    if first is not None:
        yield LintWarning(
            f"without brackets this is read as: {bracketed(query.root)}", first.span.start
        )


def _binding_children(parent: Node) -> Iterator[Node]:
    """Children that are part of `parent` by precedence alone."""
    match parent:
        case Or(children):
            yield from (child for child in children if isinstance(child, And | Near | NotNear))
        case And(children):
            yield from (child for child in children if isinstance(child, Near | NotNear))
            # "a NOT b" is what people write; behind "NOT a b" they may mean both.
            yield from (child for child in children[:-1] if isinstance(child, Not))
        case Not(Near() | NotNear() as child):
            yield child
        case _:
            return


def _is_bracketed(query: Query, node: Node) -> bool:
    before = query.text[: node.span.start].rstrip()
    after = query.text[node.span.end :].lstrip()
    is_sign = isinstance(node, Not) and query.text[node.span.start] in _SIGNS
    return is_sign or (before[-1:] in ("(", "（") and after[:1] in (")", "）"))


def _of_distance(node: Node) -> Iterator[LintWarning]:
    links = node.links if isinstance(node, Near) else ()
    links = (node.link,) if isinstance(node, NotNear) else links
    for link in links:
        if isinstance(link.within, int) and link.within > MAX_NEAR:
            message = f"NEAR/{link.within} is very far; NEAR/P asks for one paragraph"
            yield LintWarning(message, node.span.start)


def _of_contradiction(node: Node) -> Iterator[LintWarning]:
    if not isinstance(node, And):
        return
    parts = list(_flat(node, And))
    excluded = {one for part in parts if isinstance(part, Not) for one in _flat(part.child, Or)}
    for part in parts:
        for one in _implied(part):
            if one in excluded:
                message = f"{bracketed(one)} is both asked for and excluded: this can never match"
                yield LintWarning(message, part.span.start)
                break


def _implied(part: Node) -> Iterator[Node]:
    """What holds wherever `part` does: it itself and what it asks for."""
    yield part
    match part:
        case InField():
            yield from _implied(part.child)
        case AtLeast():
            yield from _implied(part.operand)
        case Near():
            yield from (one for operand in part.operands for one in _implied(operand))
        case NotNear():
            yield from _implied(part.wanted)
        case Term() if not part.exact and len(part.words) > 1:
            yield from (Term((word,)) for word in part.words if not is_hangul(word[0]))
        case _:
            return


def _of_values(node: Node) -> Iterator[LintWarning]:
    counts = Counter(node.values if isinstance(node, Meta) else ())
    for value, count in counts.items():
        if count > 1:
            yield LintWarning(f'"{value}" stands here twice', node.span.start)


def _of_repetition(node: Node) -> Iterator[LintWarning]:
    if not isinstance(node, And | Or):
        return
    seen: set[Node] = set()
    for child in _flat(node, type(node)):
        parts = set(_in_lists(child)) if isinstance(node, Or) else {child}
        for part in sorted(parts & seen, key=bracketed):
            yield LintWarning(f"{bracketed(part)} stands here twice", child.span.start)
        seen |= parts


def _in_lists(node: Node) -> Iterator[Node]:
    if isinstance(node, SavedList):
        for item in node.items:
            yield from _in_lists(item)
    elif isinstance(node, Or):
        for child in node.children:
            yield from _in_lists(child)
    else:
        yield node


def _flat(node: Node, kind: type[And] | type[Or]) -> Iterator[Node]:
    if isinstance(node, kind):
        for child in node.children:
            yield from _flat(child, kind)
    else:
        yield node
