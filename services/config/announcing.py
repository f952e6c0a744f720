"""What is sent to `watch-rules` of a change, and in which order.

Saved lists go first, those that other lists use before these, then rules, then the
tombstones of lists that no rule uses any more, the manifest last with the counts: whoever
stops reading anywhere in between knows every list that a rule he holds names.
"""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.rule import RulesManifest, TermList, WatchRule
from services.config.saved_lists import used_first
from services.store import outbox, written
from services.store.written import Kind, StoredItem

_MOST = 2**31 - 1  # what an INTEGER of PostgreSQL holds
_Records = list[tuple[str, bytes | None]]


@dataclass(frozen=True, slots=True)
class News:
    """Of rules or of lists: which are new or other than before, and which are gone.

    One named by both is taken back first: readers pass over a version lower than they know.
    """

    changed: Iterable[str] = ()
    removed: Iterable[str] = ()


async def announce(
    tx: AsyncConnection, generation: int, rules: News, lists: News, *, everything: bool = False
) -> None:
    """Queue rules and lists for `watch-rules`, the manifest of their generation last.

    `everything` says that these are all there are, for a topic that may hold something else.
    """
    stored_rules = await written.items(tx, Kind.RULES)
    stored_lists = await written.items(tx, Kind.LISTS)
    manifest = RulesManifest(
        generation=generation,
        rules=len(stored_rules),
        lists=len(stored_lists),
        announcement=await _announcement(tx, anew=everything),
    )
    records = [
        *_of_lists(lists, stored_lists),
        *_of_rules(rules, stored_rules),
        *((f"list:{name}", None) for name in lists.removed if name not in stored_lists),
        (manifest.key, manifest.encode()),
    ]
    await outbox.enqueue(tx, records)


async def _announcement(tx: AsyncConnection, *, anew: bool) -> int:
    number = await written.counter(tx, written.ANNOUNCEMENT)
    if anew or number == 0:
        number = 1 + secrets.randbelow(_MOST)
        await written.set_counter(tx, written.ANNOUNCEMENT, number)
    return number


def _of_lists(news: News, stored: Mapping[str, StoredItem]) -> _Records:
    changed = frozenset(news.changed)
    records: _Records = [(f"list:{name}", None) for name in news.removed if name in stored]
    for name in used_first({name: item.spec["items"] for name, item in stored.items()}):
        if name in changed:
            sent = term_list(name, stored[name].spec, stored[name].version)
            records.append((sent.key, sent.encode()))
    return records


def _of_rules(news: News, stored: Mapping[str, StoredItem]) -> _Records:
    records: _Records = [(f"rule:{rule_id}", None) for rule_id in news.removed]
    rules = [watch_rule(i, stored[i].spec, stored[i].version) for i in news.changed]
    return records + [(rule.key, rule.encode()) for rule in rules]


def watch_rule(rule_id: str, spec: Mapping[str, Any], version: int) -> WatchRule:
    """A rule as it is broadcast."""
    return WatchRule(
        rule_id=rule_id,
        version=version,
        name=spec.get("name") or rule_id,
        query=spec["query"],
        severity=spec.get("severity", "normal"),
        tags=tuple(spec.get("tags", ())),
        languages=tuple(spec.get("languages", ())),
        stem=spec.get("stem", False),
        clitics=spec.get("clitics", False),
    )


def term_list(name: str, spec: Mapping[str, Any], version: int) -> TermList:
    """A saved list as it is broadcast."""
    return TermList(name=name, version=version, items=tuple(spec["items"]))
