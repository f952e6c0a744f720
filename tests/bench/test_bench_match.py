"""The benchmark of rule matching: its rules mean one thing in both languages, and it runs."""

import shutil
from itertools import islice
from pathlib import Path

import pytest

from bench.match import corpus, files
from bench.match.__main__ import main
from bench.match.compare import (
    CLASSES,
    OVERLAP,
    SEVERAL,
    UNEXPLAINED,
    Differences,
    Judge,
    differences,
    differing_rules,
)
from bench.match.corpus import Text, as_article
from bench.match.files import Setting
from bench.match.generate import Rules
from bench.match.memory import Memory, parse
from bench.match.query import (
    All,
    AnyOf,
    Near,
    Node,
    Not,
    Phrase,
    Prefix,
    Title,
    Word,
    lucene,
    ours,
    restored,
    stored,
)
from bench.match.readings import Reader, lucene_reading, our_reading
from schemas.rule import WatchRule
from services.engine.ruleset import RuleSet

TEXTS = (
    Text("a1", "Acme issues profit warning", "Shares fell after it said profits would miss."),
    Text("a2", "Umbrella buys Initech", "The takeover of Initech by Umbrella was agreed."),
    Text("a3", "Rain", "A warning about rain.\n\nNo shares fell."),
)

MEANINGS: list[tuple[Node, str, str, str]] = [
    (Word("warning"), "warning", "warning", "a1 a3"),
    (Title("rain"), "title:rain", "title:rain", "a3"),
    (Prefix("profi"), "profi*", "profi*", "a1"),
    (Phrase(("shares", "fell")), '"shares fell"', '"shares fell"', "a1 a3"),
    (Near("umbrella", "takeover", 3), "(umbrella NEAR/3 takeover)", '"umbrella takeover"~3', "a2"),
    (Near("umbrella", "takeover", 2), "(umbrella NEAR/2 takeover)", '"umbrella takeover"~2', ""),
    (
        All((AnyOf((Word("acme"), Word("rain"))), Not(Word("initech")), Word("shares"))),
        "((acme OR rain) AND NOT initech AND shares)",
        "((acme OR rain) AND NOT initech AND shares)",
        "a1 a3",
    ),
    (
        All((Word("fell"), Not(AnyOf((Word("acme"), Word("umbrella")))))),
        "(fell AND NOT (acme OR umbrella))",
        "(fell AND NOT (acme OR umbrella))",
        "a3",
    ),
]


def matched(nodes: list[Node], texts: tuple[Text, ...] | list[Text]) -> set[tuple[str, int]]:
    """What the engine finds: keys of articles and numbers of rules."""
    rules = RuleSet.of(
        WatchRule(rule_id=str(number), version=1, name="", query=ours(node))
        for number, node in enumerate(nodes)
    )
    return {
        (text.key, int(match.rule_id))
        for text in texts
        for match in rules.match(as_article(text)).matches
    }


@pytest.mark.parametrize(("node", "our_print", "lucene_print", "expected"), MEANINGS)
def test_a_rule_says_in_both_languages_what_it_means(
    node: Node, our_print: str, lucene_print: str, expected: str
) -> None:
    assert (ours(node), lucene(node)) == (our_print, lucene_print)
    assert restored(stored(node)) == node
    assert matched([node], TEXTS) == {(key, 0) for key in expected.split()}
    for reading, is_ours in ((our_reading, True), (lucene_reading, False)):
        held = {t.key for t in TEXTS if Reader(reading(t), is_ours=is_ours).holds(node)}
        assert held == set(expected.split())


def test_the_generated_articles_and_rules_are_the_same_every_time() -> None:
    texts, others = corpus.generated(20)
    assert (texts, others) == corpus.generated(20)
    assert {text.key for text in texts}.isdisjoint(text.key for text in others)
    assert list(islice(Rules(texts), 50)) == list(islice(Rules(texts), 100))[:50]


def test_every_kind_of_rule_is_generated_and_read_alike_by_engine_and_benchmark() -> None:
    texts, _ = corpus.generated(15)
    nodes = list(islice(Rules(texts), 300))
    printed = "\n".join(map(ours, nodes))
    assert all(sign in printed for sign in ('"', "AND NOT", " OR ", "NEAR/", "title:", "*"))
    readers = {text.key: Reader(our_reading(text), is_ours=True) for text in texts}
    held = {
        (key, number)
        for key, reader in readers.items()
        for number, node in enumerate(nodes)
        if reader.holds(node)
    }
    assert held
    assert matched(nodes, texts) == held


def test_selective_rules_have_no_ors() -> None:
    texts, _ = corpus.generated(15)
    assert " OR " not in "".join(map(ours, islice(Rules(texts, selective=True), 200)))


