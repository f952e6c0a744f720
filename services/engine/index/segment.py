"""Rules as arrays: their clauses over shared atoms, and what hangs on each atom.

A segment is appended to. A rule is never changed in place: its new version is a new slot,
and the old one has ended with the generation before. Reading is by plain arrays: see
`reference` (NumPy) and `kernel` (compiled), which must agree.
"""

from collections.abc import Iterable
from typing import NamedTuple, assert_never

import numpy as np

from services.engine.index.atoms import (
    AnyArticle,
    Atom,
    Clause,
    CompiledRule,
    Fact,
    ListAtom,
    Literal,
    MetaFact,
    NearAtom,
    PhraseAtom,
    StemFact,
    WordAtom,
)
from services.engine.index.columns import Array, Column, Table
from services.engine.index.facts import Facts
from services.engine.index.frequencies import Costs
from services.engine.index.lexicon import Lexicon

FOREVER = np.iinfo(np.int32).max

EXACT = 1
"""The clauses decide; otherwise the rule is to be evaluated where they hold."""
ANCHOR_DECIDES = 2
"""Any anchor is the whole answer."""

NO_GUARD = -1


# Columns of `Arrays.atoms`.
SCOPE = 0
SIBLING = 1  # the next atom of the same word, pair of words, or rarer operand; -1 for none
POOL = 2  # phrase: its words in the pool; proximity: two atoms, distance, whether ordered
LENGTH = 3  # phrase: its number of words
PAIR = 4  # phrase: where in it the pair stands that it is found by
POST = 5  # its first posting: a rule that hangs on it
NEAR = 6  # the first proximity that hangs on it
EDGE = 7  # the first saved list that it is a member of

# Columns of `Arrays.posts`.
SLOT = 0
GUARD = 1  # an atom that the rule needs as well, or -1
NEXT_POST = 2

# Columns of `Arrays.edges`.
OWNER = 0
NEXT_EDGE = 1
# and BORN and DIED as of rules

# Columns of `Arrays.rules`.
PROGRAM = 0  # where its literals begin; those of the next slot are their end
FLAGS = 1
BORN = 2
DIED = 3


class Arrays(NamedTuple):
    """A segment for reading. All but `word_first` may be longer than what is in use."""

    atoms: Array
    pool: Array
    word_first: Array
    """By word number its first atom, -1 for none; words beyond its end have none."""
    pairs: Array
    """A `Table` from two word numbers as one key to the first phrase found by them."""
    posts: Array
    edges: Array
    rules: Array
    literals: Array
    """An atom, shifted by 2; bit 0 is negation, bit 1 ends a clause."""


