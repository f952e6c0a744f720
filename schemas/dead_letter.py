"""What a dead letter says about the record it holds: where it stood and why it failed.

The letter travels in the headers of a record on a dead-letter topic; key and value of
that record are the original's, byte for byte. What counts as poison is decided in
`services.bus.poison`.
"""

from collections.abc import Mapping
from typing import Self

from pydantic import Field, ValidationError

from schemas.message import MalformedMessageError, Message, UtcDatetime

MAX_ERROR_CHARS = 2_000
"""Longer error texts are cut: an exception may quote a whole article."""


class DeadLetter(Message):
    """Where a record that could not be processed stood, and what was wrong with it."""

    topic: str = Field(min_length=1)
    partition: int = Field(ge=0)
    offset: int = Field(ge=0)
    error: str
    attempts: int = Field(ge=1, description="how often processing was tried")
    first_failure: UtcDatetime

    def to_headers(self) -> dict[str, bytes]:
        """One header per field, as UTF-8 text."""
        texts = {**self.model_dump(mode="json"), "error": self.error[:MAX_ERROR_CHARS]}
        return {name: str(value).encode("utf-8", "replace") for name, value in texts.items()}

    @classmethod
    def from_headers(cls, headers: Mapping[str, bytes]) -> Self:
        """The letter in `headers`; raises MalformedMessageError when there is none."""
        texts = {name: headers[name].decode("utf-8", "replace") for name in _names() & {*headers}}
        try:
            return cls.model_validate(texts)
        except ValidationError as error:
            fields = ", ".join(str(e["loc"][0]) for e in error.errors())
            raise MalformedMessageError(f"not a dead letter: bad or missing {fields}") from error


def original_headers(headers: Mapping[str, bytes]) -> dict[str, bytes]:
    """The headers the record had before it became a dead letter."""
    return {name: value for name, value in headers.items() if name not in _names()}


def _names() -> set[str]:
    return set(DeadLetter.model_fields)
