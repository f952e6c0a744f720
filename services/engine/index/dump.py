"""A rule index as plain arrays, to be written to files and mapped again.

What is taken is as of one generation; arrays are copied, so that the index may go on. Rules
that are not there any more are left out, so this is also how their room is won back. Atoms
stay, for other rules may name them again.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from services.engine.index.atoms import AnyArticle, Fact, ListAtom, MetaFact, StemFact
from services.engine.index.columns import Array, Column, Table
from services.engine.index.segment import (
    BORN,
    DIED,
    FOREVER,
    NEXT_POST,
    POST,
    PROGRAM,
    SLOT,
    Segment,
)
from services.engine.index.texts import RuleTexts
from services.engine.query import MetaField

if TYPE_CHECKING:
    from services.engine.index.ruleindex import RuleIndex

Arrays = Mapping[str, Array]
"""Arrays by name; a name is fit for a file."""


class Snapshot(NamedTuple):
    """What an index holds as of a generation. Only what changes in place is a copy."""

    rules: Array
    atoms: Array
    edges: Array
    pairs: Array
    word_first: Array
    pool: Array
    posts: Array
    literals: Array
    written: Array
    texts: tuple[memoryview, bytes]
    text_ends: Array
    hashes: Array
    words: list[str]
    word_counts: Array
    others: str


def taken(index: "RuleIndex", generation: int) -> Snapshot:
    """Take a snapshot; nothing may change meanwhile."""
    segment = index.segment
    return Snapshot(
        rules=_as_of(segment.rules, generation),
        atoms=segment.atom_rows.values.copy(),
        edges=_as_of(segment.edges, generation),
        pairs=segment.pairs.rows.copy(),
        word_first=segment.word_first.values.copy(),
        pool=segment.pool.values,
        posts=segment.posts.values,
        literals=segment.literals.values,
        written=segment.written.values,
        texts=index.texts.blobs(),
        text_ends=index.texts.ends.values,
        hashes=index.texts.hashes(),
        words=index.lexicon.words(),
        word_counts=index.lexicon.frequencies.counts.values.copy(),
        others=json.dumps(_others(index, generation)),
    )


def dumped(snapshot: Snapshot) -> dict[str, Array]:
    """A snapshot as arrays, without rules that are not there."""
    rules, atoms = snapshot.rules, snapshot.atoms
    living = rules[:, DIED] == FOREVER
    begins = np.append(rules[:, PROGRAM], len(snapshot.literals))
    posts = _posts_in_order(atoms, snapshot.posts, living)
    opened, added = (np.frombuffer(blob, np.uint8) for blob in snapshot.texts)
    bounds = np.append(0, snapshot.text_ends)
    hashes = snapshot.hashes[living]
    order = np.argsort(hashes, kind="stable").astype(np.int32)
    return {
        "atoms": atoms,
        "pool": snapshot.pool.copy(),
        "word_first": snapshot.word_first,
        "pairs": snapshot.pairs,
        "posts": posts,
        "edges": snapshot.edges,
        "rules": _renumbered(rules[living], np.diff(begins)[living]),
        "literals": _kept(snapshot.literals, begins, living),
        "written": _kept(snapshot.written, begins, living),
        "texts": _kept(np.concatenate([opened, added]), bounds, living),
        "text_ends": np.cumsum(np.diff(bounds)[living]),
        "id_hashes": hashes[order],
        "id_order": order,
        "words": _bytes("\n".join(snapshot.words)),
        "word_counts": snapshot.word_counts,
        "others": _bytes(snapshot.others),
    }


def undump(index: "RuleIndex", arrays: Arrays) -> None:
    """Fill an index that has no rules with what was dumped."""
    others = json.loads(bytes(arrays["others"]))
    words = bytes(arrays["words"]).decode("utf-8", "surrogatepass").split("\n")
    index.lexicon.enter_all(words if arrays["words"].size else [])
    counts = index.lexicon.frequencies.counts
    counts.room[: counts.size] = arrays["word_counts"]
    index.lexicon.frequencies.articles = others["articles"]
    _fill(index.segment, arrays, others)
    index.texts = RuleTexts(
        memoryview(arrays["texts"].data),
        arrays["text_ends"],
        arrays["id_hashes"],
        arrays["id_order"],
    )
    index.generation = others["generation"]
    for name, users in others["users"].items():
        index.users[name].update(users)
    index.spelling_out.update(others["spelling_out"])


def _fill(segment: Segment, arrays: Arrays, others: Mapping[str, Any]) -> None:
    segment.atom_rows = Column(np.int32, arrays["atoms"])
    segment.pool = Column(np.int32, arrays["pool"])
    segment.word_first = Column(np.int32, arrays["word_first"])
    segment.pairs = Table(arrays["pairs"])
    segment.posts = Column(np.int32, arrays["posts"])
    segment.edges = Column(np.int32, arrays["edges"])
    segment.rules = Column(np.int32, arrays["rules"])
    segment.rules.size -= 1
    segment.literals = Column(np.int32, arrays["literals"])
    segment.written = Column(np.uint32, arrays["written"])
    for fact, atom in others["facts"]:
        segment.know_fact(_fact(fact), atom)
    for name, scope, atom in others["lists"]:
        segment.know_list(ListAtom(name, scope), atom)


def _others(index: "RuleIndex", generation: int) -> dict[str, Any]:
    segment = index.segment
    return {
        "generation": generation,
        "articles": index.lexicon.frequencies.articles,
        "facts": [[_written(fact), atom] for fact, atom in segment.facts.all.items()],
        "lists": [[one.name, one.scope, segment.atom(one)] for one in segment.lists],
        "users": {name: sorted(users) for name, users in index.users.items()},
        "spelling_out": sorted(index.spelling_out),
    }


def _as_of(column: Column, generation: int) -> Array:
    """Rows that are born and die, as if nothing had happened after a generation."""
    rows = column.values.copy()
    later = rows[:, BORN] > generation
    rows[rows[:, DIED] > generation, DIED] = FOREVER
    rows[later, BORN] = rows[later, DIED] = 0
    return rows


def _renumbered(rules: Array, lengths: Array) -> Array:
    """The rows of rules whose programs stand side by side, and the row behind the last."""
    ends = np.cumsum(lengths)
    rows = np.zeros((len(rules) + 1, 4), np.int32)
    rows[:-1] = rules
    rows[1:, PROGRAM] = ends
    rows[0, PROGRAM] = 0
    return rows


def _kept(values: Array, bounds: Array, living: Array) -> Array:
    """The values of living slots; those of slot n lie between bounds n and n + 1."""
    changes = np.flatnonzero(np.diff(np.concatenate([[False], living, [False]]).astype(np.int8)))
    runs = bounds[changes].reshape(-1, 2)
    pieces = [values[begin:end] for begin, end in runs.tolist()]
    return np.concatenate(pieces) if pieces else values[:0].copy()


def _posts_in_order(atoms: Array, posts: Array, living: Array) -> Array:
    """The postings of living rules by their new slots, those of one atom side by side.

    `atoms` come to point to them.
    """
    owners = np.full(len(posts), -1, np.int32)
    holders = np.flatnonzero(atoms[:, POST] >= 0)
    at = atoms[holders, POST]
    while len(at):
        owners[at] = holders
        following = posts[at, NEXT_POST]
        holders, at = holders[following >= 0], following[following >= 0]
    wanted = np.flatnonzero((owners >= 0) & living[posts[:, SLOT]])
    order = wanted[np.lexsort((posts[wanted, SLOT], owners[wanted]))]
    kept = posts[order]
    kept[:, SLOT] = (np.cumsum(living) - 1)[kept[:, SLOT]]
    kept_owners = owners[order]
    last = np.append(kept_owners[1:] != kept_owners[:-1], True)[: len(kept)]
    kept[:, NEXT_POST] = np.where(last, -1, np.arange(1, len(kept) + 1))
    atoms[:, POST] = -1
    first = np.append(True, last[:-1])[: len(kept)]
    atoms[kept_owners[first], POST] = np.flatnonzero(first)
    return kept


def _written(fact: Fact) -> list[Any]:
    if isinstance(fact, MetaFact):
        return [fact.field.value, fact.value]
    if isinstance(fact, AnyArticle):
        return []
    return [fact.word, fact.marked, fact.clitics]


def _fact(written: list[Any]) -> Fact:
    if not written:
        return AnyArticle()
    if len(written) == 2:
        return MetaFact(MetaField(written[0]), written[1])
    return StemFact(*written)


def _bytes(text: str) -> Array:
    return np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8)
