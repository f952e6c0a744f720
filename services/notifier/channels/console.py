"""The console channel: prints alerts, for the demo and for trying rules.

Leaves the looks to `render`. Printing happens in a thread of its own, because a terminal
that is paused (or a pipe nobody reads) blocks whoever writes to it.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from rich.console import Console

from services.notifier.actions.signed import NO_LINKS, Links
from services.notifier.channels.detail import detail
from services.notifier.channels.port import ATTEMPT_TIMEOUT, NOTHING_BEFORE, Before
from services.notifier.message import AnyMessage
from services.notifier.outcome import Delivered, Outcome, Reason, TryLater
from services.notifier.render import offers_for, render_console


class ConsoleChannel:
    """Prints to `console`; see `Channel`."""

    def __init__(
        self, console: Console, timeout: float = ATTEMPT_TIMEOUT, links: Links = NO_LINKS
    ) -> None:
        self._console = console
        self._timeout = timeout
        self._links = links
        self._printer = ThreadPoolExecutor(1, thread_name_prefix="console-channel")

    async def send(
        self, message: AnyMessage, now: datetime, before: Before = NOTHING_BEFORE
    ) -> Outcome:
        """Print one alert."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._timeout):
                await loop.run_in_executor(self._printer, self._print, message, now)
        except TimeoutError:
            return TryLater(Reason.TIMED_OUT, None, f"the terminal took over {self._timeout:g} s")
        except (OSError, ValueError) as error:  # ValueError: the stream is closed
            return TryLater(Reason.UNREACHABLE, None, detail(f"the terminal is gone: {error}"))
        return Delivered("printed")

    async def close(self) -> None:
        """Print nothing more; does not wait for a terminal that is paused."""
        self._printer.shutdown(wait=False, cancel_futures=True)

    def _print(self, message: AnyMessage, now: datetime) -> None:
        with self._console.capture() as capture:
            offers = offers_for(message, self._links)
            self._console.print(render_console(message, now, self._console.width, offers))
        encoding = self._console.encoding
        # A terminal that cannot show a letter gets a question mark, not no alert.
        shown = capture.get().encode(encoding, "replace").decode(encoding)
        self._console.file.write(shown)
        self._console.file.flush()
