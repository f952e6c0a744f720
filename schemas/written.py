"""What everything that people write has in common: ids, addresses, zones, secrets by reference.

People make typing mistakes, so unknown keys are refused.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)

MAX_NAME = 80
_NOT_IN_AN_ADDRESS = re.compile(r"[\s<>,;\x00-\x1f\x7f-\x9f]")
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")


def _check_id(value: str) -> str:
    if not _ID.fullmatch(value):
        raise ValueError(
            "an id is 1 to 80 lower-case letters, digits, dots, dashes or underscores, "
            "starting with a letter or digit"
        )
    return value


def _check_list_name(value: str) -> str:
    letters = all(c.isalnum() or c in "._-" or unicodedata.category(c)[0] == "M" for c in value)
    if not (letters and value[:1].isalnum() and len(value) <= MAX_NAME):
        raise ValueError(
            f"the name of a list is 1 to {MAX_NAME} letters, digits, dots, dashes or "
            "underscores, starting with a letter or digit"
        )
    return value


def check_http_url(value: str) -> str:
    wrong = "a URL starts with http:// or https:// and names a host"
    try:
        parts = urlsplit(value)
    except ValueError:
        # Its own message repeats part of the URL, which may hold a secret.
        raise ValueError(wrong) from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(wrong)
    if parts.username is not None or parts.password is not None:
        raise ValueError("a URL must not carry a user name or password")
    return value


def _check_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("not a time zone; write one like Europe/London or UTC") from error
    return value


def _check_address(value: str) -> str:
    local, at, domain = value.rpartition("@")
    if not (at and local and "." in domain.strip(".")) or _NOT_IN_AN_ADDRESS.search(value):
        raise ValueError("an e-mail address looks like name@example.org")
    return value


Id = Annotated[
    str,
    AfterValidator(_check_id),
    WithJsonSchema({"type": "string", "pattern": f"^{_ID.pattern}$"}),
]
ListName = Annotated[str, AfterValidator(_check_list_name)]
HttpUrl = Annotated[str, AfterValidator(check_http_url)]
Zone = Annotated[str, AfterValidator(_check_zone)]
EmailAddress = Annotated[str, AfterValidator(_check_address)]


def _as_tuple(value: object) -> object:
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


OneOrMore = Annotated[
    tuple[str, ...],
    BeforeValidator(_as_tuple),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
"""Texts; a single one may stand without the list."""


class Written(BaseModel):
    """Something a person wrote: frozen, and unknown keys are mistakes."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SecretRef(Written):
    """A reference to a secret: `{env: NAME}` or `{file: PATH}`; never the secret itself."""

    env: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    file: str | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _exactly_one(self) -> "SecretRef":
        if (self.env is None) == (self.file is None):
            raise ValueError("name one of env and file, as in {env: SLACK_WEBHOOK_URL}")
        return self


def text_or_reference(value: object) -> str:
    """Which of the two a value is: told apart by shape, a mistake is told of the one meant."""
    return "reference" if isinstance(value, Mapping | SecretRef) else "text"
