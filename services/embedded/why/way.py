"""The way of an article from its feed to the deliveries, and where it ended. PURE.

Decides the steps, the words, and the one sentence that answers "why was I (not) told?".
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from schemas.article import TextOrigin
from schemas.message import MalformedMessageError
from schemas.rule import WatchRule
from services.bus.port import Lag
from services.embedded.why.facts import History, Kept, Progress, World
from services.embedded.why.messages import Audience, Messages, ending
from services.embedded.why.words import (
    article_lines,
    at_time,
    counted,
    entry_lines,
    feed_lines,
    page_lines,
    story_lines,
)
from services.engine.errors import RuleError
from services.notifier.holding import expected_at
from services.notifier.message import AlertMessage
from services.store.held import Waiting, Why

MOST_NAMED = 20


class State(StrEnum):
    """How a step went."""

    DONE = "yes"
    WAITS = "waits"
    ENDED = "no"


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the way: what happened there, in lines."""

    name: str
    state: State
    lines: tuple[str, ...]


@dataclass(slots=True)
class Way:
    """The steps as far as they went, and the answer."""

    steps: list[Step] = field(default_factory=list)
    told: bool = False
    because: str = ""

    def go(self, name: str, *lines: str) -> None:
        """A step that was made."""
        self.steps.append(Step(name, State.DONE, lines))

    def end(self, name: str, because: str, *lines: str, waits: bool = False) -> "Way":
        """The step at which the way ends, or waits to go on."""
        state = State.WAITS if waits else State.ENDED
        self.steps.append(Step(name, state, lines or (because,)))
        self.because = because
        return self


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The rules in force on what the bus keeps of the article; `tried` counts them.

    `unreadable` are those that this version does not take.
    """

    matching: Mapping[str, Kept]
    tried: int
    failures: Mapping[str, Exception] = field(default_factory=dict)
    unreadable: Mapping[str, RuleError] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asked:
    """One article, and about which rule; None for any."""

    history: History
    world: World
    progress: Progress
    now: datetime
    rule: WatchRule | None = None


def way_of(asked: Asked, verdicts: Verdicts) -> Way:
    """The way of one article."""
    way = Way()
    history = asked.history
    way.go("feed", *feed_lines(history.feed_id, asked.world, asked.now))
    if not history.kept:
        return _not_on_bus(way, asked)
    newest = history.kept[-1].article
    way.go("entry", *entry_lines(history))
    way.go("page", *page_lines(history))
    way.go("article", *article_lines(history))
    if (unmatched := _unmatched(history, asked.progress.matcher)) and not history.matched:
        return way.end("rules", unmatched, waits=True)
    if history.dead:
        letters = tuple(f"{topic}: {reason}" for topic, reason in history.dead)
        way.steps.append(Step("dead letter", State.ENDED, letters))
    if not _rules(way, asked, verdicts):
        return way
    if not history.judged:
        return _not_judged(way, asked, newest.article_id)
    way.go("story", *story_lines(history))
    return _alerts_and_deliveries(way, asked)


def _not_on_bus(way: Way, asked: Asked) -> Way:
    entry, memory = asked.history.entry, asked.world.memories.get(asked.history.feed_id)
    oldest = asked.progress.oldest_kept
    if entry is None:
        return way.end("entry", "no feed has shown an entry with this address")
    seen = f"first seen {at_time(entry.first_seen_at)}"
    first = memory.first_fetched_at if memory else None
    if first is not None and entry.first_seen_at <= first:
        because = "it stood in the feed at the first fetch, and was not news then"
        return way.end("entry", because, seen, because)
    way.go("entry", seen)
    if oldest is not None and entry.first_seen_at < oldest:
        because = "the bus does not keep it any more"
        return way.end("article", because, f"{because}: the oldest article is of {at_time(oldest)}")
    return way.end("article", "it is not on the bus, though its entry is remembered")


def _unmatched(history: History, lag: Lag) -> str | None:
    """That the matcher has not come to the newest revision yet."""
    newest = history.kept[-1].written_at
    if lag.records and lag.oldest_written_at is not None and lag.oldest_written_at <= newest:
        behind = counted(lag.records, "article")
        return f"the matcher has not come to it yet; it is {behind} behind"
    return None


def _rules(way: Way, asked: Asked, verdicts: Verdicts) -> bool:
    """Adds the rules' step; whether the way goes on."""
    history, rule = asked.history, asked.rule
    matching = set(verdicts.matching) | history.matched
    if rule is not None:
        matching &= {rule.rule_id}
    if not matching:
        _no_rule(way, asked, verdicts)
        return False
    lines = [_matching_line(rule_id, asked, verdicts) for rule_id in sorted(matching)]
    if rule is None:
        more = [f"and {len(lines) - MOST_NAMED} more that match"] if len(lines) > MOST_NAMED else []
        others = verdicts.tried - len(verdicts.matching)
        lines = lines[:MOST_NAMED] + more + [f"{counted(others, 'rule')} did not match"]
    way.go("rules", *lines, *_unreadable_lines(verdicts))
    return True


def _unreadable_lines(verdicts: Verdicts) -> Iterator[str]:
    for error in list(verdicts.unreadable.values())[:MOST_NAMED]:
        yield f"cannot be read: {error.message}"


