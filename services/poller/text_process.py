"""What a text worker's process does about itself.

Decides how it ends: with its parent, at the end of its time, or for want of memory. The
caller of `pages` gets a failure value in each case.
"""

import multiprocessing
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import wait
from pathlib import Path
from typing import TypeVar

from services.poller.extract import extract_page, extract_simply
from services.poller.language import language_of
from services.poller.parse import parse_feed

_Value = TypeVar("_Value")
_GRACE_SECONDS = 2
# Beside what libraries and models have mapped. 600 kB of hostile markup took 280 MB at most.
_MEMORY_FOR_DOCUMENTS = 1_000_000_000


def set_up() -> None:
    """Prepare the process for its first document."""
    # The pool's own handler runs only between two bytecodes; the default one ends a
    # process that is deep inside a C function.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    warm()
    _limit_memory()


def warm() -> None:
    """Lets every import and lazy table happen before the first document's time runs."""
    parse_feed(b"<rss version='2.0'><channel><title>-</title></channel></rss>", None, "http://x/")
    extract_page(b"<html><body><p>-</p></body></html>", None, "http://x/")
    extract_simply(b"<html><body><p>-</p></body></html>", None, "http://x/")
    language_of("The language model is loaded with the first sentence that is long enough.")


def within(seconds: float, work: Callable[[], _Value]) -> _Value:
    """Runs `work`; an alarm ends the process if nobody else did.

    That is the case when the parent was killed while a C function holds the interpreter,
    so that the thread watching the parent cannot run.
    """
    signal.setitimer(signal.ITIMER_REAL, seconds + _GRACE_SECONDS)
    try:
        return work()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _limit_memory() -> None:
    """A document that wants too much fails alone, before the system ends somebody else."""
    mapped = _mapped_bytes()
    if mapped is not None:
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        with suppress(ValueError, OSError):  # the system's own limit is lower
            resource.setrlimit(resource.RLIMIT_AS, (mapped + _MEMORY_FOR_DOCUMENTS, most))


def _mapped_bytes() -> int | None:
    if sys.platform != "linux":  # elsewhere there is no such limit, or no such file
        return None
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
