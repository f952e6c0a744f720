"""A server that wants credentials and repeats what it gets, and a proxy before it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from aiohttp import web

Answer = Callable[[web.Request], web.StreamResponse]


@dataclass
class Asked:
    """A request as the server saw it."""

    path: str
    headers: dict[str, str]


@dataclass
class PrivateServer:
    """It notes what it is asked, and answers by path; anything else is 404."""

    url: str = ""
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    robots: list[dict[str, str]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/robots.txt":
            self.robots.append(dict(request.headers))
            return web.Response(status=404)
        self.asked.append(Asked(request.raw_path, dict(request.headers)))
        answer = self.answers.get(request.path)
        return answer(request) if answer else web.Response(status=404)

    def saw(self, name: str) -> list[str | None]:
        """The values of a header, one for each request."""
        return [asked.headers.get(name) for asked in self.asked]


@asynccontextmanager
async def private_server(host: str = "127.0.0.1") -> AsyncIterator[PrivateServer]:
    server = PrivateServer()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, host, 0).start()
    server.url = f"http://{host}:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()


@dataclass
class Proxy:
    """A proxy that tunnels and forwards to one place, whatever it is asked for."""

    url: str = ""
    heads: list[str] = field(default_factory=list)
    refuses: bytes | None = None


@asynccontextmanager
async def proxy_to(port: int, host: str = "127.0.0.1") -> AsyncIterator[Proxy]:
    """A proxy that leads every request to a port of this machine."""
    proxy, under_way = Proxy(), set[asyncio.Task[None] | None]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        under_way.add(asyncio.current_task())
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = await reader.readuntil(b"\r\n\r\n")
            proxy.heads.append(head.decode("latin-1"))
            if proxy.refuses is not None:
                writer.write(proxy.refuses)
                await writer.drain()
            else:
                await _lead(head, reader, writer, port)
        writer.close()

    server = await asyncio.start_server(serve, host, 0)
    proxy.url = f"http://{host}:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()
        for task in filter(None, under_way):
            task.cancel()
        await asyncio.gather(*filter(None, under_way), return_exceptions=True)


async def _lead(
    head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int
) -> None:
    there, back = await asyncio.open_connection("127.0.0.1", port)
    if head.startswith(b"CONNECT"):
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    else:
        # Of the absolute address, a server is asked for the path.
        method, target, rest = head.split(b" ", 2)
        path = b"/" + target.split(b"/", 3)[3]
        back.write(b" ".join((method, path, rest)))
    try:
        await asyncio.gather(_pump(reader, back), _pump(there, writer))
    finally:
        back.close()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(65_536):
            sink.write(data)
            await sink.drain()
        if sink.can_write_eof():
            sink.write_eof()
