"""The settings of a process: one frozen model, read from `WIREWATCH_*` variables.

A variable that nearly has a known name is refused: a typing mistake must not silently
leave the default in force. Other unknown ones are only warned about, because a newer or
older version may know them. Values never appear in messages; they may be secrets.
"""

import difflib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.runtime.log import LogFormat, LogLevel
from services.runtime.netguard import networks

PREFIX = "WIREWATCH_"
# Not settings of a process, but of the test run; see CONTRIBUTING.md.
_FOREIGN_PREFIXES = ("WIREWATCH_TEST_",)


class SettingsError(Exception):
    """The settings cannot be used; `problems` names every mistake, without values."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


class Settings(BaseSettings):
    """All settings. Durations and sizes carry their unit in the name."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    log_level: LogLevel = Field("info", description="debug, info, warning or error")
    log_format: LogFormat = Field(
        "auto", description="pretty, json, or auto: pretty on a terminal, else JSON"
    )
    http_host: str = Field(
        "127.0.0.1", description="address of /metrics, /healthz and /readyz; 0.0.0.0 for all"
    )
    http_port: int = Field(
        9710, ge=0, le=65535, description="their port; 0 takes a free one and logs it"
    )
    public_url: str | None = Field(
        None,
        max_length=500,
        pattern=r"^https?://[^/?#@\s]+(/[^?#@\s]*)?$",
        description="the URL under which the internet reaches this endpoint through a reverse "
        "proxy that lets through /websub/ (hubs push feeds), /alerts/, /silence/ and /unsubscribe/ "
        "(links in messages) and nothing else; unset: no pushes and no links",
    )
    database_url: SecretStr | None = Field(
        None, description="SQLAlchemy URL of the database; unset: SQLite in the state folder"
    )
    kafka_servers: str | None = Field(
        None,
        pattern=r"^[^,\s]+:\d+(,[^,\s]+:\d+)*$",
        description="Kafka's bootstrap servers, host:port[,…]; only the distributed way needs them",
    )
    cache_folder: Path | None = Field(
        None,
        description="a folder for the matcher's compiled rules, for a quick restart; matchers of "
        "one machine may share it; unset: none (embedded: in the state folder)",
    )
    contact_url: str = Field(
        "https://example.org/wirewatch",
        pattern=r"^https?://[\x21-\x7e]+$",
        description="where a publisher can reach you; sent in the User-Agent of every request",
    )
    allowed_networks: str = Field(
        "",
        description="networks such as 10.1.0.0/16,fd00::/8 that feeds, pages, hubs and webhooks "
        "may lie in although they are not public",
    )
    poll_min_interval_seconds: float = Field(
        120, gt=0, le=86_400, description="a feed is polled at most this often"
    )
    poll_max_interval_seconds: float = Field(
        900, gt=0, le=86_400, description="a healthy feed is polled at least this often"
    )
    poll_concurrency: int = Field(
        50, ge=1, le=1000, description="feeds polled at the same time (2 per host at most)"
    )
    fetch_connect_timeout_seconds: float = Field(10, gt=0, le=300, description="to connect")
    fetch_timeout_seconds: float = Field(
        30, gt=0, le=300, description="for a whole reply; also stops a server that drips"
    )
    feed_max_bytes: int = Field(
        10_000_000, ge=1000, description="a larger feed, decompressed, is refused"
    )
    page_max_bytes: int = Field(
        2_000_000, ge=1000, description="a larger article page, decompressed, is not read"
    )
    page_deadline_seconds: float = Field(
        5, gt=0, le=60, description="for telling an article's text from its page"
    )
    page_retry_first_seconds: float = Field(
        60,
        gt=0,
        le=86_400,
        description="a page that could not be read is tried again after 1, 5, 30, 120 times this",
    )
    text_workers: int = Field(
        2, ge=1, le=64, description="processes that parse feeds and read pages"
    )
    first_fetch_window_hours: float = Field(
        1, ge=0, description="a new feed alerts on entries published up to this long before"
    )
    feed_broken_after_minutes: float = Field(
        60, gt=0, description="a feed that fails this long is broken, and ops subscribers are told"
    )
    feed_silent_after_hours: float = Field(
        24,
        gt=0,
        description="a feed without a new entry for this long is silent, unless it often is; "
        "see docs/feeds.md",
    )
    bus_max_backlog_records: int = Field(
        50_000, ge=1, description="polling waits while the matcher is further behind than this"
    )
    delivery_timeout_seconds: float = Field(
        30, gt=0, le=300, description="for one attempt to deliver one message"
    )
    delivery_retry_first_seconds: float = Field(
        2, gt=0, le=900, description="first wait after a failed attempt; doubles up to 15 min"
    )
    delivery_give_up_hours: float = Field(
        72, gt=0, description="a delivery that has failed for this long is given up, visibly"
    )


