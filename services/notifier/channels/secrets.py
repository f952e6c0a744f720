"""Secrets, read when they are needed and named by where they stand.

Decides what counts as missing. They are read for every attempt, so that a mended secret
works without a restart. No value ever reaches a log, an error or an outcome.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from schemas.folder import SecretRef
from services.notifier.outcome import Reason, TryLater


@dataclass(frozen=True, slots=True)
class MissingSecret:
    """There is no usable secret; `problem` says where it was looked for and what to do."""

    problem: str

    def outcome(self) -> TryLater:
        """What an attempt without the secret ends in."""
        return TryLater(Reason.BAD_CREDENTIALS, None, self.problem)


def resolve(ref: SecretRef, env: Mapping[str, str]) -> str | MissingSecret:
    """The secret that `ref` names in `env` or in a file, without a final line break."""
    if ref.env is not None:
        place, value = f"the variable {ref.env}", env.get(ref.env)
        return value or MissingSecret(f"{place} is not set or empty; set it to the secret")
    return _from_file(Path(ref.file or ""))


def _from_file(path: Path) -> str | MissingSecret:
    try:
        value = path.read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        return MissingSecret(f"the secret file {path} cannot be read: {reason}")
    except UnicodeDecodeError:
        return MissingSecret(f"the secret file {path} is not UTF-8 text")
    return value or MissingSecret(f"the secret file {path} is empty; write the secret into it")