def _no_rule(way: Way, asked: Asked, verdicts: Verdicts) -> None:
    newest = asked.history.kept[-1].article
    only = "" if newest.text is TextOrigin.FULL else "; only the feed's summary could be read"
    if verdicts.unreadable and not verdicts.tried:
        way.end("rules", *_unreadable_lines(verdicts))
    elif asked.rule is not None:
        failure = verdicts.failures.get(asked.rule.rule_id)
        if failure is not None:
            way.end("rules", f"rule {asked.rule.rule_id} broke on it: {failure!r}")
        else:
            way.end("rules", f"rule {asked.rule.rule_id} does not match it{only}")
    elif verdicts.tried:
        because = f"none of {counted(verdicts.tried, 'rule')} matches it{only}"
        way.end("rules", because, because, *_unreadable_lines(verdicts))
    else:
        way.end("rules", "there are no rules in force")


def _matching_line(rule_id: str, asked: Asked, verdicts: Verdicts) -> str:
    rule = asked.world.rules.get(rule_id)
    name = f" ({rule.name})" if rule and rule.name != rule_id else ""
    now, then = rule_id in verdicts.matching, rule_id in asked.history.matched
    if rule is None:
        return f"{rule_id} matched when the article came; the rule is gone since"
    if then and not now:
        return f"{rule_id}{name} matched when the article came; as it stands now it does not"
    if now and not then and not _alerted(rule_id, asked.history):
        changed = asked.world.rules_changed_at.get(rule_id)
        if changed and changed > asked.history.kept[-1].written_at:
            return f"{rule_id}{name} matches, but stands like this only since {at_time(changed)}"
    return f"{rule_id}{name} matches"


def _alerted(rule_id: str, history: History) -> bool:
    return any(alert.rule_id == rule_id for alert in history.alerts)


def _not_judged(way: Way, asked: Asked, article_id: str) -> Way:
    history = asked.history
    lost = [reason for topic, reason in history.dead if topic == "matches"]
    if lost:
        return way.end("story", f"its matches were put aside as a dead letter: {lost[0]}")
    if history.matched:
        if asked.progress.judge.records:
            behind = counted(asked.progress.judge.records, "record")
            because = f"the notifier has not come to it yet; it is {behind} behind"
            return way.end("story", because, waits=True)
        return way.end("story", "the notifier has no record of judging it")
    return way.end(
        "story", "no rule matched it when it came: the rule was written or changed later"
    )


def _alerts_and_deliveries(way: Way, asked: Asked) -> Way:
    rule = asked.rule
    alerts = [a for a in asked.history.alerts if rule is None or a.rule_id == rule.rule_id]
    if not alerts and all(kept.article.late for kept in asked.history.kept):
        said = "it appeared over a week after its date, and such articles alert nobody"
        return way.end("alerts", f"{said}; the feed may say late: alert")
    if not alerts:
        named = f"rule {rule.rule_id}" if rule else "no rule"
        verb = "has raised no alert" if rule else "has raised an alert"
        return way.end("alerts", f"{named} {verb} for this story: it was written or changed later")
    way.go(
        "alerts",
        *(f"{a.rule_id}, raised {at_time(a.raised_at)}" for a in alerts[:MOST_NAMED]),
    )
    ids = {alert.rule_id for alert in alerts}
    messages = _messages(asked, {rule.rule_id} if rule else None)
    audience = Audience(_wanting(asked, ids), asked.world.left)
    found = ending(messages, audience, MOST_NAMED)
    if not found.told:
        return way.end("deliveries", found.because, *found.lines, waits=found.waits)
    way.go("deliveries", *found.lines)
    way.told, way.because = True, found.because
    return way


def _messages(asked: Asked, rule_ids: set[str] | None) -> Messages:
    """The messages about these rules; None for any."""
    history = asked.history
    return Messages(
        [d for d in history.deliveries if rule_ids is None or _is_about(d.message, rule_ids)],
        [h for h in history.held if rule_ids is None or _is_about(h.message, rule_ids)],
        history.silences,
        _expected(asked),
    )


def _expected(asked: Asked) -> Mapping[str, datetime]:
    """When what is held is told, as the subscriptions stand now."""
    present = {one.id: one for one in asked.world.subscriptions if one.kind == "alerts"}
    return {
        row.held_id: expected_at(
            present[row.subscription_id],
            Waiting(row.held_id, Why(row.why), row.held_at, row.urgent),
            asked.now,
        )
        for row in asked.history.held
        if row.subscription_id in present
    }


def _wanting(asked: Asked, rule_ids: set[str]) -> Mapping[str, bool]:
    """Whether each subscription, as it stands now, selects any of these rules."""
    rules = [asked.world.rules[i] for i in rule_ids if i in asked.world.rules]
    return {
        one.id: any(one.selects(r.rule_id, r.tags, r.severity) for r in rules)
        for one in asked.world.subscriptions
        if one.kind == "alerts"
    }


def _is_about(stored: bytes, rule_ids: Iterable[str]) -> bool:
    try:
        message = AlertMessage.decode(stored)
    except MalformedMessageError:
        return True  # better a delivery too many than one that nobody sees
    return bool({rule.rule_id for rule in message.rules} & set(rule_ids))
