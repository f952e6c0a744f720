"""One attempt with Apprise, as it is: blocking, with yes or no for an answer. Runs in a thread.

Leaves to `apprise` what the answer means. Apprise logs what it does, with addresses and what
servers say; its log goes nowhere, except that the warnings of an attempt say why it failed.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from schemas.rule import Severity
from services.notifier.render import HTML, MARKDOWN, PLAIN, RenderedText, Room
from services.runtime.foreign_sockets import watching_sockets
from services.runtime.netguard import Networks

Render = Callable[[Room], RenderedText]


@dataclass(frozen=True, slots=True)
class Attempt:
    """What became of it; `refusals` are addresses that were not opened, `log` Apprise's words."""

    accepted: bool
    refusals: tuple[str, ...]
    log: str


class NoServiceError(Exception):
    """Apprise makes nothing of the URL."""


def attempt(url: str, render: Render, allowed: Networks) -> Attempt:
    """Send what `render` makes for the room that the service has; raises NoServiceError."""
    with _own_warnings() as log, watching_sockets(allowed) as watched:
        service = _service(url)
        room, body_format = _room_of(service)
        text = render(room)
        try:
            accepted = service.notify(
                body=text.body,
                title=text.title,
                notify_type=_LOOKS[text.severity],
                body_format=body_format,
            )
        except Exception as error:  # a service's own; the words may hold the URL
            return Attempt(False, (), type(error).__name__)
    return Attempt(bool(accepted), tuple(r.reason for r in watched.refused), "; ".join(log))


def _service(url: str) -> Any:
    # Half a second, and only whoever has such a channel needs it.
    from apprise import Apprise, AppriseAsset  # noqa: PLC0415

    asset = AppriseAsset(app_id="Wirewatch", app_desc="News alerts", app_url="", async_mode=False)
    service = Apprise.instantiate(url, asset=asset)
    if service is None:
        raise NoServiceError
    return service


def _room_of(service: Any) -> tuple[Room, Any]:
    """What the service has room for, and the format that it is told to read."""
    from apprise import NotifyFormat  # noqa: PLC0415

    plain, markdown = NotifyFormat.TEXT, NotifyFormat.MARKDOWN
    takes = {service.resolve_format(one) for one in NotifyFormat}
    # What takes everything hands it on as it is, and whoever reads it may read no format at all.
    wanted = plain if len(takes) == len(NotifyFormat) else markdown
    chosen = service.resolve_format(wanted)
    dialect = {plain: PLAIN, markdown: MARKDOWN}.get(chosen, HTML)
    title, body = service.title_maxlen, service.body_maxlen
    if service.overflow_amalgamate_title:  # both have to fit into the body's room
        title = min(title, body // 4)
        body -= title + 20
    return Room(dialect, title, body, service.body_max_line_count), chosen


# How a service shows it, such as by a colour: Apprise knows information, warnings and failures.
_LOOKS = {
    Severity.LOW: "info",
    Severity.NORMAL: "info",
    Severity.HIGH: "warning",
    Severity.URGENT: "failure",
}


@contextmanager
def _own_warnings() -> Iterator[list[str]]:
    """Apprise's warnings of this thread, and of nobody else's attempt."""
    _silence()
    caught = _Catcher(threading.get_ident())
    logger = logging.getLogger("apprise")
    logger.addHandler(caught)
    try:
        yield caught.lines
    finally:
        logger.removeHandler(caught)


class _Catcher(logging.Handler):
    def __init__(self, thread: int) -> None:
        super().__init__(logging.WARNING)
        self._thread = thread
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread and len(self.lines) < 10:
            self.lines.append(record.getMessage())


@cache
def _silence() -> None:
    """Let nothing that Apprise and its HTTP client log reach this process's own log."""
    for name in ("apprise", "urllib3", "requests"):
        logger = logging.getLogger(name)
        logger.propagate = False
        logger.setLevel(logging.WARNING)
        logger.addHandler(logging.NullHandler())
