"""Where the words of a phrase follow each other.

Decides nothing about which words are accepted. A phrase that repeats itself in a text that
does, too, has candidates times words to look at: those are compared as bits of large
numbers, a candidate each.
"""

from collections.abc import Iterable, Iterator, Sequence

_FEW = 4096
"""Up to so many looks into a set, that is the faster way."""


def starts_of(accepted: Sequence[Sequence[int]]) -> Sequence[int]:
    """The numbers of the words at which a run of all accepted words begins, in order.

    `accepted` has for each word of the phrase the numbers that it may stand at; equal
    words had better share one list.
    """
    rarest = min(range(len(accepted)), key=lambda place: len(accepted[place]))
    if len(accepted[rarest]) * len(accepted) > _FEW:
        return list(_bits_of(_all_of(accepted)))
    standing = {id(numbers): frozenset(numbers) for numbers in accepted}
    sets = [standing[id(numbers)] for numbers in accepted]
    starts = (number - rarest for number in accepted[rarest])
    return [
        start
        for start in starts
        if all(start + place in numbers for place, numbers in enumerate(sets))
    ]


def _all_of(accepted: Sequence[Sequence[int]]) -> int:
    masks = {id(numbers): _mask_of(numbers) for numbers in {id(n): n for n in accepted}.values()}
    starts = masks[id(accepted[0])]
    for place, numbers in enumerate(accepted):
        starts &= masks[id(numbers)] >> place
        if not starts:
            break
    return starts


def _mask_of(numbers: Sequence[int]) -> int:
    """A number whose bit *n* is set for each *n* of `numbers`, which are in order."""
    octets = bytearray(numbers[-1] // 8 + 1)
    for number in numbers:
        octets[number // 8] |= 1 << number % 8
    return int.from_bytes(octets, "little")


def _bits_of(mask: int) -> Iterator[int]:
    octets: Iterable[int] = mask.to_bytes(mask.bit_length() // 8 + 1, "little")
    for place, octet in enumerate(octets):
        if octet:
            yield from (place * 8 + bit for bit in range(8) if octet >> bit & 1)
