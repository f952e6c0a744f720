"""The command `wirewatch`: reads arguments, calls the parts, prints, and sets exit codes.

0: done. 1: it failed or found something wrong. 2: what was asked for is not valid, and
nothing was changed.
"""

import asyncio
import sys
from functools import partial
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from services.embedded.alerts.cli import alerts
from services.embedded.commands import (
    apply_once,
    apply_topics,
    list_dead_letters,
    retry_dead_letters,
    test_channel,
    upgrade_database,
)
from services.embedded.deliveries.cli import deliveries
from services.embedded.demo.runner import run_demo
from services.embedded.feeds.cli import feeds
from services.embedded.pipeline import Places, assemble
from services.embedded.rules.cli import rules
from services.embedded.silences.cli import silences
from services.embedded.subscriptions.cli import subscriptions
from services.embedded.terminal import (
    DEFAULT_STATE,
    StateOption,
    finish,
    refuse,
    settings_in_force,
)
from services.embedded.why.cli import why
from services.notifier.__main__ import assemble as notifier_parts
from services.poller.__main__ import assemble as poller_parts
from services.runtime.process import Assemble, run_until_signal
from services.runtime.settings import effective, example_env_file

app = typer.Typer(
    name="wirewatch",
    help="Watches the news wires and tells you when a story matches, with the proof.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
channels = typer.Typer(help="The ways alerts go out.", no_args_is_help=True)
dlq = typer.Typer(help="Records that could not be read.", no_args_is_help=True)
topics = typer.Typer(help="The topics on Kafka.", no_args_is_help=True)
database = typer.Typer(help="The database.", no_args_is_help=True)
app.command()(why)
app.add_typer(rules, name="rules")
app.add_typer(alerts, name="alerts")
app.add_typer(feeds, name="feeds")
app.add_typer(topics, name="topics")
app.add_typer(database, name="database")
app.add_typer(channels, name="channels")
app.add_typer(deliveries, name="deliveries")
app.add_typer(dlq, name="dlq")
app.add_typer(silences, name="silences")
app.add_typer(subscriptions, name="subscriptions")

ConfigOption = Annotated[
    Path, typer.Option("--config", help="Folder with feeds, rules, channels, subscriptions.")
]


@app.command()
def demo(
    once: Annotated[
        bool, typer.Option("--once", help="End by itself: 0 after exactly the expected alerts.")
    ] = False,
) -> None:
    """Show the pipeline at work on a bundled newsroom; needs no network."""
    raise typer.Exit(asyncio.run(run_demo(once=once)))


@app.command()
def run(config: ConfigOption, state: StateOption = DEFAULT_STATE) -> None:
    """Run everything in this process until Ctrl-C or SIGTERM."""
    settings = settings_in_force()
    if not config.is_dir():
        refuse(f"{config}: no such folder; make one like deploy/examples/config")
    assembly = partial(assemble, Places(config, state))
    raise typer.Exit(asyncio.run(run_until_signal("embedded", settings, assembly)))


@app.command()
def poller() -> None:
    """Run one poller: Kafka and the database come from the settings."""
    _serve("poller", poller_parts)


@app.command()
def matcher() -> None:
    """Run one matcher: Kafka comes from the settings."""
    from services.matcher.__main__ import assemble as matcher_parts  # noqa: PLC0415

    # Faust takes half a second to import, and only this process needs it.
    _serve("matcher", matcher_parts)


@app.command()
def notifier() -> None:
    """Run one notifier: Kafka and the database come from the settings."""
    _serve("notifier", notifier_parts)


@app.command()
def apply(
    config: ConfigOption,
    state: StateOption = DEFAULT_STATE,
    prune: Annotated[
        bool, typer.Option("--prune", help="Allow removing more than a fifth of a kind.")
    ] = False,
) -> None:
    """Check the folder and store what it says, once."""
    settings = settings_in_force()
    finish(apply_once(Places(config, state), settings, prune))


@app.command()
def config(
    example: Annotated[
        bool, typer.Option("--example", help="Print the text of .env.example instead.")
    ] = False,
) -> None:
    """Show the settings in force; secrets are masked."""
    if example:
        sys.stdout.write(example_env_file())
        return
    table = Table("setting", "value", box=None, pad_edge=False)
    for name, value in effective(settings_in_force()).items():
        table.add_row(name, value)
    Console().print(table)


@topics.command("apply")
def topics_apply() -> None:
    """Create the topics on Kafka, and say where one differs from what is declared."""
    finish(apply_topics(settings_in_force()))


@database.command("upgrade")
def database_upgrade(state: StateOption = DEFAULT_STATE) -> None:
    """Bring the database's schema up to date; the processes do it at their start, too."""
    finish(upgrade_database(state, settings_in_force()))


@channels.command("test")
def channels_test(name: str, config: ConfigOption) -> None:
    """Send a sample alert through a channel of the folder."""
    settings = settings_in_force()
    finish(test_channel(config, name, settings))


@dlq.command("list")
def dlq_list(state: StateOption = DEFAULT_STATE) -> None:
    """List the records that were put aside, with the reason."""
    finish(list_dead_letters(state, settings_in_force()))


@dlq.command("retry")
def dlq_retry(state: StateOption = DEFAULT_STATE) -> None:
    """Send every record that was put aside through its topic again."""
    finish(retry_dead_letters(state, settings_in_force()))


def main() -> None:
    """The entry point of the command."""
    app()


def _serve(name: str, parts: Assemble) -> NoReturn:
    raise typer.Exit(asyncio.run(run_until_signal(name, settings_in_force(), parts)))


if __name__ == "__main__":
    main()
