"""Answers of a server in trouble.

Decides what each ailment does to an answer. Every answer is bounded in time and size, and
ends when the client goes away (the server cancels the handlers of lost connections).
"""

import asyncio
import itertools
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import assert_never

from aiohttp import web

from services.embedded.demo.ailment import LARGEST_BYTES, Ailment, Mode
from services.embedded.demo.rendering import render_consent

_FILLER = b"<!-- nothing to see here yet, and there is more of it to come -->\n" * 1000
_SECONDS_BETWEEN_DROPS = 0.1


class HungUpError(ConnectionError):
    """The server ends the connection in the middle of things."""


@dataclass(frozen=True, slots=True)
class Honest:
    """What a healthy server does: `answer` makes the response, `media_type` is its type."""

    answer: Callable[[], web.Response]
    media_type: str


async def reply(request: web.Request, ailment: Ailment, honest: Honest) -> web.StreamResponse:
    """Answer as a server with this ailment does; raises HungUpError where it hangs up."""
    match ailment.mode:
        case Mode.OK:
            return honest.answer()
        case Mode.DOWN:
            raise HungUpError("the server is down")
        case Mode.SLOW:
            await asyncio.sleep(ailment.seconds)
            return honest.answer()
        case Mode.HUGE:
            return await _pour(request, _flood(), 0, ailment.seconds, honest.media_type)
        case Mode.DRIP:
            pause = _SECONDS_BETWEEN_DROPS
            return await _pour(request, _drops(), pause, ailment.seconds, honest.media_type)
        case Mode.NOT_A_FEED:
            return web.Response(body=render_consent(), content_type="text/html", charset="utf-8")
        case Mode.ERROR:
            return web.Response(status=500, text="the press is jammed")
        case _:
            assert_never(ailment.mode)


def _flood() -> Iterable[bytes]:
    yield b'<?xml version="1.0"?>\n<rss version="2.0"><channel>\n'
    yield from itertools.repeat(_FILLER, LARGEST_BYTES // len(_FILLER))


def _drops() -> Iterable[bytes]:
    for byte in itertools.cycle(_FILLER):
        yield bytes([byte])


async def _pour(
    request: web.Request, chunks: Iterable[bytes], pause: float, seconds: float, media_type: str
) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": media_type})
    await response.prepare(request)
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            for chunk in chunks:
                await response.write(chunk)
                await asyncio.sleep(pause)
    raise HungUpError("an endless answer was cut off so that it cannot pass for a whole one")
