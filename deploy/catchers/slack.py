"""A server that speaks as much of Slack's API as Wirewatch uses, and shows what it was sent.

    python deploy/catchers/slack.py [--host 127.0.0.1] [--port 9780]

Open it in a browser to see the messages; post to it with any token. A channel of
`channels.yaml` that goes there: `api_url: http://127.0.0.1:9780/api/`, or a webhook
`http://127.0.0.1:9780/services/T0/B0/anything`; the process that sends needs
`WIREWATCH_ALLOWED_NETWORKS=127.0.0.0/8`. The tests use the same server as a double: they tell it
what to answer (`Answer`), and how much it takes in a minute (`limits`).
"""

import argparse
import asyncio
import sys
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

if __name__ == "__main__":  # started as a file, its own folder is all that Python knows
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from deploy.catchers.block_kit import error_of, problems_of
from deploy.catchers.slack_messages import Answer, Message, Refused

PAGE = Path(__file__).with_name("slack.html")
SCOPES = ("chat:write", "channels:history")
_SCOPE = {"conversations.history": "channels:history", "conversations.replies": "channels:history"}


@dataclass
class Slack:
    """A workspace. `token` is the one it takes (None: any), `rooms` are its channels by id with
    their names; a channel that is not among them is refused, unless it `invents` them."""

    token: str | None = None
    rooms: dict[str, str] = field(default_factory=dict)
    invents: bool = False
    scopes: Iterable[str] = SCOPES
    clock: Callable[[], float] = time.time
    latency: float = 0.0
    limits: dict[str, int] = field(default_factory=dict)
    page_size: int = 200
    answers: dict[str, deque[Answer]] = field(default_factory=lambda: defaultdict(deque))
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    _last_ts: float = 0.0
    _called: dict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))

    def app(self) -> web.Application:
        """The server."""
        app = web.Application(client_max_size=4 * 2**20)
        app.router.add_route("*", "/api/{method}", self._api)
        app.router.add_post("/services/{secret:.+}", self._webhook)
        app.router.add_get("/", _page)
        app.router.add_get("/caught.json", self._caught)
        return app

    def called(self, method: str) -> list[dict[str, Any]]:
        """The arguments of every call of a method."""
        return [arguments for name, arguments in self.calls if name == method]

    async def _caught(self, _: web.Request) -> web.Response:
        shown = [
            asdict(message) | {"room": self.rooms.get(message.channel, "")}
            for message in self.messages
        ]
        return web.json_response(shown)

    async def _webhook(self, request: web.Request) -> web.StreamResponse:
        payload = await request.json()
        answer = await self._next("webhook", payload)
        wrong = error_of(payload)
        if (answer is None or answer.acts) and not wrong:
            self.messages.append(Message("", self._new_ts(), payload))
        if answer is not None:
            return await self._answered(request, answer, answer.text)
        return web.Response(text=wrong or "ok", status=400 if wrong else 200)

    async def _api(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        arguments = await _arguments(request)
        answer = await self._next(method, arguments)
        body: dict[str, Any] = {"ok": False, "error": "internal_error"}
        wait = 0
        if answer is None or answer.acts:
            wait = self._wait(method)
            body = self._done(request, method, arguments) if not wait else _told("ratelimited")
        if answer is not None:
            return await self._answered(request, answer, None)
        headers = {"Retry-After": str(wait)} if wait else {}
        return web.json_response(body, status=429 if wait else 200, headers=headers)

    async def _next(self, method: str, arguments: dict[str, Any]) -> Answer | None:
        self.calls.append((method, arguments))
        waiting = self.answers[method]
        answer = waiting.popleft() if waiting else None
        await asyncio.sleep(self.latency)
        return answer

    async def _answered(
        self, request: web.Request, answer: Answer, text: str | None
    ) -> web.StreamResponse:
        if answer.hangs:
            await self.released.wait()
        if answer.breaks and request.transport is not None:
            request.transport.close()
        if answer.error is not None:
            body = _told(answer.error)
            return web.json_response(body, status=answer.status, headers=answer.headers)
        return web.Response(
            status=answer.status, text=answer.text if text is None else text, headers=answer.headers
        )

    def _wait(self, method: str) -> int:
        """Whole seconds until a method may be called again; 0 if it may be now."""
        limit, now = self.limits.get(method), self.clock()
        recent = self._called[method]
        while recent and recent[0] <= now - 60:
            recent.popleft()
        if limit is not None and len(recent) >= limit:
            return max(1, round(recent[0] + 60 - now))
        recent.append(now)
        return 0

    def _done(self, request: web.Request, method: str, given: dict[str, Any]) -> dict[str, Any]:
        known = {
            "auth.test": lambda _: {"url": "https://caught.example/", "user": "wirewatch"},
            "chat.postMessage": self._post,
            "chat.update": self._update,
            "conversations.history": self._history,
            "conversations.replies": self._replies,
        }
        try:
            self._authorise(request, method)
            if method not in known:
                raise Refused("unknown_method")
            return {"ok": True, **known[method](given)}
        except Refused as refused:
            return refused.body

    def _authorise(self, request: web.Request, method: str) -> None:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not token:
            raise Refused("not_authed")
        if self.token is not None and token != self.token:
            raise Refused("invalid_auth")
        needed = _SCOPE.get(method, "chat:write")
        if method != "auth.test" and needed not in self.scopes:
            raise Refused("missing_scope", needed=needed, provided=",".join(self.scopes))

    def _post(self, given: dict[str, Any]) -> dict[str, Any]:
        channel = self._room(given.get("channel", ""))
        _check(given)
        thread = given.get("thread_ts")
        if thread is not None:
            thread = self._root(channel, thread)
        message = Message(
            channel, self._new_ts(), given, thread, bool(given.get("reply_broadcast"))
        )
        self.messages.append(message)
        return {"channel": channel, "ts": message.ts, "message": message.as_told(True)}

    def _update(self, given: dict[str, Any]) -> dict[str, Any]:
        # Only by its id: a name is refused (docs.slack.dev, chat.update).
        channel = given.get("channel", "")
        if channel not in self.rooms:
            raise Refused("channel_not_found")
        found = self._find(channel, given.get("ts", ""))
        if found is None:
            raise Refused("message_not_found")
        _check(given)
        found.payload = {**found.payload, "blocks": None, **given}
        found.edits += 1
        return {"channel": channel, "ts": found.ts, "text": given.get("text")}

    def _history(self, given: dict[str, Any]) -> dict[str, Any]:
        channel = self._by_id(given)
        shown = [m for m in self._in(channel) if m.thread_ts is None or m.broadcast]
        return self._pages(sorted(shown, key=lambda m: -float(m.ts)), given)

    def _replies(self, given: dict[str, Any]) -> dict[str, Any]:
        channel, ts = self._by_id(given), given.get("ts", "")
        thread = [m for m in self._in(channel) if ts in (m.ts, m.thread_ts)]
        if not thread:
            raise Refused("thread_not_found")
        return self._pages(thread, given)

    def _pages(self, found: list[Message], given: dict[str, Any]) -> dict[str, Any]:
        oldest = float(given.get("oldest") or 0)
        found = [m for m in found if float(m.ts) > oldest]
        begin = int(given.get("cursor") or 0)
        end = begin + min(int(given.get("limit") or 100), self.page_size)
        with_metadata = str(given.get("include_all_metadata", "")) in {"1", "true", "True"}
        more = str(end) if end < len(found) else ""
        return {
            "messages": [m.as_told(with_metadata) for m in found[begin:end]],
            "has_more": bool(more),
            "response_metadata": {"next_cursor": more},
        }

    def _by_id(self, given: dict[str, Any]) -> str:
        channel: str = given.get("channel", "")
        if channel not in self.rooms:
            raise Refused("channel_not_found")
        return channel

    def _room(self, name: str) -> str:
        bare = name.removeprefix("#")
        for room, known in self.rooms.items():
            if bare in (room, known):
                return room
        if not self.invents:
            raise Refused("channel_not_found")
        room = bare if bare.startswith("C") and bare.isupper() else f"C0CAUGHT{len(self.rooms):02}"
        self.rooms[room] = bare
        return room

    def _root(self, channel: str, ts: str) -> str:
        found = self._find(channel, ts)
        if found is None:
            raise Refused("thread_not_found")
        return found.thread_ts or found.ts

    def _find(self, channel: str, ts: str) -> Message | None:
        return next((m for m in self._in(channel) if m.ts == ts), None)

    def _in(self, channel: str) -> list[Message]:
        return [m for m in self.messages if m.channel == channel and not m.deleted]

    def _new_ts(self) -> str:
        self._last_ts = max(self.clock(), self._last_ts + 0.000_1)
        return f"{self._last_ts:.6f}"


def _check(given: dict[str, Any]) -> None:
    wrong = error_of(given)
    if wrong is not None:
        raise Refused(wrong, response_metadata={"messages": problems_of(given)})


def _told(error: str) -> dict[str, Any]:
    return {"ok": False, "error": error}


async def _arguments(request: web.Request) -> dict[str, Any]:
    if request.content_type == "application/json":
        given: dict[str, Any] = await request.json()
        return given
    return {**request.query, **{str(k): v for k, v in (await request.post()).items()}}


async def _page(_: web.Request) -> web.FileResponse:
    return web.FileResponse(PAGE)


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description="takes messages for Slack and shows them")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9780)
    options = parser.parse_args()
    sys.stdout.write(f"Slack's messages: http://{options.host}:{options.port}/\n")
    sys.stdout.flush()
    web.run_app(Slack(invents=True).app(), host=options.host, port=options.port, print=None)


if __name__ == "__main__":
    main()
