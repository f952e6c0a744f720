"""What is served under `/websub/`: whose callback it is, and whether a push is the hub's.

Everything here is sent by strangers: a callback's random path and, for pushes, a signature
say who it is. Questions are answered in `questions`, pushes are taken in by `pushes`.
"""

import asyncio
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import assert_never

import structlog
from aiohttp import web
from aiohttp.http import HttpProcessingError

from schemas.folder import FeedSpec
from services.poller.websub.counted import PushOutcome
from services.poller.websub.pushes import Push, Pushes
from services.poller.websub.questions import NO_PAGE, Questions
from services.poller.websub.signature import Signed, check
from services.runtime.dependency import DependencyUnavailableError
from services.runtime.metrics import Metrics
from services.store import websub, written
from services.store.database import Database
from services.store.websub import FORMER, Subscription
from services.store.written import Kind

log = structlog.get_logger()

_CALLBACK = re.compile(r"[A-Za-z0-9_-]{43}")
_CHUNK = 65_536
_BODIES_AT_ONCE = 32
_BODIES_OF_ONE = 2


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """What a push may ask of us."""

    max_bytes: int
    total: timedelta = timedelta(seconds=30)


class Callback:
    """Answers everything under `/websub/`."""

    def __init__(
        self,
        database: Database,
        questions: Questions,
        pushes: Pushes,
        metrics: Metrics,
        limits: BodyLimits,
    ) -> None:
        self._database = database
        self._questions = questions
        self._pushes = pushes
        self._metrics = metrics
        self._limits = limits
        self._reading: dict[str, int] = {}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer a hub, or whoever it is."""
        try:
            return await self._answer(request)
        except DependencyUnavailableError as error:
            log.warning("a hub has to come again", error=str(error))
            return web.Response(status=503, headers={"Retry-After": "30"})

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.method not in {"GET", "POST"}:
            return web.Response(status=405, headers={"Allow": "GET, POST"})
        name = request.match_info["rest"]
        subscription = await self._subscription(name) if _CALLBACK.fullmatch(name) else None
        if subscription is None:
            return self._refused(PushOutcome.UNKNOWN, 404)
        if request.method == "GET":
            return await self._questions.answer(request, subscription)
        if subscription.state in FORMER:
            return self._refused(PushOutcome.UNWANTED, 410)
        return await self._push(request, subscription)

    async def _subscription(self, callback: str) -> Subscription | None:
        async with self._database.read() as tx:
            return await websub.at_callback(tx, callback)

    async def _push(self, request: web.Request, subscription: Subscription) -> web.StreamResponse:
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            return self._refused(PushOutcome.BROKEN_OFF, 415)
        if not self._may_read(subscription.callback):
            return web.Response(status=503, headers={"Retry-After": "10"})
        self._reading[subscription.callback] = self._reading.get(subscription.callback, 0) + 1
        try:
            return await self._read(request, subscription)
        finally:
            self._reading[subscription.callback] -= 1
            if not self._reading[subscription.callback]:
                del self._reading[subscription.callback]

    def _may_read(self, callback: str) -> bool:
        """Whether there is room for another body: a hostile hub must not fill the memory."""
        mine, all_of_them = self._reading.get(callback, 0), sum(self._reading.values())
        return mine < _BODIES_OF_ONE and all_of_them < _BODIES_AT_ONCE

    async def _read(self, request: web.Request, subscription: Subscription) -> web.StreamResponse:
        try:
            async with asyncio.timeout(self._limits.total.total_seconds()):
                body = await self._body(request)
        except (TimeoutError, ConnectionError, web.RequestPayloadError, HttpProcessingError):
            return self._refused(PushOutcome.BROKEN_OFF, 408)
        if body is None:
            return self._refused(PushOutcome.TOO_LARGE, 413)
        match check(request.headers.get("X-Hub-Signature"), subscription.secret, body):
            case Signed.GENUINE:
                return await self._genuine(request, subscription, body)
            case Signed.UNSIGNED:
                return self._ignored(subscription, PushOutcome.UNSIGNED)
            case Signed.FORGED:
                return self._ignored(subscription, PushOutcome.FORGED)
            case never:
                assert_never(never)

    async def _body(self, request: web.Request) -> bytes | None:
        """The body, or None as soon as it is too long."""
        if (request.content_length or 0) > self._limits.max_bytes:
            return None
        body = bytearray()
        async for chunk in request.content.iter_chunked(_CHUNK):
            body += chunk
            if len(body) > self._limits.max_bytes:
                return None
        return bytes(body)

    async def _genuine(
        self, request: web.Request, subscription: Subscription, body: bytes
    ) -> web.StreamResponse:
        feed = await self._feed(subscription.feed_id)
        if feed is None:
            return self._refused(PushOutcome.UNWANTED, 410)
        push = Push(subscription, feed, body, request.headers.get("Content-Type"))
        await (self._pushes.accept(push) if body.strip() else self._pushes.ping(push))
        return web.Response(status=202)

    async def _feed(self, feed_id: str) -> FeedSpec | None:
        async with self._database.read() as tx:
            stored = await written.item(tx, Kind.FEEDS, feed_id)
        return None if stored is None else FeedSpec.model_validate(dict(stored.spec))

    def _ignored(self, subscription: Subscription, outcome: PushOutcome) -> web.StreamResponse:
        # 2xx all the same (WebSub, 7.1.2): who guesses at the signature learns nothing.
        log.warning("push ignored", feed=subscription.feed_id, reason=outcome.value)
        self._metrics.websub_pushes.labels(outcome.value).inc()
        return web.Response(status=202)

    def _refused(self, outcome: PushOutcome, status: int) -> web.StreamResponse:
        self._metrics.websub_pushes.labels(outcome.value).inc()
        return web.Response(status=status, headers=NO_PAGE)
