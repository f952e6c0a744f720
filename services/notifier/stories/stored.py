"""A report's trace as bytes, so that the window can be filled again after a restart.

A version stands in front: what an older one wrote is read or passed over, never guessed at.
"""

import struct

import numpy as np

from services.notifier.stories.report import Trace
from services.notifier.stories.terms import Bag
from services.notifier.stories.words import numbers_of, title_words
from services.store.stories import StoredReport

_VERSION = 1
_HEAD = struct.Struct("<BBII")  # version, whether short, how many shingles, how many words


def packed(trace: Trace) -> bytes:
    """What of a trace is not kept in columns of its own."""
    head = _HEAD.pack(_VERSION, trace.short, len(trace.shingles), len(trace.bag.words))
    arrays = (
        trace.shingles.astype("<u8").tobytes(),
        trace.bag.words.astype("<u4").tobytes(),
        trace.bag.counts.tobytes(),
    )
    return head + b"".join(arrays)


def unpacked(report: StoredReport) -> Trace | None:
    """The trace of a stored report; None if there is none that this version can read."""
    blob = report.trace
    if blob is None or len(blob) < _HEAD.size:
        return None
    version, short, shingles, words = _HEAD.unpack_from(blob)
    if version != _VERSION or len(blob) != _HEAD.size + 8 * shingles + 5 * words:
        return None
    after_shingles = _HEAD.size + 8 * shingles
    after_words = after_shingles + 4 * words
    return Trace(
        outlet=report.outlet,
        seen_at=report.seen_at,
        title=title_words(report.title),
        numbers=numbers_of(report.title),
        url=report.page,
        short=bool(short),
        shingles=np.frombuffer(blob, "<u8", shingles, _HEAD.size),
        bag=Bag(
            np.frombuffer(blob, "<u4", words, after_shingles),
            np.frombuffer(blob, np.uint8, words, after_words),
        ),
    )
