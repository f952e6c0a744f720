"""Servers that mean harm: each says what it wants, byte by byte, and counts what it got rid of."""

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain, repeat

import brotli  # type: ignore[import-untyped]

Script = Callable[["Line"], Awaitable[None]]

OK = b"HTTP/1.1 200 OK\r\n"
XML = b"Content-Type: text/xml\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
MEGABYTE = b" " * 1_000_000


@dataclass
class Line:
    """One connection, after the request was read."""

    server: "HostileServer"
    writer: asyncio.StreamWriter

    async def say(self, *parts: bytes) -> None:
        """Send; returns when the reader has made room."""
        for part in parts:
            self.writer.write(part)
            await self.writer.drain()
            self.server.sent += len(part)

    async def say_all(self, parts: Iterable[bytes]) -> None:
        for part in parts:
            await self.say(part)
            await asyncio.sleep(0)

    async def drip(self, part: bytes) -> None:
        """The same again and again, too slowly to be of use, too quickly to be idle."""
        while True:
            await self.say(part)
            await asyncio.sleep(0.01)

    def reset(self) -> None:
        """Break the connection off, without a word."""
        self.writer.transport.abort()


@dataclass
class HostileServer:
    """`sent` is how many bytes the reader has taken, give or take what the system buffers."""

    script: Script
    url: str = ""
    sent: int = 0
    visits: int = 0
    under_way: set[asyncio.Task[None] | None] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.under_way.add(asyncio.current_task())
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await reader.readuntil(b"\r\n\r\n")
            self.visits += 1
            await self.script(Line(self, writer))
        writer.close()


@asynccontextmanager
async def hostile_server(script: Script) -> AsyncIterator[HostileServer]:
    hostile = HostileServer(script)
    server = await asyncio.start_server(hostile.serve, "127.0.0.1", 0)
    hostile.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/feed"
    try:
        yield hostile
    finally:
        server.close()
        for task in filter(None, hostile.under_way):
            task.cancel()
        await asyncio.gather(*filter(None, hostile.under_way), return_exceptions=True)


def saying(*parts: bytes) -> Script:
    """A server that says this and ends."""
    return lambda line: line.say(*parts)


def endless(head: bytes, part: bytes) -> Script:
    """A server that never ends, as fast as it is read."""
    return lambda line: line.say_all(chain([head], repeat(part)))


def dripping(head: bytes, part: bytes) -> Script:
    """A server that never ends, slowly."""

    async def script(line: Line) -> None:
        await line.say(head)
        await line.drip(part)

    return script


def resetting(*parts: bytes) -> Script:
    """A server that breaks off."""

    async def script(line: Line) -> None:
        await line.say(*parts)
        line.reset()

    return script


def packed(encoding: str, body: bytes) -> bytes:
    """A whole reply with a body that is small on the way and large when it is unpacked."""
    head = (
        OK + XML + f"Content-Encoding: {encoding}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    )
    return head + body


def gzip_bomb(megabytes: int) -> bytes:
    return gzip.compress(MEGABYTE * megabytes)


def deflate_bomb(megabytes: int) -> bytes:
    return zlib.compress(MEGABYTE * megabytes, 9)


def brotli_bomb(megabytes: int) -> bytes:
    return bytes(brotli.compress(MEGABYTE * megabytes, quality=5))


def nested_gzip(megabytes: int) -> bytes:
    return gzip.compress(gzip_bomb(megabytes))
