"""`wirewatch alerts preview`: 0 shown; 1 shown, though the rule does not match; 2 it cannot be."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError
from rich.text import Text

from schemas.folder import RuleTest
from schemas.written import Zone
from services.config.folder import Broken, read_folder
from services.config.rule_files import read_rule_files
from services.config.wording import did_you_mean
from services.embedded.alerts.forms import KINDS, Preview, mail_page, shown
from services.embedded.alerts.shown_article import ShownArticle, made_up, matches_of, newest_on
from services.embedded.commands import CANNOT_WORK, FAILED, OK, NoStateError, open_kept_bus
from services.embedded.rules.chosen import Chosen
from services.embedded.rules.cli import RuleArgument, RulesOption, chosen_rule
from services.embedded.rules.sample import NoArticleError, Sample, from_file, from_page
from services.embedded.terminal import (
    DEFAULT_STATE,
    StateOption,
    refuse,
    settings_in_force,
    show,
    tell,
)
from services.notifier.composing import compose
from services.notifier.message import DeliveryIds
from services.notifier.render import NO_OFFERS, Offers
from services.poller.assembly import open_page_reader
from services.runtime.clock import utc_now
from services.runtime.settings import Settings

alerts = typer.Typer(help="What an alert says, before there is one.", no_args_is_help=True)
_IDS = DeliveryIds("preview", "preview", "preview", 1)


@alerts.callback()
def _group() -> None:
    """What an alert says, before there is one."""


@alerts.command()
def preview(
    rule: RuleArgument,
    config: RulesOption = None,
    state: StateOption = DEFAULT_STATE,
    url: Annotated[str | None, typer.Option(help="The page to alert of.")] = None,
    article: Annotated[
        Path | None, typer.Option(help="A page in HTML, a plain text, or an article in JSON.")
    ] = None,
    channel: Annotated[
        str | None, typer.Option(help="A channel of --config, or a kind; all kinds unless given.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Where to write the mail's HTML.")] = None,
    zone: Annotated[str, typer.Option(help="The subscriber's time zone.")] = "UTC",
) -> None:
    """Show an alert of a rule as each kind of channel sends it: of the newest article that it
    matches, or of one that is given or made up."""
    settings, now = settings_in_force(), utc_now()
    kinds = _kinds(channel, config)
    _check_zone(zone)
    chosen = chosen_rule(rule, config, stem=False, clitics=False)
    given = _given(url, article, settings, now)
    picked = given or _picked(chosen, config, state, settings, now)
    matches, matched = matches_of(chosen, picked)
    message = compose(matches, [chosen.rule.rule_id], _IDS, zone)
    made = Preview(message, matches.matched_at + timedelta(seconds=0.5), _offers(settings))
    show([Text(chosen.name), Text(f"“{message.title}”, {picked.origin}")])
    for kind in kinds:
        show(shown(made, kind))
    if html is not None:
        _write(html, mail_page(made))
    if not matched:
        tell(f"the rule does not match this article: see wirewatch rules explain {rule!r}")
    raise typer.Exit(OK if matched or given is None else FAILED)


def _kinds(channel: str | None, config: Path | None) -> tuple[str, ...]:
    """The kinds of channel that are meant; ends the command where there is none."""
    if channel is None:
        return KINDS
    folder = read_folder(config) if config is not None and config.is_dir() else None
    found = {} if folder is None or isinstance(folder, Broken) else folder.channels
    kinds = {spec.id: spec.type for spec in found} if found else {}
    if channel in kinds:
        return (kinds[channel],)
    if channel in KINDS:
        return (channel,)
    known = (*kinds, *KINDS)
    refuse(f'no channel "{channel}"{did_you_mean(channel, known)}; there is: {", ".join(known)}')


def _check_zone(zone: str) -> None:
    try:
        TypeAdapter(Zone).validate_python(zone)
    except ValidationError:
        refuse(f'--zone "{zone}": not a time zone; write one like Europe/London or UTC')


def _given(
    url: str | None, file: Path | None, settings: Settings, now: datetime
) -> ShownArticle | None:
    if url is not None and file is not None:
        refuse("--url and --article exclude each other")
    try:
        if file is not None:
            sample = from_file(file, {})
        elif url is not None:
            sample = asyncio.run(_page(url, settings))
        else:
            return None
    except NoArticleError as error:
        refuse(str(error))
    seen = {"first_seen_at": now, "seen_at": now}
    return ShownArticle(sample.article.model_copy(update=seen), sample.origin)


async def _page(url: str, settings: Settings) -> Sample:
    async with open_page_reader(settings) as reader:
        return await from_page(reader, url, {})


def _picked(
    chosen: Chosen, config: Path | None, state: Path, settings: Settings, now: datetime
) -> ShownArticle:
    try:
        stored = asyncio.run(_stored(chosen, state, settings, now))
    except NoStateError:
        stored = None  # nothing has run here yet
    except CANNOT_WORK as error:
        refuse(str(error))
    return stored or made_up(chosen, _tests(chosen, config), now)


async def _stored(
    chosen: Chosen, state: Path, settings: Settings, now: datetime
) -> ShownArticle | None:
    async with open_kept_bus(state, settings) as bus:
        return await newest_on(bus, chosen, now)


def _tests(chosen: Chosen, config: Path | None) -> tuple[RuleTest, ...]:
    if config is None:
        return ()
    written = {item.spec.id: item.spec for item in read_rule_files(config).rules}
    spec = written.get(chosen.rule.rule_id)
    return spec.tests if spec else ()


def _offers(settings: Settings) -> Offers:
    if settings.public_url is None:
        return NO_OFFERS
    base = settings.public_url.rstrip("/")
    return Offers(f"{base}/alerts/…", f"{base}/silence/…", f"{base}/unsubscribe/…")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        refuse(f"{path}: {(error.strerror or str(error)).lower()}")
    tell(f"{path}: the mail's HTML")
