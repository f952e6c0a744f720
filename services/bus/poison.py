"""Which records are put aside, and when there are too many of them. PURE.

Decides whether one more poisonous record may go to the dead-letter topic or the worker
has to stop: single bad messages must not stop a topic, and a bad deploy must not quietly
empty it. The evidence is the dead-letter topic itself, so the count survives restarts.
Trying, waiting and sending are `loop`'s business.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from schemas.dead_letter import MAX_ERROR_CHARS, DeadLetter
from schemas.message import MalformedMessageError
from schemas.topics import Topic
from services.bus.port import Outgoing, Record


@dataclass(frozen=True, slots=True)
class PoisonPolicy:
    """More than `limit` dead letters within the last `window` source records are too many."""

    limit: int = 20
    window: int = 100

    @property
    def letters_to_read(self) -> int:
        """How much of the dead-letter topic's tail is evidence.

        Letters of other partitions lie between those that count: 20 times the limit has
        room for all of a topic's.
        """
        return 20 * (self.limit + 1)


@dataclass(frozen=True, slots=True)
class Continue:
    """Put the record aside and go on."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop; `reason` is for the operator."""

    reason: str


Verdict = Continue | Stop


@dataclass(frozen=True, slots=True)
class Bad:
    """A record that could not be processed: why, after how many tries, first at what time."""

    record: Record
    error: str
    attempts: int
    first_failure: datetime


def judge(recent: Collection[int], offset: int, policy: PoisonPolicy) -> Verdict:
    """Whether the bad record at `offset` may be put aside.

    `recent` are the source offsets of the partition's dead letters; the record itself may
    be among them, and repeats count once.
    """
    first = offset - policy.window + 1
    bad = {o for o in recent if first <= o <= offset} | {offset}
    if len(bad) <= policy.limit:
        return Continue()
    return Stop(f"{len(bad)} of the {policy.window} records up to offset {offset} are bad")


def dead_letter_of(bad: Bad, dead_letters: Topic) -> Outgoing:
    """The record to send: the original's key, bytes and headers, and where it stood."""
    letter = DeadLetter(
        topic=bad.record.topic,
        partition=bad.record.partition,
        offset=bad.record.offset,
        error=bad.error[:MAX_ERROR_CHARS],
        attempts=bad.attempts,
        first_failure=bad.first_failure,
    )
    headers = {**bad.record.headers, **letter.to_headers()}
    return Outgoing(dead_letters, bad.record.key, bad.record.value, headers)


def offsets_of(letters: Iterable[Record], topic: str, partition: int) -> list[int]:
    """The source offsets of the letters that come from this partition."""
    read = [letter_in(record) for record in letters]
    return [
        letter.offset
        for letter in read
        if letter is not None and (letter.topic, letter.partition) == (topic, partition)
    ]


def is_put_aside(bad: Bad, letters: Iterable[Record], dead_letters: Topic) -> bool:
    """Whether the very same record is among `letters` with the very same error.

    A worker that was stopped for too much poison starts over with records it has put aside
    already. The error counts too: a letter about one rule and an article is another letter.
    """
    wanted = dead_letter_of(bad, dead_letters)
    return any(
        (record.key, record.value) == (wanted.key, wanted.value)
        and _without_tries(record) == _without_tries(wanted)
        for record in letters
    )


def letter_in(record: Record) -> DeadLetter | None:
    """The letter in the headers; None for a record that somebody else put there."""
    try:
        return DeadLetter.from_headers(record.headers)
    except MalformedMessageError:
        return None


def _without_tries(record: Record | Outgoing) -> dict[str, bytes]:
    return {k: v for k, v in record.headers.items() if k not in {"attempts", "first_failure"}}
