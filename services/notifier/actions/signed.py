"""Signed links: what they lead to, and how they are made and read. PURE.

A link says for whom it acts and carries a signature over that. It never expires: who finds an
alert of last year may still unsubscribe. It grants that one act and nothing else.
"""

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from enum import StrEnum

_SIGNATURE_BYTES = 16
_LONGEST = 2_000


class Act(StrEnum):
    """What a link leads to; the first segment of its path."""

    ALERT = "alerts"  # shows a message as it was sent
    SILENCE = "silence"  # silences a story, a rule or a source for a subscription
    UNSUBSCRIBE = "unsubscribe"


@dataclass(frozen=True, slots=True)
class Grant:
    """What a link's bearer may do. `about`: see `Links`, which makes them."""

    act: Act
    about: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Links:
    """Makes the links of one installation; `base` is its public URL, None if it has none."""

    base: str | None
    key: bytes

    def alert(self, delivery_id: str) -> str | None:
        """Where the message of a delivery is shown."""
        return self._url(Grant(Act.ALERT, (delivery_id,)))

    def silence(self, subscription_id: str, delivery_id: str) -> str | None:
        """Where the story, the rules or the source of a delivery are silenced."""
        return self._url(Grant(Act.SILENCE, (subscription_id, delivery_id)))

    def unsubscribe(self, subscription_id: str, address: str = "") -> str | None:
        """Where an address leaves a subscription; an empty address is the whole of it."""
        return self._url(Grant(Act.UNSUBSCRIBE, (subscription_id, address)))

    def _url(self, grant: Grant) -> str | None:
        if self.base is None:
            return None
        return f"{self.base.rstrip('/')}/{grant.act.value}/{token_of(grant, self.key)}"


NO_LINKS = Links(None, b"")


def token_of(grant: Grant, key: bytes) -> str:
    """The end of a link's path."""
    said = json.dumps([grant.act.value, *grant.about], separators=(",", ":")).encode()
    return _text(_signature(said, key) + said)


def grant_of(token: str, act: Act, key: bytes) -> Grant | None:
    """What a token grants; None if nothing: it is not ours, damaged, or for another act."""
    whole = _raw(token)
    if whole is None:
        return None
    signature, said = whole[:_SIGNATURE_BYTES], whole[_SIGNATURE_BYTES:]
    if not hmac.compare_digest(signature, _signature(said, key)):
        return None
    name, *about = json.loads(said)  # ours, for it carries our signature
    return Grant(act, tuple(about)) if name == act.value else None


def _signature(said: bytes, key: bytes) -> bytes:
    return hmac.digest(key, said, hashlib.sha256)[:_SIGNATURE_BYTES]


def _raw(token: str) -> bytes | None:
    """What a token stands for; None for one that is written in no way that we write."""
    if len(token) > _LONGEST:
        return None
    try:
        raw = urlsafe_b64decode(token.encode() + b"=" * (-len(token) % 4))
    except ValueError:
        return None
    # Python passes over characters that do not belong, and over bits beyond the last byte.
    return raw if _text(raw) == token else None


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