def test_articles_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    text = Text("k", "A \\ title", "One\ttab.\n\nA back\\nslash\r and \u2028 a separator.")
    corpus.write(tmp_path / "articles.tsv", [text])
    assert corpus.read(tmp_path / "articles.tsv") == [text]


def test_files_are_made_once_and_hold_the_rules_in_each_language(tmp_path: Path) -> None:
    texts, others = corpus.generated(5)
    given = files.prepared(tmp_path, texts, others, Setting(10))
    made = given.articles.stat().st_mtime_ns
    assert files.prepared(tmp_path, texts, others, Setting(10)) == given
    assert given.articles.stat().st_mtime_ns == made
    read = {name: dict(files.read_rules(given.rules(name), 10)) for name in ("ours", "lucene")}
    for key, node in given.nodes(set(read["ours"])).items():
        assert (read["ours"][key], read["lucene"][key]) == (ours(node), lucene(node))


DIFFERENCES: list[tuple[str, Node, bool, str]] = [
    ("He left.\n\nShares fell.", Phrase(("left", "shares")), False, "paragraphs"),
    ("He saw Iran's border.", Word("iran"), True, "possessive"),
    ("They don\u2019t know.", Phrase(("don", "t", "know")), True, "other apostrophe"),
    ("The U.S. left.", Word("us"), True, "initials"),
    ("See example.com now.", Word("example"), True, "point between letters"),
    ("It has 2,000 seats.", Word("2000"), True, "number"),
    ("From user:name here.", Word("user"), True, "colon"),
    ("Copyright © 2018.", Phrase(("copyright", "2018")), True, "other characters"),
    ("In a café here.", Word("cafe"), True, "accents"),
    ("In Café's shop at example.com:", All((Word("cafe"), Word("example"))), True, "several"),
    ("One café alone.", Near("café", "café", 5), False, "one word"),
    ("Nothing here.", Word("iran"), True, "unexplained"),
    ("Iran is in both.", Word("iran"), False, "unexplained"),
]


@pytest.mark.parametrize(("body", "node", "is_ours", "kind"), DIFFERENCES)
def test_a_difference_is_told_by_what_causes_it(
    body: str, node: Node, is_ours: bool, kind: str
) -> None:
    [known] = [k for k in (*CLASSES, OVERLAP, SEVERAL, UNEXPLAINED) if k.startswith(kind)]
    assert Judge(Text("a", "Title", body)).kind(node, is_ours=is_ours) == known


def test_only_pairs_that_differ_are_counted() -> None:
    text = Text("a", "", "Iran's oil")
    mine, theirs = {"a": frozenset({"q1", "q2"})}, {"a": frozenset({"q1"})}
    assert differing_rules(mine, theirs) == {"q2"}
    found: Differences = differences(mine, theirs, [text], {"q2": Word("iran")})
    assert (found.count, found.unexplained) == (1, 0)
    assert found.only_ours.total() == 1


def test_memory_is_what_is_resident_and_what_is_mapped_from_the_folder(tmp_path: Path) -> None:
    smaps = f"""\
7f00-7f01 r-xp 00000000 fe:00 1 /usr/lib/libc.so
Size:                100 kB
Rss:                  40 kB
7f02-7f03 r--p 00000000 fe:00 2 {tmp_path.resolve()}/postings
Size:                 64 kB
KernelPageSize:        4 kB
Rss:                  16 kB
7f04-7f05 rw-p 00000000 00:00 0
Size:                  8 kB
Rss:                   4 kB
VmFlags: rd wr
"""
    assert parse(smaps, tmp_path) == Memory(resident=60 * 1024, mapped=48 * 1024)


def tiny(folder: Path, *more: str) -> list[str]:
    sizes = ["--rules", "60", "--selective", "50", "--articles", "12", "--updates", "5"]
    return [*sizes, "--repeats", "1", "--work", str(folder), "--articles-file", "none", *more]


def test_a_run_without_lucene_prints_our_side(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(tiny(tmp_path, "--without-lucene")) == 0
    printed = capfd.readouterr().out
    assert "60 rules" in printed
    assert "50 rules, selective" in printed
    assert "matches with offsets, articles/s" in printed
    assert "Traceback" not in printed


def test_without_java_a_sentence_says_what_is_missing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(tiny(tmp_path)) == 0
    assert "Lucene is left out" in capfd.readouterr().out


@pytest.mark.slow
@pytest.mark.skipif(
    not all(map(shutil.which, ("java", "javac", "mvn"))), reason="needs Java 17 and Maven"
)
@pytest.mark.parametrize("more", [(), ("--plain",)])
def test_a_run_beside_lucene_finds_the_same_matches(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], more: tuple[str, ...]
) -> None:
    assert main(tiny(tmp_path, *more)) == 0
    printed = capfd.readouterr().out
    assert "Lucene is left out" not in printed
    assert "unexplained" in printed
