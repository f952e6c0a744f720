"""A newsroom in its own process, and an editor who publishes in it."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp


@dataclass(frozen=True, slots=True)
class NewsroomDesk:
    """The control API of a running newsroom."""

    url: str
    client: aiohttp.ClientSession

    async def open_feed(self, feed: str, form: str = "rss") -> str:
        """Open a feed; its URL."""
        answer = await self._order("feeds", id=feed, title=feed.title(), format=form)
        return str(answer["url"])

    async def publish(self, feed: str, title: str, body: Sequence[str], **details: Any) -> str:
        """Publish an article; its URL."""
        answer = await self._order("publish", feed=feed, title=title, body=list(body), **details)
        return str(answer["url"])

    async def edit(self, feed: str, slug: str, **changes: Any) -> None:
        """Change a published article."""
        await self._order("edit", feed=feed, slug=slug, **changes)

    async def afflict_feed(self, feed: str, mode: str, seconds: float = 60) -> None:
        """Let the feed answer wrongly from now on; "ok" ends it."""
        await self._order(f"feed/{feed}", mode=mode, seconds=seconds)

    async def afflict_page(self, feed: str, slug: str, mode: str, seconds: float = 60) -> None:
        """Let a page answer wrongly from now on."""
        await self._order(f"page/{feed}/{slug}", mode=mode, seconds=seconds)

    async def state(self) -> dict[str, Any]:
        """What is published and who has fetched it."""
        async with self.client.get(f"{self.url}/_control/state") as response:
            return dict(await response.json())

    async def visits(self) -> list[dict[str, Any]]:
        """Every request served so far."""
        async with self.client.get(f"{self.url}/_control/log") as response:
            return list(await response.json())

    async def _order(self, path: str, **order: Any) -> dict[str, Any]:
        async with self.client.post(f"{self.url}/_control/{path}", json=order) as response:
            answer = await response.json()
            assert response.status < 300, answer
            return dict(answer)


@asynccontextmanager
async def running_newsroom() -> AsyncIterator[NewsroomDesk]:
    """An empty newsroom, stopped in the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "services.embedded.demo.newsroom", "--script", "empty", "--with-parent"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    url = json.loads(await process.stdout.readline())["url"]
    try:
        async with aiohttp.ClientSession() as client:
            yield NewsroomDesk(url, client)
    finally:
        process.terminate()
        await process.wait()
