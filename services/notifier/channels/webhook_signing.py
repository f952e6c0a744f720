"""Signatures as Standard Webhooks says, scheme `v1`: HMAC-SHA-256 over id, time and body. PURE.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime

_PREFIX = "whsec_"
_FEWEST_BYTES, _MOST_BYTES = 24, 64

WAY_OUT = (
    'write whsec_ and base64 of 24 to 64 random bytes, as printed by: echo "whsec_$(openssl rand '
    '-base64 32)"; while a secret is replaced, both, with a blank between'
)


def keys_in(secret: str) -> Sequence[bytes] | None:
    """The keys of a secret `whsec_…`, or of two with a blank between; None for any other form.

    With two, every event carries both signatures, so that a receiver may change its own first.
    """
    keys = [_key(one) for one in secret.split()]
    return [key for key in keys if key is not None] if keys and None not in keys else None


def signed_headers(
    keys: Sequence[bytes], event_id: str, now: datetime, body: bytes
) -> Mapping[str, str]:
    """The headers that prove who sends `body`, and when."""
    stamp = str(int(now.timestamp()))
    content = b".".join((event_id.encode(), stamp.encode(), body))
    signatures = (b64encode(hmac.digest(key, content, hashlib.sha256)).decode() for key in keys)
    return {
        "webhook-id": event_id,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def _key(secret: str) -> bytes | None:
    if not secret.startswith(_PREFIX):
        return None
    encoded = secret.removeprefix(_PREFIX)
    try:
        key = b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except ValueError:
        return None
    return key if _FEWEST_BYTES <= len(key) <= _MOST_BYTES else None
