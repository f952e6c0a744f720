"""The process's own HTTP endpoint: /metrics, /healthz, /readyz, and what parts serve beside.

What parts serve is meant for the world outside; a reverse proxy lets through their paths and
no others.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from services.runtime.health import Health
from services.runtime.metrics import Metrics

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Routes:
    """What parts serve, each under a first segment of the path that is its own.

    The endpoint answers before the parts are put together, so they come and go here. A
    handler reads no body but what it streams and measures itself.
    """

    def __init__(self) -> None:
        self._handlers: dict[str, Handler] = {}
        self._all_there = False

    def serve(self, segment: str, handler: Handler) -> None:
        """Serve `/segment/...` by `handler`, for every method."""
        self._handlers[segment] = handler

    def complete(self) -> None:
        """All parts are put together: what none of them serves does not exist."""
        self._all_there = True

    def clear(self) -> None:
        """Serve nothing: the parts are put together anew."""
        self._handlers.clear()
        self._all_there = False

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """What the part whose path it is answers; 404 where there is none, 503 while it comes."""
        handler = self._handlers.get(request.match_info["segment"])
        if handler is not None:
            return await handler(request)
        if self._all_there:
            return web.Response(status=404)
        # Hubs and mail programs take a 404 for the end of the matter, and ask again after this.
        return web.Response(status=503, text=_NOT_YET, headers={"Retry-After": "30"})


_NOT_YET = "Wirewatch is starting, or waits for its database. Please try again in a minute.\n"


class PortTakenError(Exception):
    """The endpoint cannot listen where the settings say."""


@asynccontextmanager
async def serve_endpoint(
    host: str,
    port: int,
    metrics: Metrics,
    health: Health,
    refresh: Callable[[], Awaitable[None]],
    routes: Routes | None = None,
) -> AsyncIterator[str]:
    """Serve the endpoint and yield its base URL.

    `refresh` is awaited before each answer of /metrics, so that gauges read from the
    database or the bus are as fresh as the scrape. `routes` are served beside.
    """

    async def show_metrics(_: web.Request) -> web.Response:
        await refresh()
        return web.Response(
            body=metrics.exposition(), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text=health.describe(), status=200 if health.alive() else 503)

    async def readyz(_: web.Request) -> web.Response:
        return web.Response(text=health.describe(), status=200 if health.is_ready() else 503)

    app = web.Application()
    app.router.add_get("/metrics", show_metrics)
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    if routes is not None:
        app.router.add_route("*", "/{segment}/{rest:.*}", routes.answer)
    # A body is what came over the wire: it may be signed, and nobody asked for it to be packed.
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1, auto_decompress=False)
    await runner.setup()
    try:
        yield await _listen(runner, host, port)
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, host: str, port: int) -> str:
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        raise PortTakenError(
            f"cannot listen on {host}:{port} ({error.strerror}); "
            "set WIREWATCH_HTTP_HOST and WIREWATCH_HTTP_PORT to a free address (0 takes any port)"
        ) from error
    address = runner.addresses[0]
    return f"http://{address[0]}:{address[1]}"
