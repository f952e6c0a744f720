"""What `watch-rules` and `articles` carry, for the tests of the matcher."""

from datetime import UTC, datetime
from itertools import count
from typing import Any

from schemas.article import Article, TextOrigin, TextReason
from schemas.rule import RulesManifest, TermList, WatchRule
from services.bus.port import Record

NOW = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)
_offsets = count()


def rule(rule_id: str, query: str = "ferry", version: int = 1) -> WatchRule:
    return WatchRule(rule_id=rule_id, version=version, name=rule_id.title(), query=query)


def term_list(name: str, *items: str, version: int = 1) -> TermList:
    return TermList(name=name, version=version, items=items)


def manifest(generation: int, rules: int, lists: int = 0) -> RulesManifest:
    return RulesManifest(generation=generation, rules=rules, lists=lists)


def on_topic(*messages: WatchRule | TermList | RulesManifest) -> list[Record]:
    return [raw(message.key, message.encode()) for message in messages]


def gone(rule_id: str) -> Record:
    return raw(f"rule:{rule_id}", None)


def list_gone(name: str) -> Record:
    return raw(f"list:{name}", None)


def raw(key: str, value: bytes | None) -> Record:
    return Record("watch-rules", 0, next(_offsets), key, value, {}, NOW)


def article(**changes: Any) -> Article:
    facts: dict[str, Any] = {
        "article_id": "a-1",
        "revision": "r-1",
        "feed_id": "harbour",
        "source": "The Harbour Gazette",
        "title": "Ferry line stops",
        "body": "The ferry came back empty. Nobody knows why.",
        "text": TextOrigin.FULL,
        "text_reason": TextReason.PAGE,
        "first_seen_at": NOW,
        "seen_at": NOW,
    }
    return Article(**{**facts, **changes})


def arrived(value: Article | bytes, offset: int = 0) -> Record:
    content = value if isinstance(value, bytes) else value.encode()
    return Record("articles", 0, offset, "a-1", content, {"trace": b"1"}, NOW)
