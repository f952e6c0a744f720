"""A newsroom in a process of its own, and an editor's hands on it, for the tests beside this."""

import asyncio
import io
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import aiohttp
import feedparser

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "services.embedded.demo.newsroom")
PATIENCE_SECONDS = 20

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Running:
    url: str
    process: subprocess.Popen[str]


@contextmanager
def newsroom(*arguments: str) -> Iterator[Running]:
    process = subprocess.Popen(
        [*COMMAND, *arguments], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        try:
            assert process.stdout is not None
            yield Running(json.loads(process.stdout.readline())["url"], process)
        finally:
            process.terminate()


def fetched(url: str) -> bytes:
    with urlopen(url, timeout=PATIENCE_SECONDS) as response:
        body: bytes = response.read()
    return body


@dataclass(frozen=True, slots=True)
class Desk:
    """A feed of its own for one test."""

    client: aiohttp.ClientSession
    base: str
    feed: str

    @property
    def feed_url(self) -> str:
        return f"{self.base}/feeds/{self.feed}.xml"

    async def order(self, path: str, expected: int, **order: object) -> Json:
        data = io.BytesIO(json.dumps(order).encode())
        async with self.client.post(f"{self.base}/_control/{path}", data=data) as response:
            answer: Json = await response.json()
            assert response.status == expected, answer
            return answer

    async def publish(self, title: str, **order: object) -> str:
        answer = await self.order("publish", 201, feed=self.feed, title=title, **order)
        return str(answer["url"])

    async def state(self) -> Json:
        async with self.client.get(f"{self.base}/_control/state") as response:
            state: Json = await response.json()
            return state

    async def entries(self) -> list[Any]:
        async with self.client.get(self.feed_url) as response:
            document = feedparser.parse(io.BytesIO(await response.read()))
        assert not document.bozo
        return list(document.entries)

    async def text(self, url: str) -> str:
        async with self.client.get(url) as response:
            assert response.status == 200
            return await response.text()

    async def status(self, url: str, **headers: str) -> int:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.client.get(url, headers=names) as response:
            await response.read()
            return response.status


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # what it waits for lies in another process
