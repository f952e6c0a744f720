"""How large a record may be on any bus. PURE.

Decides what is refused before it is sent. Kafka would refuse it too, at 1 MiB, but only after
the producer has counted it, which breaks that producer's numbering.
"""

from schemas.topics import MAX_RECORD_BYTES
from services.bus.errors import PoisonError
from services.bus.port import Outgoing

HEAD_ROOM_BYTES = 100_000
"""For the key and the headers, so that a dead letter holds the largest value and its story."""


class RecordTooLargeError(PoisonError):
    """A record is larger than the bus carries; trying again cannot help.

    As poison: a stage that would send such a record can never finish the one it works on.
    """


def refuse_too_large(outgoing: Outgoing) -> None:
    """Raises RecordTooLargeError for a record that no bus takes."""
    value = len(outgoing.value or b"")
    beside = len(outgoing.key.encode()) + sum(
        len(name.encode()) + len(content) for name, content in outgoing.headers.items()
    )
    if value > MAX_RECORD_BYTES:
        raise RecordTooLargeError(
            f"a record for {outgoing.topic.name} has a value of {value:,} bytes; the most is "
            f"{MAX_RECORD_BYTES:,}: split it before it is sent"
        )
    if beside > HEAD_ROOM_BYTES:
        raise RecordTooLargeError(
            f"a record for {outgoing.topic.name} has {beside:,} bytes of key and headers; the "
            f"most is {HEAD_ROOM_BYTES:,}: shorten them"
        )
