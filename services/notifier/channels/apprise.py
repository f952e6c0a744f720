"""Any service that Apprise knows: ntfy, Telegram, Discord, Matrix and a hundred others.

Decides what an answer means. Leaves the text to `render`, an attempt to `apprise_service`, and
when to try again to the sender. The URL is the secret: keys and passwords stand in it.
"""

import asyncio
import re
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from urllib.parse import unquote

from schemas.channels import AppriseSpec
from services.notifier.actions.signed import NO_LINKS, Links
from services.notifier.channels.apprise_service import Attempt, NoServiceError, attempt
from services.notifier.channels.detail import detail, lacks
from services.notifier.channels.port import ATTEMPT_TIMEOUT, NOTHING_BEFORE, Before
from services.notifier.message import AnyMessage
from services.notifier.outcome import Delivered, Outcome, Reason, TryLater
from services.notifier.render import RenderedText, Room, offers_for, render_apprise
from services.runtime.netguard import NOTHING_PRIVATE, Networks
from services.runtime.redact import spellings_of
from services.runtime.secrets import MissingSecret, place_of, resolve

_AT_A_TIME = 4
_BETWEEN_PARTS = re.compile(r"[/:@?&=#,;+]+")
_HOST = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+")
# Every service's warning has the HTTP status, where it got one.
_STATUS = re.compile(r"\berror[=: ]+(\d{3})\b")
_NO_CONNECTION = re.compile(r"\bconnect", re.IGNORECASE)
_CHANNEL_IS_BROKEN = frozenset({401, 403, 404, 405, 410})


class AppriseChannel:
    """Sends through the service of `spec`; see `Channel`."""

    def __init__(
        self,
        spec: AppriseSpec,
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
        self._threads = ThreadPoolExecutor(_AT_A_TIME, thread_name_prefix="apprise-channel")

    async def send(
        self, message: AnyMessage, now: datetime, before: Before = NOTHING_BEFORE
    ) -> Outcome:
        """Send one message; services know no repeats, so one after a lost answer comes twice."""
        url = resolve(self._spec.url, self._env)
        if isinstance(url, MissingSecret):
            return lacks(url)
        offers = offers_for(message, self._links)

        def render(room: Room) -> RenderedText:
            return render_apprise(message, now, room, offers)

        try:
            async with asyncio.timeout(self._timeout):
                made = await self._in_a_thread(partial(attempt, url, render, self._allowed))
        except TimeoutError:
            told = f"no answer within {self._timeout:g} s"
            return TryLater(Reason.TIMED_OUT, None, told, uncertain=True)
        except NoServiceError:
            return _no_service(place_of(self._spec.url))
        return outcome_of(made, secrets_in(url))

    async def close(self) -> None:
        """Begin nothing more; an attempt that hangs ends by Apprise's own time-out."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _in_a_thread(self, work: Callable[[], Attempt]) -> Attempt:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def outcome_of(made: Attempt, secrets: Collection[str]) -> Outcome:
    """What an attempt means, as far as its warnings tell. PURE."""
    if made.accepted:
        return Delivered("accepted")
    said = "; ".join(filter(None, (*made.refusals, made.log)))
    told = detail(said or "the service did not take it, and Apprise does not say why", secrets)
    if made.refusals:
        return TryLater(Reason.UNREACHABLE, None, told)
    reason = _reason(made.log)
    lost = reason in {Reason.UNREACHABLE, Reason.SERVER_ERROR}
    return TryLater(reason, None, told, uncertain=lost)


def _reason(log: str) -> Reason:
    statuses = [int(status) for status in _STATUS.findall(log)]
    if not statuses:
        return Reason.UNREACHABLE if _NO_CONNECTION.search(log) else Reason.SERVER_ERROR
    status = statuses[-1]
    if status in _CHANNEL_IS_BROKEN:
        return Reason.BAD_CREDENTIALS
    if status == 429:
        return Reason.RATE_LIMITED
    return Reason.REFUSED if 400 <= status < 500 else Reason.SERVER_ERROR


def secrets_in(url: str) -> frozenset[str]:
    """All parts of an Apprise URL in every spelling, but for a host that is a name with dots.

    Any of them may be a key: services disagree on where they stand. PURE.
    """
    parts = _BETWEEN_PARTS.split(url.partition("://")[2])
    kept = [part for part in parts if not _HOST.fullmatch(part)]
    return spellings_of((url, *kept, *map(unquote, kept)))


def _no_service(place: str) -> TryLater:
    told = (
        f"{place} holds no URL that Apprise can use: a wrong form, or a service that needs a "
        "package that is not installed; the forms are at https://appriseit.com/services/"
    )
    return TryLater(Reason.BAD_CREDENTIALS, None, told)
