"""The compiled form of reading, finding and proving: loops over plain arrays.

Compiled by numba on first use and kept beside this file. Does exactly what `reading.read`
and `reference` do; tests hold them together. Nothing here decides what a word or a rule
means: uncommon pieces of text are handed back to the analyser, see `lexicon`.

All in one file: numba throws away what it has kept of a function when that function's file
changes, and no other. So the numbers that come from `segment` are written here a second time.
"""

import numpy as np
from numba import njit

from services.engine.index.segment import (
    ANCHOR_DECIDES,
    BORN,
    DIED,
    EDGE,
    EXACT,
    FLAGS,
    GUARD,
    LENGTH,
    NEAR,
    NEXT_EDGE,
    NEXT_POST,
    OWNER,
    PAIR,
    POOL,
    POST,
    PROGRAM,
    SCOPE,
    SIBLING,
    SLOT,
)

_COMPILED_FOR = {
    "columns of atoms": (*range(8),) == (SCOPE, SIBLING, POOL, LENGTH, PAIR, POST, NEAR, EDGE),
    "columns of postings": (SLOT, GUARD, NEXT_POST) == (0, 1, 2),
    "columns of edges": (OWNER, NEXT_EDGE, BORN, DIED) == (0, 1, 2, 3),
    "columns of rules": (PROGRAM, FLAGS, BORN, DIED) == (0, 1, 2, 3),
    "flags": (EXACT, ANCHOR_DECIDES) == (1, 2),
}
for _what, _is_so in _COMPILED_FOR.items():
    if not _is_so:
        raise ImportError(f"the {_what} in segment.py have changed; change them here, too")

# What a character is between pieces of text; see `classes`.
PLAIN, BREAK, SPACE, COMMA, UNSEEN = 0, 1, 2, 3, 4
DIGIT = 8  # added to one of these
_KIND = 7
_TAGS = 0xE0000  # the only characters beyond the table that nobody sees

_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_PRIME = np.uint64(0x100000001B3)
_FINISH = np.uint64(0xBF58476D1CE4E5B9)
_S29, _S32 = np.uint64(29), np.uint64(32)


@njit(inline="always")
def _finished(value):
    value ^= value >> _S29
    value *= _FINISH
    return value ^ (value >> _S32)


@njit(inline="always")
def _look_up(rows, key):
    mask = len(rows) - 1
    wanted = np.int64(key)
    place = np.int64((key * _FACTOR) >> _S32) & mask
    while rows[place, 1] != 0 and rows[place, 0] != wanted:
        place = (place + 1) & mask
    return rows[place, 1] - 1


@njit(inline="always")
def _is_apostrophe(code):
    return code == 0x27 or code == 0x2019 or code == 0x2018 or code == 0x60


@njit(inline="always")
def _is_ascii_word(code):
    return 0x61 <= code <= 0x7A or 0x41 <= code <= 0x5A or 0x30 <= code <= 0x39


@njit(cache=True)
def is_common(codes, start, end):
    """Whether a piece is ASCII words between separators, with no joins inside.

    Points join initials and numbers, commas numbers; a last point joins nothing.
    """
    point = False
    for i in range(start, end):
        code = codes[i]
        if code == 0x2C or (code > 0x7F and not _is_apostrophe(code)):
            return False
        if code == 0x2E:
            point = True
        elif point and _is_ascii_word(code):
            return False
    return True


