"""Where the two sides' matches differ, and why.

A difference belongs to the first class whose removal from article and rule makes both
readings agree: an article without apostrophes, say. What the readings do not reproduce, or
what still differs with every class removed, is unexplained and a bug of somebody.
"""

import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.match import query
from bench.match.corpus import Text
from bench.match.query import Node
from bench.match.readings import Reader, lucene_reading, our_reading

UNEXPLAINED = "unexplained"
SEVERAL = "several of these at once"
OVERLAP = "one word as both sides of a NEAR"

Edit = Callable[[str], str]


def _edit(pattern: str, by: str) -> Edit:
    compiled = re.compile(pattern)
    return lambda text: compiled.sub(by, text)


def _without_marks(text: str) -> str:
    folded = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in folded if unicodedata.category(char) != "Mn")


def _without_points(text: str) -> str:
    return re.sub(r"\b(?:[^\W\d_]\.)+[^\W\d_]\b\.?", lambda match: match[0].replace(".", ""), text)


CLASSES: Mapping[str, Edit] = {
    "paragraphs (ours stay inside one)": _edit(r"\s*\n\s*", " "),
    "possessive (Iran's)": _edit(r"['’‘´`＇][sS]\b", ""),
    "other apostrophe (don't, O'Neill)": _edit(r"(?<=\w)['’‘´`＇](?=\w)", " "),
    "initials (U.S.)": _without_points,
    "point between letters (example.com)": _edit(r"(?<=[^\W\d_])[.․](?=[^\W\d_])", " "),
    "number (2,000)": _edit(r"(?<=\d)[,;](?=\d)", ""),
    "colon, underscore, @, hyphen": _edit(r"(?<=\w)[:@-](?=\w)|_", " "),
    "accents and case": _without_marks,
    "other characters": _edit(r"[^\w\s.,;:'’-]+", " "),
}


@dataclass(slots=True)
class Differences:
    """Pairs of article and rule that one side alone found, by class; and some examples."""

    only_ours: Counter[str] = field(default_factory=Counter)
    only_lucene: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    @property
    def unexplained(self) -> int:
        return self.only_ours[UNEXPLAINED] + self.only_lucene[UNEXPLAINED]

    @property
    def count(self) -> int:
        return self.only_ours.total() + self.only_lucene.total()

    def add(self, kind: str, article: str, rule: str, *, is_ours: bool) -> None:
        (self.only_ours if is_ours else self.only_lucene)[kind] += 1
        self.examples.setdefault(kind, []).append(f"{article} {rule}")


Pairs = Mapping[str, frozenset[str]]


def read_pairs(path: Path) -> Pairs:
    """The matching rules by article."""
    with path.open(encoding="utf-8") as lines:
        split = (line.rstrip("\n").split("\t") for line in lines)
        return {article: frozenset(map(sys.intern, rules)) for article, *rules in split}


def differing_rules(ours: Pairs, lucene: Pairs) -> set[str]:
    """The rules that some article matches on one side alone."""
    return {rule for article in ours for rule in ours[article] ^ lucene[article]}


def differences(
    ours: Pairs, lucene: Pairs, texts: Iterable[Text], rules: Mapping[str, Node]
) -> Differences:
    """All pairs that differ, each with its class."""
    found = Differences()
    for text in texts:
        mine, theirs = ours[text.key], lucene[text.key]
        judge = Judge(text)
        for rule in sorted(mine ^ theirs):
            kind = judge.kind(rules[rule], is_ours=rule in mine)
            found.add(kind, text.key, rule, is_ours=rule in mine)
    return found


class Judge:
    """Says why an article matches a rule on one side alone."""

    def __init__(self, text: Text) -> None:
        self._text = text
        self._readers: dict[tuple[str, ...], tuple[Reader, Reader]] = {}

    def kind(self, node: Node, *, is_ours: bool) -> str:
        """The class of a difference; `is_ours`: our side alone found it."""
        if self._verdicts(node, ()) != (is_ours, not is_ours):
            return UNEXPLAINED
        for name in CLASSES:
            if self._agree(node, (name,)):
                return name
        if self._agree(node, (OVERLAP,)):
            return OVERLAP
        return SEVERAL if self._agree(node, (*CLASSES, OVERLAP)) else UNEXPLAINED

    def _agree(self, node: Node, names: tuple[str, ...]) -> bool:
        mine, theirs = self._verdicts(node, names)
        return mine == theirs

    def _verdicts(self, node: Node, names: tuple[str, ...]) -> tuple[bool, bool]:
        if names not in self._readers:
            self._readers[names] = self._read(names)
        mine, theirs = self._readers[names]
        edited = query.edited(node, lambda word: _apply(names, word))
        return mine.holds(edited), theirs.holds(edited)

    def _read(self, names: tuple[str, ...]) -> tuple[Reader, Reader]:
        text = Text(self._text.key, _apply(names, self._text.title), _apply(names, self._text.body))
        mine, theirs = our_reading(text), lucene_reading(text)
        theirs.overlaps = OVERLAP not in names
        return Reader(mine, is_ours=True), Reader(theirs, is_ours=False)


def _apply(names: Iterable[str], text: str) -> str:
    for name in names:
        text = CLASSES[name](text) if name in CLASSES else text
    return text


def lines(found: Differences) -> Iterator[str]:
    """For the terminal: a line for each class."""
    for kind in (*CLASSES, OVERLAP, SEVERAL, UNEXPLAINED):
        ours, theirs = found.only_ours[kind], found.only_lucene[kind]
        if ours or theirs or kind == UNEXPLAINED:
            yield f"  {kind:<44}{ours:>14,}{theirs:>14,}"
    if found.unexplained:
        yield f"  for example {'; '.join(found.examples[UNEXPLAINED][:5])}"
