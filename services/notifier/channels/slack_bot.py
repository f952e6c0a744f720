"""Slack through a bot's token: messages that are changed later, a thread for each story.

Decides which calls an attempt makes: an alert of a story that was told goes into its thread,
an update changes the message that told it, and before a message is sent again that may have
arrived, the channel is searched for it. Leaves the payload to `render`, what Slack's errors
mean to `slack_answers`, and when to try again to the sender.
"""

import asyncio
from collections.abc import Mapping
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from schemas.folder import SlackSpec
from services.notifier.actions.signed import NO_LINKS, Links
from services.notifier.channels.detail import lacks
from services.notifier.channels.port import ATTEMPT_TIMEOUT, NOTHING_BEFORE, Before
from services.notifier.channels.slack_answers import Refusal, refusal_of
from services.notifier.channels.slack_connection import (
    SlackConnection,
    lost,
    not_heard_of_in,
    silent_logger,
)
from services.notifier.channels.slack_receipt import Place, is_channel_id, place_of
from services.notifier.message import AlertMessage, AnyMessage
from services.notifier.outcome import Delivered, Outcome, Reason, TryLater
from services.notifier.render import offers_for, render_slack, render_slack_reply
from services.runtime.netguard import NOTHING_PRIVATE, Networks, opening_a_proxy
from services.runtime.secrets import MissingSecret, resolve

log = structlog.get_logger()

Payload = dict[str, Any]
Data = Mapping[str, Any]

_NO_API = TryLater(Reason.BAD_CREDENTIALS, None, "api_url is not the address of Slack's API")
_NOT_SLACK = TryLater(Reason.SERVER_ERROR, None, "an answer that is not Slack's", uncertain=True)
_PAGES, _ON_A_PAGE = 5, 200  # of a channel are searched, the newest first
# Slack's clock and ours may disagree by so much.
_EARLIER = timedelta(minutes=5)


