"""Secrets, read when they are needed and named by where they stand.

Decides what counts as missing. They are read for every attempt, so that a mended secret
works without a restart. No value ever reaches a log, an error or an outcome.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from schemas.folder import SecretRef
from services.runtime.redact import never_show


@dataclass(frozen=True, slots=True)
class MissingSecret:
    """There is no usable secret; `problem` says where it was looked for and what to do."""

    problem: str


def resolve(ref: SecretRef, env: Mapping[str, str]) -> str | MissingSecret:
    """The secret that `ref` names in `env` or in a file, without a final line break."""
    found = (
        _from_variable(ref.env, env) if ref.env is not None else _from_file(Path(ref.file or ""))
    )
    if isinstance(found, str):
        never_show(found)
    return found


def place_of(ref: SecretRef) -> str:
    """Where a secret stands, for messages."""
    return f"the variable {ref.env}" if ref.env is not None else f"the secret file {ref.file}"


def _from_variable(name: str, env: Mapping[str, str]) -> str | MissingSecret:
    problem = f"the variable {name} is not set or empty; set it to the secret"
    return env.get(name) or MissingSecret(problem)


def _from_file(path: Path) -> str | MissingSecret:
    try:
        value = path.read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        return MissingSecret(f"the secret file {path} cannot be read: {reason}")
    except UnicodeDecodeError:
        return MissingSecret(f"the secret file {path} is not UTF-8 text")
    return value or MissingSecret(f"the secret file {path} is empty; write the secret into it")
