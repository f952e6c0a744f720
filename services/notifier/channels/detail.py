"""What a server said, made fit for an operator's eyes. PURE."""

from base64 import b64encode, urlsafe_b64encode
from collections.abc import Collection
from dataclasses import replace
from urllib.parse import parse_qsl, unquote, urlsplit

from services.notifier import clean
from services.notifier.outcome import Delivered, Outcome, Reason, TryLater
from services.runtime.redact import SHORTEST_SECRET, spellings_of
from services.runtime.secrets import MissingSecret

LONGEST_DETAIL = 300
_BASE64 = (b64encode, urlsafe_b64encode)


def detail(text: str, secrets: Collection[str] = ()) -> str:
    """`text` as one clean line of at most 300 characters, with every secret blotted out.

    A server may quote what it was sent, and so may an exception.
    """
    shown = clean.piece(text)
    for secret in sorted(_forms_of(secrets), key=len, reverse=True):
        shown = shown.replace(secret, "[secret]")
    return clean.line(shown, LONGEST_DETAIL)


def _forms_of(secrets: Collection[str]) -> frozenset[str]:
    """Each secret as it is, as addresses spell it, and in base64 (without the padding)."""
    given = frozenset(filter(None, secrets))
    long = [secret.encode(errors="replace") for secret in given if len(secret) >= SHORTEST_SECRET]
    coded = {coder(secret).decode().rstrip("=") for secret in long for coder in _BASE64}
    return given | spellings_of(given) | coded


def parts_of(url: str) -> frozenset[str]:
    """What may be secret of an address, in every spelling: all of it but its host and port."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return frozenset({url})
    values = [value for _, value in parse_qsl(parts.query, keep_blank_values=True)]
    path = [unquote(part) for part in parts.path.split("/")]
    user = [unquote(part) for part in (parts.username, parts.password) if part]
    return spellings_of((url, parts.path, parts.query, *path, *values, *user)) - {"/"}


def lacks(missing: MissingSecret) -> TryLater:
    """What an attempt without a secret ends in: the channel is held until it is mended."""
    return TryLater(Reason.BAD_CREDENTIALS, None, missing.problem)


def without_secrets(outcome: Outcome, secrets: Collection[str]) -> Outcome:
    """The same outcome with its words made fit."""
    if isinstance(outcome, Delivered):
        return replace(outcome, receipt=detail(outcome.receipt, secrets))
    return replace(outcome, detail=detail(outcome.detail, secrets))
