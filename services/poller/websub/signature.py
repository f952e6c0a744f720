"""Whether a push was signed with the secret that only its hub was given. PURE."""

import hashlib
import hmac
from enum import StrEnum

# WebSub, section 7.1.1. Most hubs still sign with SHA-1, which as an HMAC is not broken.
_METHODS = frozenset(("sha1", "sha256", "sha384", "sha512"))


class Signed(StrEnum):
    """What a signature proves."""

    GENUINE = "genuine"
    UNSIGNED = "unsigned"
    FORGED = "forged"  # another secret, another body, or no method that we know


def check(header: str | None, secret: str, body: bytes) -> Signed:
    """Judge the X-Hub-Signature of a body as it came over the wire; takes constant time."""
    if not (header or "").strip():
        return Signed.UNSIGNED
    method, _, given = (header or "").strip().partition("=")
    if method.lower() not in _METHODS:
        return Signed.FORGED
    ours = hmac.new(secret.encode(), body, getattr(hashlib, method.lower())).hexdigest()
    same = hmac.compare_digest(ours.encode(), given.strip().lower().encode("utf-8", "replace"))
    return Signed.GENUINE if same else Signed.FORGED
