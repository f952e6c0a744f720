"""The commands below `wirewatch rules`: arguments in, lines and exit codes out.

0: all is well, or the rule matched. 1: something is wrong with the rules, a test is red, or
the rule did not match. 2: the question could not be answered.
"""

import asyncio
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

from schemas.export import schemas
from services.config.rule_files import NoRuleFilesError
from services.embedded.commands import CANNOT_WORK, open_kept_bus
from services.embedded.rules import check
from services.embedded.rules import preview as previewing
from services.embedded.rules.chosen import Chosen, NoRuleError, choose
from services.embedded.rules.explained import explained
from services.embedded.rules.sample import NoArticleError, Sample, from_file, from_page, from_text
from services.embedded.rules.tally import Tally
from services.embedded.terminal import (
    DEFAULT_STATE,
    StateOption,
    look,
    refuse,
    settings_in_force,
    show,
    tell,
)
from services.poller.assembly import open_page_reader
from services.runtime.clock import utc_now

rules = typer.Typer(help="Watch rules as code: check, test, explain, try.", no_args_is_help=True)

FolderArgument = Annotated[
    Path,
    typer.Argument(
        metavar="DIR", help="The operator's folder, a folder of rule files, or one such file."
    ),
]
RuleArgument = Annotated[
    str, typer.Argument(metavar="RULE", help="The id of a rule in --config, or an expression.")
]
RulesOption = Annotated[
    Path | None, typer.Option("--config", help="Where the rules and saved lists are.")
]
StemOption = Annotated[bool, typer.Option("--stem", help="Stem the words of an expression.")]
CliticsOption = Annotated[
    bool, typer.Option("--clitics", help="Look behind the particles of Arabic and Hebrew words.")
]


@rules.command()
def lint(
    folder: FolderArgument,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count, too.")] = False,
) -> None:
    """Say what is wrong or doubtful about rules: 0 fine, 1 mistakes, 2 unreadable."""
    try:
        _end(check.lint_rules(folder, strict=strict))
    except NoRuleFilesError as error:
        refuse(str(error))


@rules.command()
def test(
    folder: FolderArgument,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Name green tests and untested rules, too.")
    ] = False,
) -> None:
    """Run the tests that rules carry, offline: 0 all green, 1 some red, 2 unreadable."""
    try:
        _end(check.run_rule_tests(folder, look(), verbose=verbose))
    except NoRuleFilesError as error:
        refuse(str(error))


@rules.command()
def explain(
    rule: RuleArgument,
    config: RulesOption = None,
    url: Annotated[
        str | None,
        typer.Option(help="The page to read; with --file or --text the address of the article."),
    ] = None,
    file: Annotated[
        Path | None, typer.Option(help="A page in HTML, a plain text, or an article in JSON.")
    ] = None,
    text: Annotated[
        list[str] | None, typer.Option(help="The text itself; several make paragraphs.")
    ] = None,
    title: Annotated[str | None, typer.Option(help="The headline.")] = None,
    summary: Annotated[str | None, typer.Option(help="What the feed says.")] = None,
    source: Annotated[str | None, typer.Option(help="The feed's id or name.")] = None,
    author: Annotated[list[str] | None, typer.Option(help="An author; may be repeated.")] = None,
    category: Annotated[list[str] | None, typer.Option(help="A category; may be repeated.")] = None,
    lang: Annotated[str | None, typer.Option(help="The article's language, as en.")] = None,
    stem: StemOption = False,
    clitics: CliticsOption = False,
    full: Annotated[bool, typer.Option("--full", help="Leave nothing out.")] = False,
) -> None:
    """Say clause by clause why a rule matches an article or not: 0 it does, 1 not, 2 unknown."""
    said: dict[str, Any] = {
        "title": title,
        "summary": summary,
        "source": source,
        "url": url,
        "author": tuple(author or ()),
        "category": tuple(category or ()),
        "lang": lang,
    }
    chosen = chosen_rule(rule, config, stem=stem, clitics=clitics)
    try:
        sample = _sample(url, file, text, said)
    except NoArticleError as error:
        refuse(str(error))
    matched, lines = explained(chosen, sample, look(full=full))
    show(lines)
    raise typer.Exit(check.OK if matched else check.WRONG)


@rules.command()
def preview(
    rule: RuleArgument,
    since: Annotated[str, typer.Option(help="How far back: 7d, 36h, 2w, or a date.")] = "7d",
    config: RulesOption = None,
    state: StateOption = DEFAULT_STATE,
    most: Annotated[int, typer.Option("--limit", help="How many to show.", min=0)] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
    stem: StemOption = False,
    clitics: CliticsOption = False,
) -> None:
    """Run a rule over the articles that the bus keeps: 0 done, 2 it could not be."""
    now = utc_now()
    chosen = chosen_rule(rule, config, stem=stem, clitics=clitics)
    try:
        start = previewing.start_of(since, now)
        counted = asyncio.run(_tally(chosen, state, start, most))
    except (previewing.NoTimeError, *CANNOT_WORK) as error:
        refuse(str(error))
    if as_json:
        typer.echo(previewing.as_json(chosen, counted, start, now))
    else:
        show(previewing.told(chosen, counted, start, now, look()))


@rules.command()
def schema() -> None:
    """Print the JSON Schema of a rules file, for editors."""
    sys.stdout.write(schemas()["rules-file.json"])


def chosen_rule(rule: str, config: Path | None, *, stem: bool, clitics: bool) -> Chosen:
    """The rule that is meant; ends the command where there is none."""
    try:
        chosen = choose(rule, config, stem=stem, clitics=clitics)
    except (NoRuleError, NoRuleFilesError) as error:
        refuse(str(error))
    if chosen.remark:
        tell(chosen.remark)
    return chosen


def _sample(url: str | None, file: Path | None, text: list[str] | None, said: Any) -> Sample:
    if file is not None and text:
        refuse("--file and --text exclude each other")
    if file is not None:
        return from_file(file, said)
    if text or (url is None and (said["title"] or said["summary"])):
        return from_text("\n\n".join(text or ()), said)
    if url is None:
        refuse("name an article: --url URL, --file FILE or --text TEXT")
    return asyncio.run(_page(url, said))


async def _tally(chosen: Chosen, state: Path, since: datetime, most: int) -> Tally:
    with Console(stderr=True).status("reading the bus") as status:

        def passed(counted: Tally) -> None:
            status.update(f"{counted.articles:,} articles, {counted.matched:,} match")

        async with open_kept_bus(state, settings_in_force()) as bus:
            return await previewing.tally(bus, chosen, since, most, passed)


async def _page(url: str, said: Any) -> Sample:
    async with open_page_reader(settings_in_force()) as reader:
        return await from_page(reader, url, said)


def _end(findings: check.Findings) -> NoReturn:
    show(findings.lines)
    raise typer.Exit(findings.code)
