"""What a page's form, or a mail program's one click, sends: bounded in size and time.

RFC 8058 lets the one click come as `multipart/form-data` or
`application/x-www-form-urlencoded`; a page's form comes as the latter.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from urllib.parse import parse_qsl

from aiohttp import web
from aiohttp.http import HttpProcessingError

LONGEST_BODY = 16_384
# The one click has some two hundred bytes. Parts within parts take the square of their number.
_LONGEST_MULTIPART = 2_048
_READING_SECONDS = 10.0
_MOST_FIELDS = 20

Fields = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Refused:
    """A body that is not read, or not to its end: the HTTP status that says why."""

    status: int


async def read_form(request: web.Request) -> Fields | Refused:
    """The fields of a body, each with its last value; empty for a body of another kind."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        return Refused(415)
    try:
        async with asyncio.timeout(_READING_SECONDS):
            body = await _body(request)
    except (TimeoutError, ConnectionError, web.RequestPayloadError, HttpProcessingError):
        return Refused(408)
    if body is None:
        return Refused(413)
    return fields_of(request.headers.get("Content-Type", ""), body)


def fields_of(content_type: str, body: bytes) -> Fields:
    """The fields that a body of this type holds. PURE. Never raises for what it holds."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return _urlencoded(body)
    if kind == "multipart/form-data":
        return _multipart(content_type, body)
    return {}


async def _body(request: web.Request) -> bytes | None:
    """The body, or None as soon as it is too long."""
    if (request.content_length or 0) > LONGEST_BODY:
        return None
    body = bytearray()
    async for chunk in request.content.iter_chunked(4_096):
        body += chunk
        if len(body) > LONGEST_BODY:
            return None
    return bytes(body)


def _urlencoded(body: bytes) -> Fields:
    text = body.decode("ascii", "replace")
    try:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError:  # too many fields
        return {}


def _multipart(content_type: str, body: bytes) -> Fields:
    if len(body) > _LONGEST_MULTIPART:
        return {}
    try:
        return _parts(content_type, body)
    except Exception:  # the standard library's parser stumbles over some headers
        return {}


def _parts(content_type: str, body: bytes) -> Fields:
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", "replace")
    parts = BytesParser(policy=HTTP).parsebytes(head + body).get_payload()
    fields: dict[str, str] = {}
    for part in parts[:_MOST_FIELDS] if isinstance(parts, list) else ():
        if not isinstance(part, Message):
            continue
        name = part.get_param("name", header="Content-Disposition")
        value = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(value, bytes):
            fields[name] = value.decode("utf-8", "replace")
    return fields
