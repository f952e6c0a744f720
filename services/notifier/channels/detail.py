"""What a server said, made fit for an operator's eyes. PURE."""

from collections.abc import Collection
from dataclasses import replace

from services.notifier import clean
from services.notifier.outcome import Delivered, Outcome, Reason, TryLater
from services.runtime.secrets import MissingSecret

LONGEST_DETAIL = 300


def detail(text: str, secrets: Collection[str] = ()) -> str:
    """`text` as one clean line of at most 300 characters, with every secret blotted out.

    A server may quote what it was sent, and so may an exception.
    """
    shown = clean.piece(text)
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        shown = shown.replace(secret, "[secret]")
    return clean.line(shown, LONGEST_DETAIL)


def lacks(missing: MissingSecret) -> TryLater:
    """What an attempt without a secret ends in: the channel is held until it is mended."""
    return TryLater(Reason.BAD_CREDENTIALS, None, missing.problem)


def without_secrets(outcome: Outcome, secrets: Collection[str]) -> Outcome:
    """The same outcome with its words made fit."""
    if isinstance(outcome, Delivered):
        return replace(outcome, receipt=detail(outcome.receipt, secrets))
    return replace(outcome, detail=detail(outcome.detail, secrets))
