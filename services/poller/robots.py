"""Whether a site lets us read an article's page: its robots.txt (RFC 9309).

Decides which rules are in force for a host and for how long. Feeds are not asked about: an
operator named them, and a feed is published for programs. `Crawl-delay` is no part of the RFC
and is not kept: a host is read over two connections at most, and only what is new on it; the
delays that sites write for search engines would hold an alert back for minutes.
"""

import asyncio
import re
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never
from weakref import WeakValueDictionary

import aiohttp
import structlog
from protego import Protego
from yarl import URL

from services.poller.addresses import NotFetchable, web_address
from services.poller.credentials import OPEN, Access
from services.poller.fetch import FetchLimits, fetch
from services.poller.replies import Fetched, FetchFailed, FetchReason, FetchResult, NotModified
from services.runtime.clock import Clock

log = structlog.get_logger()

AGENT = "Wirewatch"
_MAX_BYTES = 512_000  # what the RFC asks to be read at least
_GOOD_FOR = timedelta(hours=24)
# Ends before the page is tried again, which is after a minute for the first time.
_UNREACHABLE_FOR = timedelta(seconds=45)
_GIVEN_UP_AFTER = timedelta(days=30)  # RFC 9309, 2.3.1.4: then as if there were none
_AGENT_LINE = re.compile(r"^\s*user(?:-|\s+)?agent(?:\s*:|\s)([^#]*)", re.IGNORECASE)
_SOMEBODY = "somebody-else"
_UNREACHABLE = frozenset(
    {
        FetchReason.UNREACHABLE,
        FetchReason.TLS,
        FetchReason.TIMED_OUT,
        FetchReason.TOO_LARGE,
        FetchReason.RATE_LIMITED,
    }
)


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one host; no `checker` allows everything."""

    until: datetime
    checker: Protego | None = None
    size: int = 0  # bytes of the text they were read from
    unreachable: FetchReason | None = None  # then nothing is allowed
    failing_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Disallowed:
    """The page is not to be read."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody knows for now whether the page may be read, because robots.txt cannot be."""

    reason: FetchReason


def rules_from(answer: FetchResult, before: Rules | None, now: datetime) -> Rules:
    """The rules that follow from what a host answered; `before` were in force until now."""
    match answer:
        case Fetched(body=body):
            text = body[:_MAX_BYTES].decode("utf-8-sig", "replace")
            return Rules(now + _GOOD_FOR, Protego.parse(with_few_agents(text)), len(text))
        case FetchFailed() if _is_unreachable(answer):
            return _unreachable(answer.reason, before, now)
        case FetchFailed() | NotModified():
            return Rules(now + _GOOD_FOR)
        case _:
            assert_never(answer)


def with_few_agents(text: str) -> str:
    """A robots.txt in which all agents are one that cannot be us.

    Protego keeps a copy of a rule for each agent of its group: of half a megabyte of both that
    would be gigabytes, and minutes in which nothing else is polled.
    """
    return "\n".join(_AGENT_LINE.sub(_few, line, count=1) for line in text.splitlines())


def _few(found: re.Match[str]) -> str:
    value = found[1].strip().lower()
    name = value if value == "*" else value.replace("*", "")
    if not value:
        return found[0]
    return f"User-agent: {name if name == '*' or _may_be_us(name) else _SOMEBODY}"


def _may_be_us(name: str) -> bool:
    return bool(name) and AGENT.lower().startswith(name)


def _is_unreachable(failed: FetchFailed) -> bool:
    # The other failures are those of 4xx and of redirects that lead nowhere.
    return failed.reason in _UNREACHABLE or (failed.status or 0) >= 500


def _unreachable(reason: FetchReason, before: Rules | None, now: datetime) -> Rules:
    since = (before.failing_since if before else None) or now
    if now - since >= _GIVEN_UP_AFTER:
        return Rules(now + _UNREACHABLE_FOR, failing_since=since)
    if before is not None and before.unreachable is None:
        return replace(before, until=now + _UNREACHABLE_FOR, failing_since=since)
    return Rules(now + _UNREACHABLE_FOR, unreachable=reason, failing_since=since)


class Robots:
    """The robots.txt of the hosts whose pages are read, asked for once a day each."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        limits: FetchLimits,
        clock: Clock,
        most_bytes: int = 20_000_000,
    ) -> None:
        self._session = session
        self._limits = limits
        self._clock = clock
        self._most_bytes = most_bytes
        self._known: OrderedDict[URL, Rules] = OrderedDict()
        self._bytes = 0
        self._asking: WeakValueDictionary[URL, asyncio.Lock] = WeakValueDictionary()

    async def refusal(self, url: str, access: Access = OPEN) -> Disallowed | Unknown | None:
        """None if the page at `url` may be read; asked for the way that the page would be."""
        page = web_address(url)
        if isinstance(page, NotFetchable):
            return None  # fetching will say why
        rules = await self._rules(page.origin(), access.way())
        if rules.unreachable is not None:
            return Unknown(rules.unreachable)
        if rules.checker is None or rules.checker.can_fetch(str(page), AGENT):
            return None
        return Disallowed()

    async def _rules(self, host: URL, way: Access) -> Rules:
        async with self._asking.setdefault(host, asyncio.Lock()):
            before, now = self._known.get(host), self._clock()
            if before is not None and now < before.until:
                self._known.move_to_end(host)
                return before
            address = str(host / "robots.txt")
            answer = await fetch(self._session, address, now, self._limits, access=way)
            rules = rules_from(answer, before, now)
            if isinstance(answer, FetchFailed) and rules.failing_since is not None:
                log.warning("robots.txt not read", host=host.host, reason=answer.reason.value)
            self._keep(host, rules)
            return rules

    def _keep(self, host: URL, rules: Rules) -> None:
        """Keep the rules, and forget those that were not needed for longest."""
        self._forget(host)
        self._known[host] = rules
        self._bytes += _weight(rules)
        while self._bytes > self._most_bytes and len(self._known) > 1:
            self._forget(next(iter(self._known)))

    def _forget(self, host: URL) -> None:
        rules = self._known.pop(host, None)
        self._bytes -= _weight(rules) if rules is not None else 0


def _weight(rules: Rules) -> int:
    return 1_000 + 4 * rules.size  # what the parsed rules take beside their text
