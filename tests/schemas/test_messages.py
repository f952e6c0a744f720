"""The contracts: what is committed is what the models say, and old messages stay readable."""

import json
from pathlib import Path

import pytest

from schemas.article import Article, revision_of
from schemas.dead_letter import DeadLetter
from schemas.export import JSON, schemas
from schemas.matches import ArticleMatches
from schemas.message import MalformedMessageError, Message
from schemas.rule import RulesManifest, TermList, WatchRule
from schemas.topics import TOPICS, dead_letters_of
from schemas.webhook import WebhookAlert, WebhookNotice, WebhookSummary

EXAMPLES = Path(__file__).parents[2] / "schemas" / "examples"
MODELS: dict[str, type[Message]] = {
    "article": Article,
    "article-matches": ArticleMatches,
    "watch-rule": WatchRule,
    "term-list": TermList,
    "rules-manifest": RulesManifest,
    "dead-letter": DeadLetter,
    "webhook-alert": WebhookAlert,
    "webhook-summary": WebhookSummary,
    "webhook-notice": WebhookNotice,
}


def test_the_committed_json_schemas_are_what_the_models_say() -> None:
    committed = {path.name: path.read_text() for path in JSON.glob("*.json")}
    assert committed == schemas(), "run python -m schemas.export"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_a_golden_message_is_readable_and_keeps_every_field(path: Path) -> None:
    model = MODELS[path.stem.partition(".")[0]]
    written = json.loads(path.read_text())
    read = json.loads(model.decode(path.read_bytes()).encode())
    assert _keeps(written, read)


def test_a_lost_field_deep_inside_would_be_noticed() -> None:
    assert _keeps({"a": [{"b": 1}]}, {"a": [{"b": 1, "new": 2}]})
    assert not _keeps({"a": [{"b": 1, "lost": 2}]}, {"a": [{"b": 1}]})


def _keeps(written: object, read: object) -> bool:
    if isinstance(written, dict) and isinstance(read, dict):
        return all(key in read and _keeps(value, read[key]) for key, value in written.items())
    if isinstance(written, list) and isinstance(read, list):
        return len(written) == len(read) and all(map(_keeps, written, read))
    return written == read


def test_every_message_has_a_golden_example() -> None:
    assert {path.stem.partition(".")[0] for path in EXAMPLES.glob("*.json")} == MODELS.keys()


def test_a_message_of_a_later_version_is_read_without_its_new_field() -> None:
    later = json.loads((EXAMPLES / "watch-rule.1.json").read_text()) | {"mood": "new"}
    assert WatchRule.decode(json.dumps(later).encode()).rule_id == "iran"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "an empty record"),
        (b"rubbish", "not a WatchRule"),
        (b'{"version": 1, "name": "n", "query": "q"}', "rule_id: Field required"),
    ],
)
def test_a_malformed_message_is_named_with_its_first_problems(
    value: bytes | None, said: str
) -> None:
    with pytest.raises(MalformedMessageError, match=said):
        WatchRule.decode(value)


def test_evidence_of_the_golden_matches_slices_to_the_words() -> None:
    matches = ArticleMatches.decode((EXAMPLES / "article-matches.1.json").read_bytes())
    hits = [h for m in matches.matches for c in m.evidence for h in c.hits]
    assert [matches.article.body[h.start : h.end] for h in hits] == [
        "Iranian ground forces",
        "Syria",
    ]


def test_a_revision_names_a_text() -> None:
    assert revision_of("a", "b", "c") == revision_of("a", "b", "c")
    assert (
        len({revision_of("a", "b", "c"), revision_of("ab", "", "c"), revision_of("", "", "")}) == 3
    )


def test_every_topic_that_is_consumed_has_a_dead_letter_topic() -> None:
    for topic in TOPICS:
        if topic.groups:
            assert dead_letters_of(topic).name == f"{topic.name}-dlq"
