"""Asking a hub to push, or to stop.

A hub's address comes from a feed, so it is a stranger's: the session's socket guard decides
what may be opened, and redirects are followed as for feeds. What the answer means is
`plan`'s decision.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

import aiohttp

from services.poller.addresses import NotFetchable, redirect_target, web_address
from services.poller.replies import parse_retry_after
from services.poller.text import clean_title
from services.poller.websub.plan import LEASE_ASKED, Accepted, AskedToWait, HubAnswer, Refused
from services.runtime.netguard import refusal_in
from services.runtime.redact import without
from services.store.websub import HubState, Subscription

_CONNECT = timedelta(seconds=10)
_TOTAL = timedelta(seconds=30)
_MOST_REDIRECTS = 3
_REDIRECTS = frozenset((307, 308))  # WebSub, section 5.1.2; others would turn it into a GET
_WAITS = frozenset((429, 503))
_LONGEST_REASON = 500  # bytes of an error page that are read
SEGMENT = "websub"


@dataclass(frozen=True, slots=True)
class _Question:
    session: aiohttp.ClientSession
    form: dict[str, str]
    now: datetime


async def ask(
    session: aiohttp.ClientSession, subscription: Subscription, now: datetime
) -> HubAnswer:
    """Ask a subscription's hub for what its state wants; never raises for what a hub does."""
    question = _Question(session, _form(subscription), now)
    try:
        async with asyncio.timeout(_TOTAL.total_seconds()):
            answer = await _follow(question, subscription.hub)
    except TimeoutError:
        return Refused(f"no complete answer within {_TOTAL.total_seconds():g} s")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return Refused(_why(error))
    return Refused(told(answer.detail, subscription)) if isinstance(answer, Refused) else answer


def told(text: str, subscription: Subscription) -> str:
    """What a hub says, without the names that prove a request to be the hub's: hubs repeat
    the callback that they could not reach."""
    return without(text, (subscription.callback, subscription.secret))


def callback_url(base: str, callback: str) -> str:
    """Where a hub reaches a subscription."""
    return f"{base.rstrip('/')}/{SEGMENT}/{callback}"


def _form(subscription: Subscription) -> dict[str, str]:
    form = {
        "hub.callback": callback_url(subscription.base, subscription.callback),
        "hub.topic": subscription.topic,
    }
    if subscription.state is HubState.LEAVING:
        return form | {"hub.mode": "unsubscribe"}
    return form | {
        "hub.mode": "subscribe",
        "hub.lease_seconds": str(int(LEASE_ASKED.total_seconds())),
        # Also where the hub has no https, though WebSub advises against it: who can read it
        # there can read the callback too, and others are still kept out.
        "hub.secret": subscription.secret,
    }


async def _follow(question: _Question, hub: str) -> HubAnswer:
    here = web_address(hub)
    for _ in range(_MOST_REDIRECTS + 1):
        if isinstance(here, NotFetchable):
            return Refused(here.detail)
        async with question.session.post(
            here,
            data=question.form,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT.total_seconds()),
        ) as response:
            if response.status not in _REDIRECTS:
                return await _answer(question, response)
            here = redirect_target(response.url, response.headers.get("Location", ""))
    return Refused(f"more than {_MOST_REDIRECTS} redirects")


async def _answer(question: _Question, response: aiohttp.ClientResponse) -> HubAnswer:
    # 202 is what WebSub wants; hubs of its predecessor say 204 once they have verified.
    if 200 <= response.status < 300:
        return Accepted()
    if response.status in _WAITS:
        return AskedToWait(parse_retry_after(response.headers.get("Retry-After"), question.now))
    said = (await response.content.read(_LONGEST_REASON)).decode("utf-8", "replace")
    reason = clean_title(said) if "text/plain" in response.content_type else ""
    detail = f"answered {response.status}" + (f": {reason}" if reason else "")
    return Refused(detail)


def _why(error: Exception) -> str:
    """Why there was no answer, without the hub's address: it may hold a secret of the feed's."""
    if not isinstance(error, aiohttp.ClientConnectorError):
        return type(error).__name__
    refused = refusal_in(error.os_error)
    return refused.reason if refused else f"{type(error).__name__}: {error.os_error}"
