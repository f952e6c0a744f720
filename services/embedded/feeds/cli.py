"""The commands below `wirewatch feeds`: arguments in, lines and exit codes out.

0: done. 1: it failed, or something is wrong with a feed. 2: what was asked for is not valid,
and nothing was changed.
"""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from services.embedded.commands import CANNOT_WORK
from services.embedded.feeds import status as standing
from services.embedded.feeds.adding import Wish, add_feed, remove_feed
from services.embedded.feeds.bringing import export_feeds, import_feeds
from services.embedded.terminal import (
    DEFAULT_STATE,
    StateOption,
    finish,
    refuse,
    say,
    settings_in_force,
    show,
)
from services.runtime.clock import utc_now

feeds = typer.Typer(help="Feeds: bring them along, add, look at them.", no_args_is_help=True)

FolderOption = Annotated[
    Path | None, typer.Option("--config", help="The operator's folder, with its feeds.yaml.")
]


@feeds.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE.opml", help="What a reader exported.")],
    config: FolderOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be added; change nothing.")
    ] = False,
) -> None:
    """Add the feeds of an OPML file to a folder, or print them as a feeds.yaml."""
    say(import_feeds(file, config, dry_run=dry_run))


@feeds.command()
def export(config: FolderOption = None, state: StateOption = DEFAULT_STATE) -> None:
    """Print the feeds as OPML, without credentials: of a folder, or of the database."""
    finish(export_feeds(config, state, settings_in_force()))


@feeds.command()
def add(
    url: Annotated[str, typer.Argument(metavar="URL", help="A feed, or a page of a site.")],
    config: FolderOption = None,
    state: StateOption = DEFAULT_STATE,
    feed_id: Annotated[
        str | None, typer.Option("--id", help="What the feed is to be known by.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="What alerts are to call it.")] = None,
    choose: Annotated[
        int | None, typer.Option(help="Which of several feeds that a page declares.", min=1)
    ] = None,
) -> None:
    """Find a feed, see that it can be read, and add it: to the folder, or to the database."""
    finish(add_feed(Wish(url, feed_id, name, choose), config, state, settings_in_force()))


@feeds.command()
def remove(feed_id: str, state: StateOption = DEFAULT_STATE) -> None:
    """Remove a feed that was added by command, without a folder."""
    finish(remove_feed(feed_id, state, settings_in_force()))


@feeds.command()
def status(
    feed_id: Annotated[
        str | None, typer.Argument(metavar="ID", help="Everything about this feed.")
    ] = None,
    state: StateOption = DEFAULT_STATE,
    failing: Annotated[
        bool, typer.Option("--failing", help="Only feeds that do not fare well.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Say how the feeds fare: 0 all can be read, 1 some are broken, silent or gone, 2 unknown."""
    asked = standing.Asked(feed_id, failing, as_json)
    try:
        answer = asyncio.run(standing.status(state, settings_in_force(), asked, utc_now()))
    except (standing.NoFeedError, *CANNOT_WORK) as error:
        refuse(str(error))
    show(answer.lines)
    raise typer.Exit(0 if answer.well else 1)