@njit(cache=True)
def read_text(codes, classes, seed, lexicon, tokens, at, paragraph, unknown):
    """Write the tokens of a text from place `at` on.

    Returns the place behind them, the number of the last paragraph, and how many rows of
    `unknown` were written: start, end, and 1 for a piece, 0 for an ASCII word. Where there
    are any, the tokens are incomplete; -1 says that there is no room for them.
    """
    n = len(codes)
    words, starts, ends, paragraphs = tokens
    room = len(words)
    word_rows, piece_rows, runs = lexicon.word_rows, lexicon.piece_rows, lexicon.runs
    run_words, run_starts, run_ends = lexicon.run_words, lexicon.run_starts, lexicon.run_ends
    limit = len(classes)
    missing = 0
    lines = 0
    first = True
    i = 0
    while i < n:
        code = codes[i]
        kind = (classes[code] if code < limit else PLAIN) & _KIND
        if kind == UNSEEN or _TAGS <= code < _TAGS + 0x1000:
            # Between pieces it is as nothing, inside one it is the analyser's business.
            i += 1
            continue
        if kind == SPACE:
            if code == 0x0A or (code == 0x0D and not (i + 1 < n and codes[i + 1] == 0x0A)):
                lines += 1
            i += 1
            continue
        if first or lines > 1:
            paragraph += 1
        first = False
        lines = 0
        if kind != PLAIN:
            i += 1
            continue
        end = i + 1
        while end < n:
            code = codes[end]
            kind = (classes[code] if code < limit else PLAIN) & _KIND
            if kind == PLAIN or kind == UNSEEN:
                end += 1
                continue
            if kind != COMMA or end + 1 >= n:
                break
            code = codes[end + 1]
            if not ((classes[code] if code < limit else PLAIN) & DIGIT):
                break
            end += 2
        if is_common(codes, i, end):
            before = -1
            place = i
            while place < end:
                if not _is_ascii_word(codes[place]):
                    place += 1
                    continue
                start = place
                value = seed
                while place < end and _is_ascii_word(codes[place]):
                    code = codes[place]
                    if 0x41 <= code <= 0x5A:
                        code += 0x20
                    value = (value ^ np.uint64(code)) * _PRIME
                    place += 1
                possessive = (
                    place == start + 1
                    and (codes[start] == 0x73 or codes[start] == 0x53)
                    and before > i
                    and before == start - 1
                    and _is_apostrophe(codes[before])
                )
                before = place
                if possessive:
                    continue
                number = _look_up(word_rows, _finished(value))
                if number < 0:
                    if missing < len(unknown):
                        unknown[missing, 0] = start
                        unknown[missing, 1] = place
                        unknown[missing, 2] = 0
                        missing += 1
                    continue
                if at == room:
                    return at, paragraph, -1
                words[at] = number
                starts[at] = start
                ends[at] = place
                paragraphs[at] = paragraph
                at += 1
        else:
            value = seed
            for place in range(i, end):
                value = (value ^ np.uint64(codes[place])) * _PRIME
            piece = _look_up(piece_rows, _finished(value))
            if piece < 0:
                if missing < len(unknown):
                    unknown[missing, 0] = i
                    unknown[missing, 1] = end
                    unknown[missing, 2] = 1
                    missing += 1
            else:
                run = runs[piece, 0]
                if at + runs[piece, 1] > room:
                    return at, paragraph, -1
                for k in range(run, run + runs[piece, 1]):
                    words[at] = run_words[k]
                    starts[at] = i + run_starts[k]
                    ends[at] = i + run_ends[k]
                    paragraphs[at] = paragraph
                    at += 1
        i = end
    return at, paragraph, missing


@njit(cache=True)
def count_words(words, size, counts, marks, mark):
    """Count the article for each of its distinct words."""
    for i in range(size):
        word = words[i]
        if marks[word] != mark:
            marks[word] = mark
            counts[word] += 1


# --- finding: from tokens to what holds

TITLE_BIT, BODY_BIT, LEAD_BIT = 2, 4, 8

OCCURRENCES, TRUE, OVERFLOW, EVALUATED = 0, 1, 2, 3
"""Places of `counts`."""


# Helpers take arrays, not the tuples that hold them: a tuple that is passed on costs a count
# for each array in it.


@njit(inline="always")
def _add(atom, first, last, mark, marks, head, tail, true, firsts, lasts, nexts, counts):
    """Note an occurrence of an atom: the tokens `first` to `last`."""
    place = counts[OCCURRENCES]
    if place == len(firsts):
        counts[OVERFLOW] = 1
        return
    counts[OCCURRENCES] = place + 1
    firsts[place] = first
    lasts[place] = last
    nexts[place] = -1
    if marks[atom] != mark:
        marks[atom] = mark
        true[counts[TRUE]] = atom
        counts[TRUE] += 1
        head[atom] = place
    else:
        nexts[tail[atom]] = place
    tail[atom] = place