def load_settings(env_file: Path | None = None) -> tuple[Settings, list[str]]:
    """The settings from the environment and, below it, `env_file`; and the warnings.

    Raises SettingsError with all mistakes at once.
    """
    names = {**(dotenv_values(env_file) if env_file else {}), **os.environ}
    refused, warned = check_names(names, Settings.model_fields)
    try:
        settings = Settings(_env_file=env_file)
    except ValidationError as error:
        raise SettingsError(refused + _mistakes(error)) from None
    mistakes = refused + _contradictions(settings)
    if mistakes:
        raise SettingsError(mistakes)
    return settings, warned


def check_names(given: Iterable[str], known: Iterable[str]) -> tuple[list[str], list[str]]:
    """Sort the unknown `WIREWATCH_*` names in `given` into refused near misses and warnings."""
    known_names = {variable(name) for name in known}
    refused, warned = [], []
    for name in sorted(n for n in given if n.upper().startswith(PREFIX)):
        if name.upper() in known_names or name.startswith(_FOREIGN_PREFIXES):
            continue
        near = difflib.get_close_matches(name.upper(), known_names, n=1, cutoff=0.85)
        if near:
            refused.append(f"{name} is not a setting; did you mean {near[0]}?")
        else:
            warned.append(f"{name} is not a setting of this version and is ignored")
    return refused, warned


def variable(field: str) -> str:
    """The environment variable of a field of Settings."""
    return PREFIX + field.upper()


def effective(settings: Settings) -> Mapping[str, str]:
    """Every variable with its value in force, secrets masked."""
    return {variable(name): _shown(value) for name, value in settings}


def example_env_file() -> str:
    """The text of `.env.example`: every setting with its meaning and default."""
    lines = [
        "# Every setting of Wirewatch with its default. Copy to .env and uncomment what differs.",
        "# Written by `wirewatch config --example`; a test keeps it true.",
    ]
    for name, field in Settings.model_fields.items():
        default = "" if field.default is None else field.default
        lines += ["", f"# {field.description}", f"#{variable(name)}={default}"]
    return "\n".join(lines) + "\n"


def _shown(value: object) -> str:
    if value is None:
        return "(unset)"
    return "********" if isinstance(value, SecretStr) else str(value)


def _mistakes(error: ValidationError) -> list[str]:
    return [
        f"{variable(str(e['loc'][0]))}: {e['msg'][:1].lower()}{e['msg'][1:]}"
        for e in error.errors(include_input=False, include_url=False)
    ]


def _contradictions(settings: Settings) -> list[str]:
    return [*_bad_networks(settings), *_bad_intervals(settings)]


def _bad_networks(settings: Settings) -> list[str]:
    try:
        networks(settings.allowed_networks)
    except ValueError as error:
        return [f"WIREWATCH_ALLOWED_NETWORKS: {error}"]
    return []


def _bad_intervals(settings: Settings) -> list[str]:
    if settings.poll_min_interval_seconds > settings.poll_max_interval_seconds:
        return [
            "WIREWATCH_POLL_MIN_INTERVAL_SECONDS: must not exceed "
            "WIREWATCH_POLL_MAX_INTERVAL_SECONDS"
        ]
    return []
