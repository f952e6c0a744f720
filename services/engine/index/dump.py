"""A rule index as plain arrays, to be written to files and mapped again.

What is taken is as of one generation; arrays are copied, so that the index may go on. Rules
that are not there any more are left out, so this is also how their room is won back. Atoms
stay, for other rules may name them again.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from services.engine.index.atoms import Fact, ListAtom, MetaFact, StemFact
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


def dumped(index: "RuleIndex", generation: int) -> dict[str, Array]:
    """The rules as of a generation, with what finds them."""
    segment = index.segment
    rules = _as_of(segment.rules, generation)
    living = rules[:, DIED] == FOREVER
    begins = np.append(rules[:, PROGRAM], segment.literals.size)
    atoms = segment.atom_rows.values.copy()
    posts = _posts_in_order(atoms, segment.posts.values, living)
    blob, ends = index.texts.blob(), index.texts.ends.values
    text_bounds = np.append(0, ends)
    hashes, order = index.texts.sorted_hashes(living)
    return {
        "atoms": atoms,
        "pool": segment.pool.values.copy(),
        "word_first": segment.word_first.values.copy(),
        "pairs": segment.pairs.rows.copy(),
        "posts": posts,
        "edges": _as_of(segment.edges, generation),
        "rules": _renumbered(rules[living], np.diff(begins)[living]),
        "literals": _kept(segment.literals.values, begins, living),
        "written": _kept(segment.written.values, begins, living),
        "texts": _kept(np.frombuffer(blob, np.uint8), text_bounds, living),
        "text_ends": np.cumsum(np.diff(text_bounds)[living]),
        "id_hashes": hashes,
        "id_order": order,
        "words": _bytes("\n".join(index.lexicon.words())),
        "word_counts": index.lexicon.frequencies.counts.values.copy(),
        "others": _bytes(json.dumps(_others(index, generation))),
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
    return [fact.word, fact.marked, fact.clitics]


def _fact(written: list[Any]) -> Fact:
    if len(written) == 2:
        return MetaFact(MetaField(written[0]), written[1])
    return StemFact(*written)


def _bytes(text: str) -> Array:
    return np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8)