@njit(cache=True)
def _find_terms(reading, lexicon, arrays, scratch, mark, counts):
    words, paragraphs, size = reading.words, reading.paragraphs, reading.size
    title_end, lead_end, has_body = reading.title_end, reading.lead_end, reading.has_body
    extra_first, extra_pattern = lexicon.extra_first, lexicon.extra_pattern
    extra_next = lexicon.extra_next
    atoms, pool, pairs, word_first = arrays.atoms, arrays.pool, arrays.pairs, arrays.word_first
    marks, head, tail, true = scratch.marks, scratch.head, scratch.tail, scratch.true
    firsts, lasts, nexts = scratch.first, scratch.last, scratch.next
    known = len(word_first)
    for i in range(size):
        word = words[i]
        scopes = 1
        if i < title_end:
            scopes |= TITLE_BIT
        else:
            if has_body:
                scopes |= BODY_BIT
            if i < lead_end:
                scopes |= LEAD_BIT
        symbol = word
        extra = extra_first[word]
        while True:
            atom = word_first[symbol] if symbol < known else -1
            while atom >= 0:
                if (scopes >> atoms[atom, SCOPE]) & 1:
                    _add(atom, i, i, mark, marks, head, tail, true, firsts, lasts, nexts, counts)
                atom = atoms[atom, SIBLING]
            if extra < 0:
                break
            symbol = extra_pattern[extra]
            extra = extra_next[extra]
        if i + 1 == size or paragraphs[i] != paragraphs[i + 1]:
            continue
        atom = _look_up(pairs, (np.uint64(word) << _S32) | np.uint64(words[i + 1]))
        while atom >= 0:
            start = i - atoms[atom, PAIR]
            last = start + atoms[atom, LENGTH] - 1
            same = (
                (scopes >> atoms[atom, SCOPE]) & 1
                and start >= 0
                and last < size
                and paragraphs[start] == paragraphs[last]
            )
            if same:
                at = atoms[atom, POOL]
                for k in range(atoms[atom, LENGTH]):
                    if pool[at + k] != words[start + k]:
                        same = False
                        break
            if same:
                _add(atom, start, last, mark, marks, head, tail, true, firsts, lasts, nexts, counts)
            atom = atoms[atom, SIBLING]


@njit(inline="always")
def _keep_near(one, other, within, back, on, paragraphs, head, firsts, lasts, nexts, kept):
    """Mark the occurrences of `one` near one of `other` before (`back`) or after (`on`) it.

    Occurrences of a word or phrase are in order and of one length.
    """
    found = False
    before = -1
    upcoming = head[other]
    after = upcoming
    place = head[one]
    while place >= 0:
        first, last = firsts[place], lasts[place]
        while upcoming >= 0 and lasts[upcoming] < first:
            before, upcoming = upcoming, nexts[upcoming]
        while after >= 0 and firsts[after] <= last:
            after = nexts[after]
        near = False
        if back and before >= 0:
            end = lasts[before]
            near = first - end - 1 <= within and paragraphs[end] == paragraphs[first]
        if on and after >= 0 and not near:
            start = firsts[after]
            near = start - last - 1 <= within and paragraphs[start] == paragraphs[last]
        if near:
            kept[place] = 1
            found = True
        place = nexts[place]
    return found


@njit(cache=True)
def _add_near(atom, one, other, within, ordered, mark, paragraphs, scratch, counts):
    marks, head, tail, true = scratch.marks, scratch.head, scratch.tail, scratch.true
    firsts, lasts, nexts, kept = scratch.first, scratch.last, scratch.next, scratch.kept
    for operand in (one, other):
        place = head[operand]
        while place >= 0:
            kept[place] = 0
            place = nexts[place]
    either = not ordered
    if not _keep_near(
        one, other, within, either, True, paragraphs, head, firsts, lasts, nexts, kept
    ):
        return
    _keep_near(other, one, within, True, either, paragraphs, head, firsts, lasts, nexts, kept)
    left, right = head[one], head[other]
    while left >= 0 or right >= 0:
        if left >= 0 and kept[left] == 0:
            left = nexts[left]
        elif right >= 0 and (kept[right] == 0 or left == right):
            right = nexts[right]
        elif right < 0 or (
            left >= 0 and (firsts[left], lasts[left]) <= (firsts[right], lasts[right])
        ):
            first, last = firsts[left], lasts[left]
            left = nexts[left]
            _add(atom, first, last, mark, marks, head, tail, true, firsts, lasts, nexts, counts)
        else:
            first, last = firsts[right], lasts[right]
            right = nexts[right]
            _add(atom, first, last, mark, marks, head, tail, true, firsts, lasts, nexts, counts)


