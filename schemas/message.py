"""What every message on the bus has in common.

Messages are frozen, ignore fields they do not know (so that a rolling deploy may add
one) and travel as JSON. What people write is checked strictly instead: see
`schemas.folder`.
"""

from datetime import UTC, datetime
from typing import Annotated, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, ValidationError


def _in_utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


UtcDatetime = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""A point in time; a value without a zone is refused, every other is turned into UTC."""


class MalformedMessageError(Exception):
    """The bytes of a record are not a message of the expected model; the text says why."""


class Message(BaseModel):
    """A frozen message that ignores unknown fields."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    def encode(self) -> bytes:
        """The message as compact JSON in UTF-8."""
        return self.model_dump_json(exclude_none=True).encode()

    @classmethod
    def decode(cls, value: bytes | None) -> Self:
        """The message in `value`; raises MalformedMessageError naming the first problems."""
        if value is None:
            raise MalformedMessageError(f"an empty record where a {cls.__name__} belongs")
        try:
            return cls.model_validate_json(value)
        except ValidationError as error:
            problems = "; ".join(
                f"{'.'.join(map(str, e['loc'])) or 'value'}: {e['msg']}" for e in error.errors()[:3]
            )
            raise MalformedMessageError(f"not a {cls.__name__}: {problems}") from error
