"""`wirewatch why URL`: puts the question to bus and database, and tells the answer."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from rich.console import RenderableType
from rich.padding import Padding
from rich.style import Style
from rich.table import Table
from rich.text import Text

from schemas.rule import WatchRule
from services.bus.port import Bus
from services.config.wording import did_you_mean
from services.embedded.rules.shown import BAD, GOOD, Look, clauses, hits_of, text_of
from services.embedded.why.addresses import address_of, are_related
from services.embedded.why.facts import (
    History,
    Kept,
    OnBus,
    World,
    entries_of,
    look_for,
    outcome_of,
    progress_of,
    told_of,
    world_of,
)
from services.embedded.why.way import Asked, State, Verdicts, Way, way_of
from services.embedded.why.words import feed_lines
from services.engine.errors import RuleError
from services.engine.ruleset import RuleSet
from services.engine.suite import explain_rule
from services.notifier import clean
from services.store.database import Database

_STATES = {State.DONE: GOOD, State.ENDED: BAD, State.WAITS: Style(color="yellow", bold=True)}


class NoAnswerError(Exception):
    """The question cannot be answered; the text says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether somebody was told, and the whole story in lines."""

    told: bool
    lines: Sequence[RenderableType]


async def why(
    bus: Bus, database: Database, asked: str, rule_id: str | None, look: Look, now: datetime
) -> Answer:
    """Why somebody was told of the article at an address, or was not.

    Raises NoAnswerError where the address means several articles or the rule is unknown.
    """
    async with database.read() as tx:
        world = await world_of(tx)
        rule = _rule(world, rule_id)
        entries = await entries_of(tx, asked, world)
    looked = await look_for(bus, asked, frozenset(entry.article_id for entry in entries))
    histories = _histories(asked, entries, looked)
    if not histories:
        return Answer(False, list(_unknown(asked, world, looked, now)))
    progress = await progress_of(bus, looked.oldest)
    told, lines = False, list[RenderableType]()
    for history in histories:
        whole = await outcome_of(database, await told_of(bus, history))
        question = Asked(whole, world, progress, now, rule)
        verdicts = verdicts_of(whole.kept, world, rule)
        way = way_of(question, verdicts)
        told = told or way.told
        lines += [Text()] if lines else []
        lines += told_in_lines(way, whole, asked)
        if rule is not None and whole.kept and not verdicts.unreadable:
            lines += _explained(rule, world, verdicts.matching.get(rule.rule_id), whole, look)
    return Answer(told, lines)


def verdicts_of(kept: Sequence[Kept], world: World, rule: WatchRule | None) -> Verdicts:
    """What the rules in force say of the revisions; the first that matches counts. PURE."""
    rules, unreadable = _readable([rule] if rule else list(world.rules.values()), world.lists)
    matching: dict[str, Kept] = {}
    failures: dict[str, Exception] = {}
    for one in kept:
        result = rules.match(one.article)
        for match in result.matches:
            matching.setdefault(match.rule_id, one)
        failures |= {failure.rule_id: failure.error for failure in result.failures}
    return Verdicts(matching, len(rules), failures, unreadable)


def _readable(
    rules: Sequence[WatchRule], lists: Mapping[str, Sequence[str]]
) -> tuple[RuleSet, dict[str, RuleError]]:
    """The rules that can be read, and why the others cannot: what another version took."""
    try:
        return RuleSet.of(rules, lists), {}
    except RuleError:
        wrong = {rule.rule_id: error for rule in rules if (error := _error_in(rule, lists))}
    return RuleSet.of([rule for rule in rules if rule.rule_id not in wrong], lists), wrong


def _error_in(rule: WatchRule, lists: Mapping[str, Sequence[str]]) -> RuleError | None:
    try:
        RuleSet.of([rule], lists)
    except RuleError as error:
        return error
    return None


def _rule(world: World, rule_id: str | None) -> WatchRule | None:
    if rule_id is None or rule_id in world.rules:
        return None if rule_id is None else world.rules[rule_id]
    hint = did_you_mean(rule_id, world.rules)
    raise NoAnswerError(f'no rule in force has the id "{rule_id}"{hint}')


def _histories(asked: str, entries: Sequence[History], looked: OnBus) -> list[History]:
    """The articles that are meant, with what the bus keeps of them."""
    found = dict(looked.found)
    if not found and not entries and looked.similar:
        urls = [clean_line(article.url or "") for article in looked.similar.values()]
        raise NoAnswerError(_similar(asked, urls))
    known = {entry.article_id: entry for entry in entries}
    for article_id, kept in found.items():
        bare = History(kept[0].article.feed_id, article_id)
        known[article_id] = replace(known.get(article_id, bare), kept=tuple(kept))
    return list(known.values())


def _similar(asked: str, urls: Sequence[str]) -> str:
    if len(urls) == 1:
        return f"{asked} is no article's address, but stands in {urls[0]}; ask for that"
    return "\n    ".join([f"{asked} stands in several addresses:", *urls])


def _unknown(asked: str, world: World, looked: OnBus, now: datetime) -> Iterator[RenderableType]:
    yield _headline(False, asked, "no feed has shown it, and it is not on the bus")
    address = address_of(asked)
    hosts = {i: address_of(spec.url) for i, spec in world.feeds.items()}
    near = [
        i for i, feed in hosts.items() if feed and address and are_related(feed.host, address.host)
    ]
    table = _table()
    if not near:
        host = address.host if address else asked
        table.add_row("feed", Text("no", style=BAD), f"no feed of {host} is watched")
    for feed_id in near:
        state = State.ENDED if _is_failing(feed_id, world) else State.DONE
        lines = "\n".join(feed_lines(feed_id, world, now))
        table.add_row("feed", Text(state.value, style=_STATES[state]), lines)
    table.add_row("entry", Text("no", style=BAD), "no feed has shown an entry with this address")
    if looked.oldest is not None:
        table.add_row("article", Text("no", style=BAD), f"not on the bus since {looked.oldest:%F}")
    yield table


def _is_failing(feed_id: str, world: World) -> bool:
    memory = world.memories.get(feed_id)
    return memory is None or bool(memory.health.failures) or memory.health.disabled


def told_in_lines(way: Way, history: History, asked: str) -> list[RenderableType]:
    """The answer about one article: the verdict, and a row for each step. PURE."""
    address = (history.kept[-1].article.url if history.kept else None) or asked
    table = _table()
    for step in way.steps:
        word = Text(step.state.value, style=_STATES[step.state])
        table.add_row(step.name, word, Text("\n".join(map(clean_line, step.lines))))
    return [_headline(way.told, address, way.because), table]


def _explained(
    rule: WatchRule, world: World, kept: Kept | None, history: History, look: Look
) -> Iterator[RenderableType]:
    article = (kept or history.kept[-1]).article
    explanation = explain_rule(rule, article, world.lists)
    yield Text()
    yield Text(f"rule {rule.rule_id} on revision {article.revision}:")
    yield clauses(explanation, article, look)
    for line in text_of(article, hits_of(explanation, None), look):
        yield Padding(line, (0, 0, 0, 2))


def _headline(told: bool, address: str, because: str) -> Text:
    word = Text("told", style=GOOD) if told else Text("not told", style=BAD)
    return Text.assemble(word, "  ", (clean_line(address), Style(bold=True)), f": {because}")


def clean_line(text: str) -> str:
    """A line of what others wrote, fit for a terminal."""
    return clean.piece(text)


def _table() -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    return table
