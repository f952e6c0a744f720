"""Slack through an incoming webhook.

Decides what Slack's answers mean. Leaves the payload to `render`, and when to try again to
the sender. The webhook's URL is the secret: whoever has it can post.
"""

import asyncio
import re
from collections.abc import Mapping
from contextlib import nullcontext
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import structlog
from slack_sdk.webhook.async_client import AsyncWebhookClient
from slack_sdk.webhook.webhook_response import WebhookResponse

from schemas.folder import SlackSpec
from services.notifier.actions.signed import NO_LINKS, Links
from services.notifier.channels.detail import detail, lacks
from services.notifier.channels.pauses import retry_after
from services.notifier.channels.port import ATTEMPT_TIMEOUT, NOTHING_BEFORE, Before
from services.notifier.channels.slack_connection import (
    SlackConnection,
    lost,
    not_heard_of_in,
    silent_logger,
)
from services.notifier.links import host_of
from services.notifier.message import AnyMessage
from services.notifier.outcome import Delivered, GaveUp, Outcome, Reason, TryLater
from services.notifier.render import offers_for, render_slack
from services.runtime.netguard import NOTHING_PRIVATE, Networks, opening_a_proxy
from services.runtime.secrets import MissingSecret, resolve

log = structlog.get_logger()

# Slack answers 403 when an administrator forbids the webhook, 404 when somebody deletes
# it or its channel, 410 when the channel is archived (api.slack.com/changelog,
# 2016-05-17). None of it is the message's fault: whoever mends the channel wants the
# alerts of meanwhile, too.
_CHANNEL_IS_BROKEN = frozenset({401, 403, 404, 405, 410})
_CHANNEL_ERRORS = frozenset({"invalid_token", "no_service", "no_team", "user_not_found"})
_A_WORD_OF_SLACKS = re.compile(r"[a-z_]+")  # such as invalid_payload
_NO_WEBHOOK = TryLater(Reason.BAD_CREDENTIALS, None, "the secret is not the https URL of a webhook")


class SlackChannel:
    """Posts to the webhook that `spec` refers to; see `Channel`."""

    def __init__(
        self,
        spec: SlackSpec,
        env: Mapping[str, str],
        timeout: float = ATTEMPT_TIMEOUT,
        allowed: Networks = NOTHING_PRIVATE,
        links: Links = NO_LINKS,
    ) -> None:
        self._spec = spec
        self._env = env
        self._timeout = timeout
        self._links = links
        self._connection = SlackConnection(timeout, allowed)

    async def send(
        self, message: AnyMessage, now: datetime, before: Before = NOTHING_BEFORE
    ) -> Outcome:
        """Post one alert; a payload that Slack cannot read is posted again as plain text."""
        assert self._spec.webhook_url is not None
        url = resolve(self._spec.webhook_url, self._env)
        if isinstance(url, MissingSecret):
            return lacks(url)
        if host_of(url) is None:
            return _NO_WEBHOOK
        try:
            async with asyncio.timeout(self._timeout):
                payload = render_slack(message, now, offers_for(message, self._links))
                return await self._post_or_simplify(url, payload, now)
        except TimeoutError:
            return not_heard_of_in(self._timeout)

    async def close(self) -> None:
        """Close the connections."""
        await self._connection.close()

    async def _post_or_simplify(self, url: str, payload: dict[str, Any], now: datetime) -> Outcome:
        outcome = await self._post(url, payload, now)
        if not isinstance(outcome, GaveUp):
            return outcome
        log.warning("Slack cannot read a payload", channel=self._spec.id, detail=outcome.detail)
        plain = {key: payload[key] for key in ("text", "unfurl_links", "unfurl_media")}
        return await self._post(url, plain, now)

    async def _post(self, url: str, payload: dict[str, Any], now: datetime) -> Outcome:
        try:
            client = self._client(url)
            # The SDK takes a proxy from the environment, where the operator named it.
            with opening_a_proxy() if client.proxy else nullcontext():
                response = await client.send_dict(payload)
        except TimeoutError:  # also a kind of OSError; `send` names it
            raise
        except aiohttp.InvalidURL:
            return _NO_WEBHOOK
        except (aiohttp.ClientError, OSError) as error:
            return lost(error, _secrets_in(url))
        except UnicodeDecodeError:
            return TryLater(Reason.SERVER_ERROR, None, "an answer that is no text; not Slack")
        return outcome_of(response, url, now)

    def _client(self, url: str) -> AsyncWebhookClient:
        return AsyncWebhookClient(
            url, session=self._connection.session(), retry_handlers=[], logger=silent_logger()
        )


def outcome_of(response: WebhookResponse, url: str, now: datetime) -> Outcome:
    """What Slack's answer means. PURE."""
    status, said = response.status_code, response.body.strip()
    told = detail(f"Slack answered {status} {said}".strip(), _secrets_in(url))
    after = retry_after(response.headers.get("Retry-After"), now)
    if status == 200 and said == "ok":
        return Delivered("ok")
    if status == 429:
        return TryLater(Reason.RATE_LIMITED, after, told)
    if status in _CHANNEL_IS_BROKEN or said in _CHANNEL_ERRORS:
        return TryLater(Reason.BAD_CREDENTIALS, None, told)
    if 400 <= status < 500 and status != 408 and _A_WORD_OF_SLACKS.fullmatch(said):
        return GaveUp(Reason.INVALID_MESSAGE, told)
    # 5xx, and an answer that is not Slack's: a portal or a proxy on the way.
    return TryLater(Reason.SERVER_ERROR, after, told)


def _secrets_in(url: str) -> tuple[str, ...]:
    parts = urlsplit(url)
    return (url, parts.path, *(part for part in parts.path.split("/") if len(part) > 7))