class Segment:
    """Compiled rules by slot. Slots are given in the order of `add`."""

    def __init__(self, lexicon: Lexicon, costs: Costs) -> None:
        self._lexicon = lexicon
        self._costs = costs
        self._numbers: dict[Atom, int] = {}
        self._edge_at: dict[tuple[int, int], int] = {}
        self.lists: list[ListAtom] = []
        """The saved lists that rules use as atoms."""
        self.facts = Facts()
        self.atom_rows = Column(np.int32, width=8)
        self.pool = Column(np.int32)
        self.word_first = Column(np.int32)
        self.pairs = Table()
        self.posts = Column(np.int32, width=3)
        self.edges = Column(np.int32, width=4)
        self.rules = Column(np.int32, width=4)
        self.literals = Column(np.int32)
        self.written = Column(np.uint32)
        """Per literal the span it was written as: start and length, 16 bits each."""

    @property
    def atoms(self) -> int:
        """How many atoms there are."""
        return self.atom_rows.size

    @property
    def slots(self) -> int:
        """How many slots there are, ended ones included."""
        return self.rules.size

    def arrays(self) -> Arrays:
        """For reading; valid until the next change."""
        return Arrays(
            self.atom_rows.room,
            self.pool.room,
            self.word_first.values,
            self.pairs.rows,
            self.posts.room,
            self.edges.room,
            self.rules.room,
            self.literals.room,
        )

    def program(self, slot: int) -> list[int]:
        """The literals of a rule, as in `Arrays.literals`."""
        program: list[int] = self.literals.room[self._span(slot)].tolist()
        return program

    def spans(self, slot: int) -> list[tuple[int, int]]:
        """Per literal of a rule where it is written in its query; empty if it is not."""
        packed: list[int] = self.written.room[self._span(slot)].tolist()
        return [(one >> 16, (one >> 16) + (one & 0xFFFF)) for one in packed]

    def _span(self, slot: int) -> slice:
        begin, end = self.rules.room[slot : slot + 2, PROGRAM].tolist()
        return slice(begin, end)

    # --- rules

    def add(self, rule: CompiledRule, generation: int) -> int:
        """Append a rule that lives from `generation` on; its slot."""
        numbered = [[self.atom(literal.atom) for literal in clause] for clause in rule.clauses]
        begin = self.literals.size
        for clause, atoms in zip(rule.clauses, numbered, strict=True):
            self._write(clause, atoms)
        decided = EXACT * rule.exact
        if len(rule.clauses) == 1:
            decided |= ANCHOR_DECIDES * rule.exact
        slot = self.rules.append((begin, decided, generation, FOREVER))
        self._end_program()
        self._hang(slot, rule, numbered)
        return slot

    def _end_program(self) -> None:
        """Where the literals of the last slot end stands behind the rows in use."""
        self.rules.append((self.literals.size, 0, 0, 0))
        self.rules.size -= 1

    def undo(self, slots: int, generation: int) -> None:
        """Have nothing of `generation` come true; slots are used up to `slots` at least."""
        for rows in (self.rules.values, self.edges.values):
            rows[rows[:, DIED] == generation, DIED] = FOREVER
            begun = rows[:, BORN] == generation
            rows[begun, BORN] = rows[begun, DIED] = 0
        # The first of these has the literals of a rule that was half written.
        begin = int(self.rules.room[self.slots, PROGRAM])
        while begin < self.literals.size or self.slots < slots:
            self.rules.append((begin, 0, 0, 0))
            self._end_program()
            begin = self.literals.size

    def end(self, slot: int, generation: int) -> None:
        """The rule at `slot` is not there any more from `generation` on."""
        self.rules.room[slot, DIED] = generation

    def _write(self, clause: Clause, atoms: list[int]) -> None:
        last = len(clause) - 1
        self.literals.extend(
            [
                atom << 2 | (n == last) << 1 | literal.negated
                for n, (literal, atom) in enumerate(zip(clause, atoms, strict=True))
            ]
        )
        self.written.extend([_packed(literal) for literal in clause])

    def _hang(self, slot: int, rule: CompiledRule, numbered: list[list[int]]) -> None:
        if len(rule.clauses) == 1:
            self._post(slot, numbered[0], NO_GUARD)
            return
        costs = [self._costs.of_clause(clause) for clause in rule.clauses]
        anchor = min(range(len(costs)), key=costs.__getitem__)
        guards = [
            n
            for n, clause in enumerate(rule.clauses)
            if n != anchor and len(clause) == 1 and not clause[0].negated
        ]
        guard = min(guards, key=costs.__getitem__, default=None)
        needed = NO_GUARD if guard is None else numbered[guard][0]
        self._post(slot, numbered[anchor], needed)

    def _post(self, slot: int, atoms: list[int], needed: int) -> None:
        rows, first = self.atom_rows.room, self.posts.size
        distinct = list(dict.fromkeys(atoms))
        self.posts.extend([(slot, needed, int(rows[atom, POST])) for atom in distinct])
        rows[distinct, POST] = range(first, first + len(distinct))

    # --- atoms

    def atom(self, atom: Atom) -> int:
        """The number of an atom, given now if it is new."""
        number = self._numbers.get(atom)
        if number is None:
            number = self._numbers[atom] = self._add_atom(atom)
        return number

    def _add_atom(self, atom: Atom) -> int:
        match atom:
            case WordAtom(word, scope):
                first = self._lexicon.asked_for(word)
                number = self._new_atom(scope, self.pool.append(first), 1)
                self.word_first.reach(first + 1, -1)
                self.atom_rows.room[number, SIBLING] = self.word_first.room[first]
                self.word_first.room[first] = number
            case PhraseAtom(words, scope):
                numbers = [self._lexicon.asked_for(word) for word in words]
                number = self._new_atom(scope, self.pool.extend(numbers), len(words))
                at = self._costs.rarest_pair(words) if len(words) > 2 else 0
                self._find_by_pair(number, numbers, at)
            case NearAtom(one, other, within, ordered):
                number = self._near(one, other, within, ordered)
            case ListAtom(_, scope):
                number = self._new_atom(scope, 0, 0)
                self.lists.append(atom)
            case MetaFact() | StemFact() | AnyArticle():
                number = self._new_atom(0, 0, 0)
                self.facts.add(atom, number)
            case _:
                assert_never(atom)
        return number

    def _new_atom(self, scope: int, pool: int, length: int) -> int:
        return self.atom_rows.append((scope, -1, pool, length, 0, -1, -1, -1))

    def _find_by_pair(self, atom: int, numbers: list[int], at: int) -> None:
        key = pair_key(numbers[at], numbers[at + 1])
        row = self.atom_rows.room[atom]
        row[PAIR], row[SIBLING] = at, self.pairs.set(key, atom)

    def _near(
        self, one: WordAtom | PhraseAtom, other: WordAtom | PhraseAtom, within: int, ordered: bool
    ) -> int:
        atoms = self.atom(one), self.atom(other)
        pool = self.pool.extend([*atoms, within, int(ordered)])
        number = self._new_atom(one.scope, pool, 0)
        rarer = atoms[self._costs.of_atom(other) < self._costs.of_atom(one)]
        rows = self.atom_rows.room
        rows[number, SIBLING], rows[rarer, NEAR] = rows[rarer, NEAR], number
        return number

    # --- saved lists

    def set_members(self, saved: ListAtom, members: Iterable[Atom], generation: int) -> None:
        """Have a list consist of these atoms from `generation` on."""
        number = self.atom(saved)
        wanted = {self.atom(member) for member in members}
        for (member, owner), place in list(self._edge_at.items()):
            if owner == number and member not in wanted:
                self.edges.room[place, DIED] = generation
                del self._edge_at[member, owner]
        for member in sorted(wanted):
            if (member, number) not in self._edge_at:
                self._edge_at[member, number] = self._add_edge(member, number, generation)

    def _add_edge(self, member: int, owner: int, generation: int) -> int:
        row = self.atom_rows.room[member]
        place = self.edges.append((owner, row[EDGE], generation, FOREVER))
        row[EDGE] = place
        return place

    def know_fact(self, fact: Fact, atom: int) -> None:
        """Have an atom that is there already stand for a fact."""
        self._numbers[fact] = atom
        self.facts.add(fact, atom)

    def know_list(self, saved: ListAtom, atom: int) -> None:
        """Have an atom that is there already stand for a saved list."""
        self._numbers[saved] = atom
        self.lists.append(saved)
        rows = self.edges.values
        mine = np.flatnonzero((rows[:, OWNER] == atom) & (rows[:, DIED] == FOREVER))
        wanted = set(mine.tolist())
        for member in np.flatnonzero(self.atom_rows.values[:, EDGE] >= 0).tolist():
            edge = int(self.atom_rows.room[member, EDGE])
            while edge >= 0:
                if edge in wanted:
                    self._edge_at[member, atom] = edge
                edge = int(rows[edge, NEXT_EDGE])


def pair_key(first: int, second: int) -> int:
    """Two word numbers as one."""
    return first << 32 | second


def _packed(literal: Literal) -> int:
    return literal.start << 16 | literal.length
