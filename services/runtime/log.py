"""Logs: one canonical line per unit of work, pretty on a terminal, JSON elsewhere.

No line holds a secret, as far as `redact` knows it. Logs go to standard error; standard output
belongs to what a command was asked for.
"""

import logging
import sys
from typing import Any, Literal, TextIO

import structlog

from services.runtime.redact import shown

LogFormat = Literal["auto", "pretty", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]


def configure_logging(level: LogLevel, log_format: LogFormat, stream: TextIO | None = None) -> None:
    """Set up structlog and send the standard library's records through the same lines."""
    out = stream or sys.stderr
    pretty = log_format == "pretty" or (log_format == "auto" and out.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if pretty else "iso", utc=not pretty),
    ]
    renderer = _pretty_renderer(out) if pretty else _json_renderers()
    structlog.configure(
        processors=[*shared, *renderer, _without_secrets],
        wrapper_class=structlog.make_filtering_bound_logger(_number(level)),
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    _route_standard_logging(level)


def _pretty_renderer(out: TextIO) -> list[structlog.typing.Processor]:
    # Plain tracebacks: the pretty ones show local variables, and those may hold secrets.
    plain = structlog.dev.plain_traceback
    return [
        structlog.dev.ConsoleRenderer(
            colors=out.isatty(), pad_event_to=40, exception_formatter=plain
        )
    ]


def _json_renderers() -> list[structlog.typing.Processor]:
    return [
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(ensure_ascii=False),
    ]


def _without_secrets(_: object, __: str, line: Any) -> str:
    return shown(str(line))


class _ToStructlog(logging.Handler):
    """Hands a library's log record on as a structlog event."""

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger()
        log.log(
            record.levelno,
            record.getMessage(),
            logger=record.name,
            **({"exc_info": record.exc_info} if record.exc_info else {}),
        )


def _route_standard_logging(level: LogLevel) -> None:
    root = logging.getLogger()
    root.handlers[:] = [_ToStructlog()]
    # Libraries are chatty at info level and say there nothing an operator can act on.
    root.setLevel(max(_number(level), logging.WARNING))


def _number(level: LogLevel) -> int:
    return {"debug": 10, "info": 20, "warning": 30, "error": 40}[level]
