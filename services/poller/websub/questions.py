"""What a hub gets to hear that asks whether we meant it, or says that it will not push.

What is confirmed is `plan`'s decision. It is answered first and recorded then: should the
process die in between, the hub pushes and we ask once more. The other way round we would
wait for pushes that never come.
"""

import random
import re
from collections.abc import Callable
from datetime import timedelta

import structlog
from aiohttp import web
from multidict import MultiMapping

from services.poller.text import clean_title
from services.poller.websub import plan
from services.poller.websub.book import Book
from services.poller.websub.counted import Answer
from services.poller.websub.hub import told
from services.runtime.clock import Clock
from services.runtime.dependency import DependencyUnavailableError
from services.runtime.metrics import Metrics
from services.store import websub
from services.store.database import Database
from services.store.websub import Subscription

log = structlog.get_logger()

# What is echoed must never be taken for a page: WebSub, section 8.2.
NO_PAGE = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'"}
_CHALLENGE = re.compile(r"[\x21-\x7e]{1,1000}")  # WebSub, section 5.3, and a little more
_TRIES_TO_RECORD = 5
_LONGEST_REASON = 200

Decide = Callable[[Subscription], Subscription]


class Questions:
    """Answers the questions of hubs."""

    def __init__(self, database: Database, book: Book, metrics: Metrics, clock: Clock) -> None:
        self._database = database
        self._book = book
        self._metrics = metrics
        self._clock = clock

    async def answer(self, request: web.Request, subscription: Subscription) -> web.StreamResponse:
        """Answer a GET to a subscription's callback. Raises DatabaseUnavailableError."""
        asked = request.query
        mode, topic = asked.get("hub.mode", ""), asked.get("hub.topic", "")
        if mode == "denied" and topic == subscription.topic:
            return await self._denial(subscription, asked)
        challenge = asked.get("hub.challenge", "")
        meant = plan.confirms(subscription, mode, topic) and _CHALLENGE.fullmatch(challenge)
        self._metrics.websub_questions.labels(
            (Answer.CONFIRMED if meant else Answer.NOT_MEANT).value
        ).inc()
        if not meant:
            log.warning("a hub asks for what was not asked of it", feed=subscription.feed_id)
            return web.Response(status=404, headers=NO_PAGE)
        reply = web.Response(text=challenge, content_type="text/plain", headers=NO_PAGE)
        await reply.prepare(request)
        await reply.write_eof()
        if mode == "subscribe":
            await self._verified(subscription, plan.lease(asked.get("hub.lease_seconds")))
        return reply

    async def _verified(self, asked: Subscription, lease: timedelta | None) -> None:
        now, jitter = self._clock(), random.uniform(-1, 1)
        try:
            after = await self._record(
                asked, lambda before: plan.verified(before, lease, now, jitter)
            )
        except DependencyUnavailableError as error:
            log.warning("verified but not recorded; it is asked again", error=str(error))
            return
        if after is not None:
            log.info("hub pushes", feed=after.feed_id, until=str(after.lease_until))

    async def _denial(
        self, subscription: Subscription, asked: MultiMapping[str]
    ) -> web.StreamResponse:
        # Cut first: a stranger must not choose how much work the rest is.
        said = clean_title(asked.get("hub.reason", "")[: 5 * _LONGEST_REASON])
        now = self._clock()
        reason = told(said, subscription)[:_LONGEST_REASON]
        self._metrics.websub_questions.labels(Answer.DENIAL.value).inc()
        await self._record(subscription, lambda before: plan.denied(before, reason, now))
        log.warning("a hub denies to push", feed=subscription.feed_id, reason=reason)
        return web.Response(status=200, headers=NO_PAGE)

    async def _record(self, seen: Subscription, decide: Decide) -> Subscription | None:
        """Store what is decided of the subscription as it is now; others may change it too."""
        for _ in range(_TRIES_TO_RECORD):
            async with self._database.write() as tx:
                before = await websub.at_callback(tx, seen.callback)
                if before is None:
                    return None
                after = decide(before)
                if after == before or await websub.change(tx, before, after):
                    self._book.touch()
                    return after
        return None
