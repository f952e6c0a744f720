"""A webhook: events as JSON, signed as Standard Webhooks says, posted to an address.

Decides what the receiver's answers mean. Leaves the event to `render`, its signature to
`webhook_signing`, and when to try again to the sender.

Nothing but a 2xx is a yes. Redirects are not followed: a signed event goes where the operator
sent it, and nowhere else.
"""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL

from schemas.channels import WebhookSpec
from schemas.written import SecretRef, check_http_url
from services.notifier.actions.signed import NO_LINKS, Links
from services.notifier.channels.detail import detail, lacks, parts_of
from services.notifier.channels.pauses import retry_after
from services.notifier.channels.port import ATTEMPT_TIMEOUT, NOTHING_BEFORE, Before
from services.notifier.channels.webhook_signing import WAY_OUT, keys_in, signed_headers
from services.notifier.message import AlertMessage, AnyMessage
from services.notifier.outcome import Delivered, GaveUp, Outcome, Reason, TryLater
from services.notifier.render import offers_for, render_webhook
from services.runtime.netguard import (
    NOTHING_PRIVATE,
    Networks,
    Refused,
    guarded_sockets,
    host_verdict,
    opening_a_proxy,
)
from services.runtime.secrets import MissingSecret, place_of, resolve

LONGEST_ANSWER = 2_000
"""Bytes of an answer that are read: enough to tell an operator what the receiver minds."""

# The address is wrong, or the receiver does not know us: whoever mends the channel wants the
# events of meanwhile, too. 410 asks to be told nothing more (Standard Webhooks).
_CHANNEL_IS_BROKEN = frozenset({401, 403, 404, 405, 407, 410})
_PASSES = frozenset({408, 425})
_TOO_LARGE = 413


@dataclass(frozen=True, slots=True, repr=False)
class _Target:
    """Where to post, and with which keys; `secrets` are what nobody may read of it."""

    url: str
    keys: Sequence[bytes]
    secrets: Sequence[str]


class WebhookChannel:
    """Posts to the address of `spec`; see `Channel`."""

    def __init__(
        self,
        spec: WebhookSpec,
        env: Mapping[str, str],
        timeout: float = ATTEMPT_TIMEOUT,
        allowed: Networks = NOTHING_PRIVATE,
        links: Links = NO_LINKS,
    ) -> None:
        self._spec = spec
        self._env = env
        self._timeout = timeout
        self._allowed = allowed
        self._links = links
        self._session: aiohttp.ClientSession | None = None

    async def send(
        self, message: AnyMessage, now: datetime, before: Before = NOTHING_BEFORE
    ) -> Outcome:
        """Post one event. A repeat has the same webhook-id, by which a receiver knows it."""
        target = self._target()
        if not isinstance(target, _Target):
            return target
        body = render_webhook(message, now, offers_for(message, self._links)).encode()
        headers = signed_headers(target.keys, event_id(message), now, body)
        try:
            async with asyncio.timeout(self._timeout):
                return await self._post(target, body, headers, now)
        except TimeoutError:
            told = f"no answer within {self._timeout:g} s"
            return TryLater(Reason.TIMED_OUT, None, told, uncertain=True)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    def _target(self) -> "_Target | TryLater":
        url, place = self._spec.url, "the url"
        if isinstance(url, SecretRef):
            place, found = place_of(url), resolve(url, self._env)
            if isinstance(found, MissingSecret):
                return lacks(found)
            url = found
        secret = resolve(self._spec.secret, self._env)
        if isinstance(secret, MissingSecret):
            return lacks(secret)
        try:
            check_http_url(url)
            _ = URL(url)  # which minds a port that is none
        except ValueError as error:
            return _cannot_send(f"{place}: {error}")
        keys = keys_in(secret)
        if keys is None:
            return _cannot_send(f"{place_of(self._spec.secret)} is no signing secret; {WAY_OUT}")
        return _Target(url, keys, (*parts_of(url), *_forms_of(secret, keys)))

    async def _post(
        self, target: _Target, body: bytes, signed: Mapping[str, str], now: datetime
    ) -> Outcome:
        proxy = _proxy_for(target.url)
        refused = host_verdict(URL(target.url).host or "", self._allowed) if proxy else None
        if isinstance(refused, Refused):  # a proxy opens the address, and guards nothing
            return TryLater(Reason.UNREACHABLE, None, detail(refused.reason, target.secrets))
        try:
            with opening_a_proxy() if proxy else nullcontext():
                return await self._exchange(target, body, {**_HEADERS, **signed}, proxy, now)
        except TimeoutError:  # also a kind of OSError; `send` names it
            raise
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError):
            return _cannot_send("the url is not one that can be posted to")
        except (aiohttp.ClientError, OSError) as error:
            lost = not isinstance(error, aiohttp.ClientConnectorError)
            told = detail(str(error), target.secrets)
            return TryLater(Reason.UNREACHABLE, None, told, uncertain=lost)

    async def _exchange(
        self,
        target: _Target,
        body: bytes,
        headers: Mapping[str, str],
        proxy: str | None,
        now: datetime,
    ) -> Outcome:
        session = self._opened()
        async with session.post(
            URL(target.url), data=body, headers=headers, proxy=proxy, allow_redirects=False
        ) as response:
            if 200 <= response.status < 300:
                # Whatever follows: a body that is cut off or never comes makes a yes no maybe.
                return Delivered(str(response.status))
            said = await response.content.read(LONGEST_ANSWER)
            after = response.headers.get("Retry-After")
            told = f"the receiver answered {response.status} {said.decode(errors='replace')}"
            return outcome_of(response.status, detail(told, target.secrets), after, now)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(socket_factory=guarded_sockets(self._allowed)),
                timeout=aiohttp.ClientTimeout(total=self._timeout),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,  # a few bytes may become gigabytes
                trust_env=False,
            )
        return self._session


