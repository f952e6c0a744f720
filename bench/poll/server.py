"""A server that costs next to nothing: prepared bytes, keep-alive, no parsing of headers.

Runs in a process of its own and prints its port. A path begins with what is wanted:

    /same/…        304, always
    /new/…/NAME/…  a feed of ten entries; every request finds one more than the last
    /page/…        an article's page
"""

import asyncio
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

ENTRIES = 10
_NOT_MODIFIED = (
    b'HTTP/1.1 304 Not Modified\r\nETag: "5f3759df-1a2b"\r\n'
    b"Cache-Control: max-age=0\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n\r\n"
)
_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: %s; charset=utf-8\r\n"
    b"Date: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Length: %d\r\n\r\n"
)
_RSS = b"application/rss+xml"
_TOP = "<?xml version='1.0' encoding='utf-8'?><rss version='2.0'><channel><title>Wire</title>"
_SUMMARY = (
    "The harbour master said that ships had left at noon, and that the ferry to the islands "
    "would not sail before the storm had passed."
)
_PARAGRAPHS = "".join(
    f"<p>On day {day} of the storm the harbour master said that ship number {day} had left at noon "
    f"and come back empty, and that its crew of {day + 7} had been paid in full before the evening "
    "began, as the company had promised when the strike was called off.</p>"
    for day in range(25)
)
_MENU = "".join(f"<li><a href='/section/{n}'>Section {n}</a></li>" for n in range(60))
_PAGE = (
    "<!doctype html><html lang='en'><head><title>Ships at sea</title>"
    f"<style>{'.card{margin:0}' * 400}</style></head><body><nav><ul>{_MENU}</ul></nav>"
    f"<article><h1>Ships at sea</h1>{_PARAGRAPHS}</article>"
    f"<footer><ul>{_MENU}</ul></footer></body></html>"
).encode()


class Server(asyncio.Protocol):
    """One connection; answers every request as soon as its headers have ended."""

    def __init__(self, asked: Counter[bytes]) -> None:
        self._asked = asked
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody connected."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer what is complete."""
        *requests, self._rest = (self._rest + data).split(b"\r\n\r\n")
        for request in requests:
            self._transport.write(self._answer(request))

    def _answer(self, request: bytes) -> bytes:
        if request.startswith(b"GET /same/"):
            return _NOT_MODIFIED
        path = request.split(b" ", 2)[1]
        if path.startswith(b"/page/"):
            return _reply(b"text/html", _PAGE)
        self._asked[path] += 1
        return _reply(_RSS, _feed(path, self._asked[path], request))


def _reply(kind: bytes, body: bytes) -> bytes:
    return _HEAD % (kind, len(body)) + body


def _feed(path: bytes, newest: int, request: bytes) -> bytes:
    host = request.partition(b"Host: ")[2].partition(b"\r\n")[0].decode()
    name = path.decode().split("/")[-2]
    items = (_item(host, name, number) for number in range(newest + ENTRIES, newest, -1))
    return f"{_TOP}{''.join(items)}</channel></rss>".encode()


def _item(host: str, name: str, number: int) -> str:
    # Of the first document nothing is news: it all stands in the past.
    age = timedelta(minutes=1) if number > ENTRIES + 1 else timedelta(days=2)
    when = format_datetime(datetime.now(UTC) - age)
    return (
        f"<item><guid isPermaLink='false'>{name}-{number}</guid><title>Ship {number} has left the "
        f"harbour of {name}</title><link>http://{host}/page/{name}/{number}</link>"
        f"<description>{_SUMMARY}</description><pubDate>{when}</pubDate></item>"
    )


async def main() -> None:
    """Serve until the standard input ends."""
    loop, asked = asyncio.get_running_loop(), Counter[bytes]()
    server = await loop.create_server(lambda: Server(asked), "0.0.0.0", 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