@njit(cache=True)
def find_atoms(reading, lexicon, arrays, facts, scratch, mark, generation, counts):
    """Note what holds of an article, with where: `scratch.true`, and chains of occurrences."""
    counts[:] = 0
    _find_terms(reading, lexicon, arrays, scratch, mark, counts)
    marks, head, tail, true = scratch.marks, scratch.head, scratch.tail, scratch.true
    firsts, lasts, nexts = scratch.first, scratch.last, scratch.next
    atoms, pool, edges = arrays.atoms, arrays.pool, arrays.edges
    terms = counts[TRUE]
    for atom in facts:
        if marks[atom] != mark:
            marks[atom] = mark
            true[counts[TRUE]] = atom
            counts[TRUE] += 1
            head[atom] = -1
    for t in range(terms):
        near = atoms[true[t], NEAR]
        while near >= 0:
            at = atoms[near, POOL]
            one, other = pool[at], pool[at + 1]
            if marks[one] == mark and marks[other] == mark:
                within, ordered = pool[at + 2], pool[at + 3] != 0
                _add_near(
                    near, one, other, within, ordered, mark, reading.paragraphs, scratch, counts
                )
            near = atoms[near, SIBLING]
    for t in range(terms):
        edge = atoms[true[t], EDGE]
        while edge >= 0:
            place = head[true[t]]
            if not edges[edge, BORN] <= generation < edges[edge, DIED]:
                place = -1
            atom = edges[edge, OWNER]
            while place >= 0 and not counts[OVERFLOW]:
                first, last = firsts[place], lasts[place]
                _add(atom, first, last, mark, marks, head, tail, true, firsts, lasts, nexts, counts)
                place = nexts[place]
            edge = edges[edge, NEXT_EDGE]


# --- from what holds to rules


@njit(cache=True)
def find_rules(arrays, scratch, mark, generation, counts, decided, undecided):
    """Write the slots of the rules that match, and of those that are to be evaluated.

    Returns how many there are of each.
    """
    atoms, posts, rules, literals = arrays.atoms, arrays.posts, arrays.rules, arrays.literals
    marks, seen, true = scratch.marks, scratch.seen, scratch.true
    matching, unclear, tried = 0, 0, 0
    for t in range(counts[TRUE]):
        node = atoms[true[t], POST]
        while node >= 0:
            slot, guard = posts[node, SLOT], posts[node, GUARD]
            node = posts[node, NEXT_POST]
            if (guard >= 0 and marks[guard] != mark) or seen[slot] == mark:
                continue
            seen[slot] = mark
            if not rules[slot, BORN] <= generation < rules[slot, DIED]:
                continue
            tried += 1
            flags = rules[slot, FLAGS]
            if not flags & ANCHOR_DECIDES:
                met, held = True, False
                k = rules[slot, PROGRAM]
                end = rules[slot + 1, PROGRAM]
                while k < end:
                    literal = literals[k]
                    k += 1
                    if not held:
                        held = (marks[literal >> 2] == mark) != ((literal & 1) != 0)
                    if literal & 2:
                        if not held:
                            met = False
                            break
                        held = False
                if not met:
                    continue
            if flags & EXACT:
                decided[matching] = slot
                matching += 1
            else:
                undecided[unclear] = slot
                unclear += 1
    counts[EVALUATED] = tried
    return matching, unclear


@njit(cache=True)
def prove(slots, arrays, scratch, mark, reading, rows):
    """Write a row for each occurrence of what made each rule match.

    A row is: which of `slots`, which literal (its place in the program), 0 for the title and
    1 for the text behind it, start, end. Returns how many there are, which may be more than
    were written.
    """
    rules, literals = arrays.rules, arrays.literals
    marks, head, firsts = scratch.marks, scratch.head, scratch.first
    lasts, nexts = scratch.last, scratch.next
    starts, ends, title_end = reading.starts, reading.ends, reading.title_end
    count = 0
    for n in range(len(slots)):
        begin = rules[slots[n], PROGRAM]
        for k in range(begin, rules[slots[n] + 1, PROGRAM]):
            literal = literals[k]
            if literal & 1 or marks[literal >> 2] != mark:
                continue
            place = head[literal >> 2]
            while place >= 0:
                if count < len(rows):
                    first = firsts[place]
                    rows[count, 0] = n
                    rows[count, 1] = k - begin
                    rows[count, 2] = first >= title_end
                    rows[count, 3] = starts[first]
                    rows[count, 4] = ends[lasts[place]]
                count += 1
                place = nexts[place]
    return count