_HEADERS = {
    "Content-Type": "application/json",
    "User-Agent": "Wirewatch",
    "Accept-Encoding": "identity",
}


def event_id(message: AnyMessage) -> str:
    """The webhook-id: the delivery's; of an update, one for each thing that it says anew."""
    if not (isinstance(message, AlertMessage) and message.update):
        return message.delivery_id
    said = ";".join(f"{o.source},{o.url},{o.seen_at}" for o in message.others)
    digest = hashlib.sha256(f"{said};{message.others_left_out}".encode(errors="replace"))
    return f"{message.delivery_id}.{digest.hexdigest()[:12]}"


def outcome_of(status: int, told: str, after: str | None, now: datetime) -> Outcome:
    """What an answer means; `told` is fit for an operator, `after` its Retry-After. PURE."""
    if 200 <= status < 300:
        return Delivered(str(status))
    if 300 <= status < 400:
        return _cannot_send(f"{told}; redirects are not followed: write the final address")
    if status in _CHANNEL_IS_BROKEN:
        return _cannot_send(told)
    if status == _TOO_LARGE:
        return GaveUp(Reason.INVALID_MESSAGE, told)
    return TryLater(_reason(status), retry_after(after, now), told, uncertain=status >= 500)


def _reason(status: int) -> Reason:
    if status == 429:
        return Reason.RATE_LIMITED
    # Mostly a receiver that verifies with another secret, or has a bug: both are mended, and
    # then it takes what it refused.
    is_refusal = 400 <= status < 500 and status not in _PASSES
    return Reason.REFUSED if is_refusal else Reason.SERVER_ERROR


def _cannot_send(why: str) -> TryLater:
    return TryLater(Reason.BAD_CREDENTIALS, None, why)


def _forms_of(secret: str, keys: Sequence[bytes]) -> tuple[str, ...]:
    written = secret.split()
    bare = (one.removeprefix("whsec_").rstrip("=") for one in written)
    return (secret, *written, *bare, *(key.decode(errors="replace") for key in keys))


def _proxy_for(url: str) -> str | None:
    """The proxy that the environment names for an address."""
    parts = URL(url)
    proxies = getproxies()
    return None if proxy_bypass(parts.host or "") else proxies.get(parts.scheme)
