"""Conditional requests: what identifies a version, and when 304 is the right answer. Pure.

The rules are RFC 9110's (sections 8.8 and 13.1): If-None-Match is compared weakly and
silences If-Modified-Since. Last-Modified counts whole seconds, so where two versions fall
into the same second it cannot tell them apart and 304 on its word would hide news.
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Version:
    """A state of a resource: its number, since when, and whether its second was seen before."""

    number: int
    changed_at: datetime
    shares_second: bool = False

    def next(self, now: datetime, *, was_seen: bool) -> "Version":
        """The version that replaces this one now; `was_seen` says if anybody read this one."""
        same = _second(now) <= _second(self.changed_at)
        shares = same and (was_seen or self.shares_second)
        return Version(self.number + 1, max(now, self.changed_at), shares)


@dataclass(frozen=True, slots=True)
class Condition:
    """What a client says it has; None where the header is absent."""

    if_none_match: Collection[str] | None
    if_modified_since: datetime | None

    @property
    def given(self) -> bool:
        """Whether the request is conditional at all."""
        return self.if_none_match is not None or self.if_modified_since is not None


def etag_of(body: bytes) -> str:
    """A strong entity tag, without its quotes."""
    return hashlib.sha256(body).hexdigest()[:20]


def has_this_version(condition: Condition, etag: str, version: Version) -> bool:
    """Whether the client certainly has this version, so that 304 is right."""
    if condition.if_none_match is not None:
        return bool({etag, "*"} & set(condition.if_none_match))
    if condition.if_modified_since is None or version.shares_second:
        return False
    return _second(version.changed_at) <= _second(condition.if_modified_since)


def _second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