class SlackBotChannel:
    """Posts into the channel that `spec` names, as the bot whose token it refers to; see
    `Channel`. The receipt of a message is `CHANNEL:TS`."""

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
        # A name is enough for posting, but not for searching: Slack's answers tell the id.
        self._id = spec.channel if spec.channel and is_channel_id(spec.channel) else None

    async def send(
        self, message: AnyMessage, now: datetime, before: Before = NOTHING_BEFORE
    ) -> Outcome:
        """Post a message or change one; what Slack cannot read is sent again as plain text."""
        assert self._spec.token is not None
        token = resolve(self._spec.token, self._env)
        if isinstance(token, MissingSecret):
            return lacks(token)
        api = _Api(self._spec.api_url, token.strip(), self._connection, now)
        try:
            async with asyncio.timeout(self._timeout):
                if isinstance(message, AlertMessage) and message.update:
                    return await self._change(api, message, place_of(before.thread))
                return await self._tell(api, message, before)
        except TimeoutError:
            return not_heard_of_in(self._timeout)

    async def close(self) -> None:
        """Close the connections."""
        await self._connection.close()

    async def _tell(self, api: "_Api", message: AnyMessage, before: Before) -> Outcome:
        thread = self._thread(place_of(before.thread))
        if before.uncertain:
            found = await self._arrived(api, message, thread)
            if isinstance(found, Place):
                return Delivered(found.receipt)
            if isinstance(found, Refusal):
                return found.outcome
        payload = render_slack(message, api.now, offers_for(message, self._links))
        if thread is None:
            return await self._post(api, payload)
        # A reply alone tells nobody: only who takes part in a thread hears of it, and nobody
        # takes part in one that a bot began. A rule that is newly met is news to the channel.
        in_thread = {**payload, "thread_ts": thread.ts, "reply_broadcast": True}
        return await self._post(api, in_thread, thread)

    async def _arrived(
        self, api: "_Api", message: AnyMessage, thread: Place | None
    ) -> Place | Refusal | None:
        """Where an earlier attempt put the message, as far as the bot may look."""
        since, identity = _since(message), message.delivery_id
        found = await self._search(api, thread, since, identity)
        if isinstance(found, Refusal) and found.has_no_thread:
            found = await self._search(api, None, since, identity)
        if isinstance(found, Refusal) and found.is_lasting:
            log.warning("cannot look whether it has arrived", channel=self._spec.id)
            return None  # rather twice than never
        return found

    async def _change(self, api: "_Api", message: AlertMessage, original: Place | None) -> Outcome:
        if original is None:
            return Delivered("nothing to change: what it updates was not sent by this bot")
        # It keeps its identity, by which a retry of the alert finds it, and says when it was sent.
        message = message.model_copy(update={"delivery_id": message.updates or message.delivery_id})
        payload = render_slack(message, original.posted_at, offers_for(message, self._links))
        changed = await self._simplified(api, "chat.update", _at(original, payload))
        if not isinstance(changed, Refusal):
            return Delivered(original.receipt)
        if not changed.is_final_for_the_message:
            return changed.outcome
        return await self._reply(api, message, original)

    async def _reply(self, api: "_Api", message: AlertMessage, original: Place) -> Outcome:
        """One reply in the thread for all that is learnt, as the message cannot be changed."""
        payload = render_slack_reply(message)
        earlier = await self._search(api, original, _since(message), _identity(payload))
        if isinstance(earlier, Place):
            changed = await api.call("chat.update", _at(earlier, payload))
            if isinstance(changed, Refusal) and not changed.is_final_for_the_message:
                return changed.outcome
            return Delivered(earlier.receipt)
        if isinstance(earlier, Refusal) and not earlier.is_forbidden:
            return _gone() if earlier.has_no_thread else earlier.outcome
        arguments = {**payload, "channel": original.channel, "thread_ts": original.ts}
        posted = await self._simplified(api, "chat.postMessage", arguments)
        if isinstance(posted, Refusal):
            return _gone() if posted.has_no_thread else posted.outcome
        return Delivered(_place_in(posted).receipt)

    async def _post(self, api: "_Api", payload: Payload, thread: Place | None = None) -> Outcome:
        arguments = {**payload, "channel": self._spec.channel}
        posted = await self._simplified(api, "chat.postMessage", arguments)
        if isinstance(posted, Refusal) and thread is not None and posted.has_no_thread:
            for key in ("thread_ts", "reply_broadcast"):
                del arguments[key]
            posted = await self._simplified(api, "chat.postMessage", arguments)
        if isinstance(posted, Refusal):
            return posted.outcome
        place = _place_in(posted)
        self._id = place.channel or self._id
        return Delivered(place.receipt)

    async def _simplified(self, api: "_Api", method: str, arguments: Payload) -> Data | Refusal:
        """A call; where Slack cannot read the message, the same with its plain text alone."""
        answer = await api.call(method, arguments)
        if not (isinstance(answer, Refusal) and answer.is_unreadable):
            return answer
        log.warning("Slack cannot read a message", channel=self._spec.id, error=answer.error)
        plain = {k: v for k, v in arguments.items() if k != "blocks"}
        if "metadata" in answer.error:
            del plain["metadata"]
        return await api.call(method, plain)

    def _thread(self, first: Place | None) -> Place | None:
        """The story's first message, if it stands in the channel that is written into now."""
        if first is None or (self._id is not None and first.channel != self._id):
            return None
        self._id = first.channel
        return first

    async def _search(
        self, api: "_Api", thread: Place | None, since: datetime, identity: str
    ) -> Place | Refusal | None:
        """The message with this identity; None if it is not there, or cannot be looked for."""
        channel = thread.channel if thread else self._id
        if channel is None:
            return None
        arguments: Payload = {
            "channel": channel,
            "oldest": f"{(since - _EARLIER).timestamp():.6f}",
            "limit": _ON_A_PAGE,
            "include_all_metadata": True,
        }
        method = "conversations.history"
        if thread is not None:
            method, arguments = "conversations.replies", {**arguments, "ts": thread.ts}
        for _ in range(_PAGES):
            page = await api.call(method, arguments)
            if isinstance(page, Refusal):
                return page
            for one in page.get("messages", ()):
                if _identity(one) == identity:
                    return Place(channel, one["ts"])
            cursor = (page.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return None
            arguments = {**arguments, "cursor": cursor}
        return None


class _Api:
    """Calls of one attempt."""

    def __init__(self, url: str, token: str, connection: SlackConnection, now: datetime) -> None:
        self.now = now
        self._token = token
        self._client = AsyncWebClient(
            token=token,
            base_url=url,
            session=connection.session(),
            retry_handlers=[],
            logger=silent_logger(),
        )

    async def call(self, method: str, arguments: Payload) -> Data | Refusal:
        """Slack's answer. Raises TimeoutError."""
        reading = method.startswith("conversations.")
        how = {"http_verb": "GET", "params": arguments} if reading else {"json": arguments}
        try:
            # The SDK takes a proxy from the environment, where the operator named it.
            with opening_a_proxy() if self._client.proxy else nullcontext():
                answer = await self._client.api_call(method, **how)
        except TimeoutError:  # also a kind of OSError; `send` names it
            raise
        except SlackApiError as error:
            return self._refusal(error.response)
        except aiohttp.InvalidURL:
            return Refusal("", _NO_API)
        except (aiohttp.ClientError, OSError) as error:
            return Refusal("", lost(error, (self._token,)))
        except (AttributeError, UnicodeDecodeError):
            # The SDK stumbles over a body that is no object of JSON: a portal on the way.
            return Refusal("", _NOT_SLACK)
        return dict(answer.data) if isinstance(answer.data, dict) else {}

    def _refusal(self, response: Any) -> Refusal:
        # Where a body could not be read, the SDK hands over aiohttp's response instead.
        status = int(getattr(response, "status_code", 0) or getattr(response, "status", 0))
        data = getattr(response, "data", None)
        return refusal_of(status, data, response.headers, (self._token,), self.now)


def _since(message: AnyMessage) -> datetime:
    """Before this there was no such message."""
    return message.matched_at if isinstance(message, AlertMessage) else message.raised_at


def _at(place: Place, payload: Payload) -> Payload:
    kept = {k: v for k, v in payload.items() if not k.startswith("unfurl")}
    return {**kept, "channel": place.channel, "ts": place.ts}


def _identity(message: Data) -> str:
    """By which a message is found again."""
    said = (message.get("metadata") or {}).get("event_payload") or {}
    return str(said.get("delivery_id", ""))


def _place_in(answer: Data) -> Place:
    return Place(str(answer.get("channel", "")), str(answer.get("ts", "")))


def _gone() -> Delivered:
    # Whoever deleted it does not want to read more of it, and nobody is to be woken for that.
    return Delivered("nothing to change: the message was deleted")
