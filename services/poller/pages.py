"""Parsing and extraction in processes that can be killed.

Decides what happens when a document is too much for the parser: the process ends, the
caller gets a failure value, and the next document gets a new process. In threads the same
work would stall the event loop (p99 91 ms) and could not be stopped.
"""

import asyncio
import functools
import multiprocessing
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from datetime import timedelta
from types import TracebackType
from typing import Self, TypeVar

import structlog
from pebble import ProcessExpired, ProcessPool

from services.poller import text_process
from services.poller.extract import (
    Extracted,
    NoText,
    NoTextReason,
    extract_page,
    extract_simply,
)
from services.poller.language import language_of
from services.poller.parse import ParsedFeed, ParseFailed, ParseReason, parse_feed

log = structlog.get_logger()
_Value = TypeVar("_Value")
_Extract = Callable[[bytes, str | None, str], Extracted | NoText]
_LOOK_SECONDS = 0.5
_WARM_SECONDS = 60
_ATTEMPTS = 3
_SIMPLE_SECONDS = 4.0  # takes 6 ms on 95 % of pages, 0.9 s on hostile ones of 600 kB
_LANGUAGE_CHARACTERS = 3_000


class WorkersClosedError(Exception):
    """The workers were closed before the document was done; it says nothing about it."""


class TextWorkers:
    """A few processes that parse feeds and extract pages. Open with `async with`.

    A document waits for a free process without its deadline running. Every call returns
    a value: a document that crashes a process or runs past the deadline is a failure of
    that document and of no other. Only calls that `close` overtakes raise
    WorkersClosedError.
    """

    def __init__(
        self,
        workers: int = 2,
        page_deadline: timedelta = timedelta(seconds=5),
        feed_deadline: timedelta = timedelta(seconds=10),
    ) -> None:
        self._workers = workers
        self._page_seconds = page_deadline.total_seconds()
        self._feed_seconds = feed_deadline.total_seconds()
        self._pool: ProcessPool | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def start(self) -> None:
        """Start the processes; returns when the first is warm."""
        self._pool = _new_pool(self._workers)
        await self._attempt(text_process.warm, _WARM_SECONDS)

    async def close(self) -> None:
        """Stop the processes at once; none is left when this returns."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await asyncio.to_thread(_stop, pool)

    async def parse_feed(
        self, body: bytes, content_type: str | None, url: str
    ) -> ParsedFeed | ParseFailed:
        """`parse.parse_feed`, or why it did not come to an end."""
        work = functools.partial(parse_feed, body, content_type, url)
        try:
            return await self._run(work, self._feed_seconds)
        except TimeoutError:
            detail = f"not parsed within {self._feed_seconds:g} s"
            return ParseFailed(ParseReason.TIMED_OUT, detail)
        except _WorkerFailedError as error:
            return ParseFailed(ParseReason.CRASHED, str(error))

    async def extract_page(
        self, page: bytes, content_type: str | None, url: str
    ) -> Extracted | NoText:
        """`extract.extract_page`; if it comes to no end, `extract.extract_simply`; or why not.

        A page in which the first finds no article has none: the second would take its menus.
        """
        failed = await self._extract(extract_page, page, content_type, url, self._page_seconds)
        if not isinstance(failed, NoText) or failed.reason is not NoTextReason.EXTRACTION_FAILED:
            return failed
        simply = await self._extract(extract_simply, page, content_type, url, _SIMPLE_SECONDS)
        log.warning("page read in the simple way", url=url, reason=failed.detail)
        return failed if isinstance(simply, NoText) else simply

    async def language_of(self, text: str, declared: str | None) -> str | None:
        """`language.language_of`; what is declared, if that comes to no end."""
        work = functools.partial(language_of, text[:_LANGUAGE_CHARACTERS], declared)
        try:
            return await self._run(work, _SIMPLE_SECONDS)
        except (TimeoutError, _WorkerFailedError):
            return declared

    async def _extract(
        self, extract: _Extract, page: bytes, content_type: str | None, url: str, seconds: float
    ) -> Extracted | NoText:
        work = functools.partial(extract, page, content_type, url)
        try:
            return await self._run(work, seconds)
        except TimeoutError:
            return NoText(NoTextReason.EXTRACTION_FAILED, f"not extracted within {seconds:g} s")
        except _WorkerFailedError as error:
            return NoText(NoTextReason.EXTRACTION_FAILED, str(error))

    async def _run(self, work: Callable[[], _Value], seconds: float) -> _Value:
        for _ in range(_ATTEMPTS):
            # The pool gives up when a process dies while nobody works, as when the system
            # is short of memory. That says nothing about this document.
            with suppress(BrokenProcessPool):
                return await self._attempt(work, seconds)
        raise _WorkerFailedError(f"the workers died {_ATTEMPTS} times")

    async def _attempt(self, work: Callable[[], _Value], seconds: float) -> _Value:
        pool = await self._living_pool()
        try:
            scheduled = pool.schedule(
                functools.partial(text_process.within, seconds, work), timeout=seconds
            )
        except RuntimeError as error:  # it died just now
            raise BrokenProcessPool(str(error)) from error
        future = asyncio.wrap_future(scheduled)
        try:
            await self._done(future, pool)
            return future.result()
        except (TimeoutError, BrokenProcessPool, WorkersClosedError, asyncio.CancelledError):
            raise
        except ProcessExpired as error:
            raise _WorkerFailedError(f"the worker died with exit code {error.exitcode}") from error
        except Exception as error:  # whatever the document made the parser raise
            raise _WorkerFailedError(f"{type(error).__name__}: {error}"[:300]) from error
        finally:
            future.cancel()

    async def _done(self, future: asyncio.Future[_Value], pool: ProcessPool) -> None:
        """Waits for `future`. A pool that ends forgets what was scheduled, hence the look."""
        while not (await asyncio.wait([future], timeout=_LOOK_SECONDS))[0]:
            if self._pool is None:
                raise WorkersClosedError("the workers were closed")
            if pool is not self._pool or not pool.active:
                raise BrokenProcessPool("the workers died")

    async def _living_pool(self) -> ProcessPool:
        if self._pool is None:
            raise WorkersClosedError("no workers; use `async with TextWorkers()` around the calls")
        if not self._pool.active:
            log.warning("text workers died and are started again", workers=self._workers)
            broken, self._pool = self._pool, _new_pool(self._workers)
            await asyncio.to_thread(_stop, broken)
        return self._pool


class _WorkerFailedError(Exception):
    """A document broke its worker or made the parser raise."""


def _new_pool(workers: int) -> ProcessPool:
    # "spawn": a fork would copy the locks and sockets of the event loop's process, and
    # replacements are started from a thread.
    context = multiprocessing.get_context("spawn")
    return ProcessPool(max_workers=workers, initializer=text_process.set_up, context=context)


def _stop(pool: ProcessPool) -> None:
    pool.stop()  # type: ignore[no-untyped-call]
    pool.join()
