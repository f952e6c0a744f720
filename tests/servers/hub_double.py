"""A WebSub hub on a local server: does what W3C WebSub says of hubs, or whatever a test wants."""

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from tests.servers.patience import until


@dataclass(frozen=True)
class Asked:
    """A request to subscribe or to stop, as it came in."""

    path: str
    form: Mapping[str, str]

    @property
    def mode(self) -> str:
        return self.form["hub.mode"]

    @property
    def callback(self) -> str:
        return self.form["hub.callback"]

    def at(self, callback: str) -> "Asked":
        """The same, with another callback."""
        return Asked(self.path, {**self.form, "hub.callback": callback})


@dataclass(frozen=True)
class Heard:
    """What a callback answered."""

    status: int
    body: str
    headers: Mapping[str, str]


@dataclass
class HubDouble:
    """The hub. It verifies what it is asked for at once, unless `verifies` is off."""

    client: aiohttp.ClientSession
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    answers: list[web.Response] = field(default_factory=list)
    """Used up one by one, in place of 202."""
    verifies: bool = True
    verifies_first: bool = False
    """Whether it asks back before it answers, as some hubs do."""
    repeats: bool = False
    """Whether it refuses the next request with all that stands in it."""
    lease_seconds: int | None = 864_000
    subscribed: dict[str, Asked] = field(default_factory=dict)
    """Who is subscribed, by callback."""
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)

    @property
    def links(self) -> str:
        """The Link header of a feed that is pushed by this hub."""
        return f'<{self.url}/hub>; rel="hub"'

    def modes(self) -> Sequence[str]:
        return [asked.mode for asked in self.asked]

    @property
    def subscriber(self) -> Asked:
        """The only one that is subscribed."""
        (one,) = self.subscribed.values()
        return one

    def refuse(self, status: int, headers: Mapping[str, str] | None = None) -> None:
        """Answer a further request like this, and not as a hub that accepts it."""
        self.answers.append(web.Response(status=status, headers=headers))

    async def answer(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        asked = Asked(request.path, form)
        self.asked.append(asked)
        if self.repeats:
            self.repeats = False
            return web.Response(status=400, text=" ".join(sorted(form.values(), key=len)[::-1]))
        if self.answers:
            return self.answers.pop(0)
        if self.verifies and self.verifies_first:
            await self.verify(asked)
        elif self.verifies:
            task = asyncio.create_task(self.verify(asked))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        return web.Response(status=202)

    async def verify(self, asked: Asked, **changes: str) -> Heard:
        """Ask back whether a request was meant, and note it if so."""
        challenge = secrets.token_urlsafe(16)
        question = {
            "hub.mode": asked.mode,
            "hub.topic": asked.form["hub.topic"],
            "hub.challenge": challenge,
        }
        if self.lease_seconds is not None:
            question["hub.lease_seconds"] = str(self.lease_seconds)
        heard = await self.get(asked.callback, question | _named(changes))
        if heard.status == 200 and heard.body == challenge and not changes:
            self.subscribed.pop(asked.callback, None)
            if asked.mode == "subscribe":
                self.subscribed[asked.callback] = asked
        return heard

    async def deny(self, asked: Asked, **changes: str) -> Heard:
        said = {"hub.mode": "denied", "hub.topic": asked.form["hub.topic"]}
        return await self.get(asked.callback, said | _named(changes))

    async def get(self, callback: str, question: Mapping[str, str]) -> Heard:
        async with self.client.get(callback, params=question) as reply:
            return Heard(reply.status, await reply.text(), reply.headers)

    async def push(
        self,
        body: str | bytes,
        asked: Asked | None = None,
        method: str = "sha256",
        secret: str | None = None,
        headers: Mapping[str, str | None] | None = None,
    ) -> int:
        """Push a document to a subscriber; what it answered."""
        to = asked or self.subscriber
        raw = body.encode() if isinstance(body, str) else body
        signature = signed(raw, secret or to.form["hub.secret"], method)
        sent = {"Content-Type": "application/rss+xml", "X-Hub-Signature": signature}
        given = {**sent, **(headers or {})}
        kept = {name: value for name, value in given.items() if value is not None}
        async with self.client.post(to.callback, data=raw, headers=kept) as reply:
            return reply.status

    async def until_subscribed(self, count: int = 1) -> None:
        async def there() -> bool:
            return len(self.subscribed) == count

        await until(there, f"{count} subscribed")

    async def until_asked(self, count: int) -> None:
        async def there() -> bool:
            return len(self.asked) >= count

        await until(there, f"{count} requests at the hub")


def signed(body: bytes, secret: str, method: str = "sha256") -> str:
    """The X-Hub-Signature of a body."""
    return f"{method}={hmac.new(secret.encode(), body, getattr(hashlib, method)).hexdigest()}"


def _named(changes: Mapping[str, str]) -> dict[str, str]:
    return {f"hub.{name}": value for name, value in changes.items()}


@asynccontextmanager
async def running_hub() -> AsyncIterator[HubDouble]:
    async with aiohttp.ClientSession() as client:
        hub = HubDouble(client)
        app = web.Application()
        app.router.add_post("/{path:.*}", hub.answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        hub.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield hub
        finally:
            await runner.cleanup()
            for task in hub.tasks:
                task.cancel()
            await asyncio.gather(*hub.tasks, return_exceptions=True)
