"""The process's own endpoint: what it says about parts that work, wait and have stopped."""

import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from services.runtime.health import Health
from services.runtime.http import PortTakenError, Routes, serve_endpoint
from services.runtime.metrics import Metrics


async def _nothing() -> None:
    """Nothing to refresh."""


@asynccontextmanager
async def _endpoint(health: Health, metrics: Metrics) -> AsyncIterator[str]:
    async with serve_endpoint("127.0.0.1", 0, metrics, health, _nothing) as url:
        yield url


async def _get(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as client, client.get(url) as response:
        return response.status, await response.text()


async def test_a_part_that_waits_makes_the_process_not_ready_and_says_why() -> None:
    metrics = Metrics()
    health = Health(metrics)
    health.component("poller").ready()
    health.component("sender").waiting("database away")
    async with _endpoint(health, metrics) as url:
        assert await _get(f"{url}/healthz") == (
            200,
            "poller: ready\nsender: waiting: database away\n",
        )
        assert (await _get(f"{url}/readyz"))[0] == 503
        _, text = await _get(f"{url}/metrics")
    assert 'wirewatch_component_ready{component="poller"} 1.0' in text
    assert 'wirewatch_component_ready{component="sender"} 0.0' in text


async def test_a_part_that_has_stopped_makes_the_process_unhealthy() -> None:
    metrics = Metrics()
    health = Health(metrics)
    health.component("matcher").stopped("too much poison")
    async with _endpoint(health, metrics) as url:
        assert (await _get(f"{url}/healthz"))[0] == 503


async def test_all_ready_is_ready() -> None:
    metrics = Metrics()
    health = Health(metrics)
    health.component("matcher").ready("though something is odd")
    async with _endpoint(health, metrics) as url:
        assert await _get(f"{url}/readyz") == (200, "matcher: ready: though something is odd\n")


async def test_a_taken_port_is_named_with_the_way_out() -> None:
    metrics = Metrics()
    health = Health(metrics)
    async with _endpoint(health, metrics) as url:
        port = int(url.rsplit(":", 1)[1])
        with pytest.raises(PortTakenError, match="WIREWATCH_HTTP_PORT"):
            async with serve_endpoint("127.0.0.1", port, metrics, health, _nothing):
                pass


@asynccontextmanager
async def _serving(routes: Routes) -> AsyncIterator[str]:
    metrics = Metrics()
    async with serve_endpoint("127.0.0.1", 0, metrics, Health(metrics), _nothing, routes) as url:
        yield url


async def _say_path(request: web.Request) -> web.Response:
    return web.Response(text=f"{request.method} {request.match_info['rest']}")


async def test_a_part_serves_what_lies_under_its_own_path_and_nothing_else() -> None:
    routes = Routes()
    async with _serving(routes) as url:
        routes.serve("door", _say_path)  # parts are put together after the endpoint answers
        routes.complete()
        assert await _get(f"{url}/door/a/b") == (200, "GET a/b")
        assert (await _get(f"{url}/doors/a"))[0] == 404
        assert (await _get(f"{url}/door"))[0] == 404
        assert (await _get(f"{url}/metrics"))[0] == 200


async def test_while_parts_are_put_together_whoever_asks_is_asked_to_come_again() -> None:
    """A 404 ends a subscription for a hub, and an unsubscribing for a mail program."""
    routes = Routes()
    async with _serving(routes) as url:
        assert (await _get(f"{url}/door/a/b"))[0] == 503
        routes.serve("door", _say_path)
        assert (await _get(f"{url}/window/a"))[0] == 503  # its part may still come
        routes.complete()
        assert (await _get(f"{url}/window/a"))[0] == 404
        routes.clear()
        assert (await _get(f"{url}/door/a/b"))[0] == 503


async def test_a_part_gets_a_body_as_it_came_over_the_wire() -> None:
    routes, packed = Routes(), gzip.compress(b"x" * 1_000_000)

    async def measure(request: web.Request) -> web.Response:
        return web.Response(text=str(len(await request.content.read())))

    routes.serve("door", measure)
    headers = {"Content-Encoding": "gzip"}
    async with (
        _serving(routes) as url,
        aiohttp.ClientSession() as client,
        client.post(f"{url}/door/", data=packed, headers=headers) as response,
    ):
        assert await response.text() == str(len(packed))
