"""Whether it is our own network that is away, and not the feeds. PURE.

After an outage of hours on our side every feed would be due hours later still: each has backed
off, and all at about the same time. So when feeds of several hosts that were well fall silent
and nobody answers in between, failures count for no feed until somebody does.
"""

from services.poller.replies import FetchReason

SILENT_HOSTS = 3
# TLS: a network that wants a login answers for everybody, with a certificate of its own.
_NOT_REACHED = frozenset({FetchReason.UNREACHABLE, FetchReason.TIMED_OUT, FetchReason.TLS})
_NOT_ASKED = frozenset({FetchReason.BAD_CREDENTIALS, FetchReason.REFUSED_ADDRESS})


class Offline:
    """What the last polls say, of all feeds."""

    def __init__(self) -> None:
        self._silent: set[str] = set()

    @property
    def is_likely(self) -> bool:
        """Whether our network is away, as far as can be told."""
        return len(self._silent) >= SILENT_HOSTS

    def failed(self, reason: FetchReason, host: str, was_well: bool) -> bool:
        """A poll failed; whether our network is to blame."""
        if reason in _NOT_ASKED:
            return self.is_likely
        if reason not in _NOT_REACHED:
            self.answered()
        elif was_well and not self.is_likely:
            self._silent.add(host)
        return self.is_likely

    def answered(self) -> None:
        """A host answered, whatever it said."""
        self._silent.clear()
