"""The built-in script and the demo's folder of rules: what they hold, without a server."""

import re
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import pytest
import yaml

from schemas.article import Article, TextOrigin, TextReason
from schemas.folder import RuleSpec
from schemas.rule import WatchRule
from services.config.folder import Folder, read_folder
from services.embedded.demo.desk import entry_of
from services.embedded.demo.expected import COPIES, EXPECTED
from services.embedded.demo.freshness import Condition, Version, has_this_version
from services.embedded.demo.piece import Piece, PieceError, issue, parse_piece
from services.embedded.demo.playback import rotation
from services.embedded.demo.rendering import render_page
from services.embedded.demo.script import BUILTIN, Cue, Script, ScriptError, read_script
from services.engine.ruleset import RuleSet
from services.poller.articles import without_headline
from services.poller.extract import Extracted, extract_page

SHARED = Path(__file__).parents[2].parent / "shared"
CONFIG = BUILTIN.parents[1] / "config"
NOON = datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def script() -> Script:
    return read_script(BUILTIN)


def furniture_of(piece: Piece) -> str:
    furniture = piece.furniture
    links = [more.title for more in furniture.read_more]
    return "\n".join([*links, *furniture.also_in, *furniture.editors_choice, furniture.caption])


def text_of(piece: Piece) -> str:
    return "\n\n".join([piece.title, piece.summary, *piece.body])


def published(script: Script) -> list[Cue]:
    two_rounds = [cue for _, cue in islice(rotation(script), 2 * len(script.pool))]
    return [*script.archive, *script.timeline, *two_rounds]


# --- the folder ----------------------------------------------------------------------


def test_the_folder_is_one_an_operator_could_have_written(tmp_path: Path, script: Script) -> None:
    copy = shutil.copytree(CONFIG, tmp_path / "config")
    feeds = (copy / "feeds.yaml").read_text("utf-8")
    (copy / "feeds.yaml").write_text(feeds.replace("{newsroom}", "http://127.0.0.1:8000"))
    folder = read_folder(copy)
    assert isinstance(folder, Folder), folder
    assert not folder.warnings
    assert [(f.id, f.name) for f in folder.feeds] == [(o.id, o.title) for o in script.outlets]
    assert {rule_id for rule_id, _ in EXPECTED} < {rule.id for rule in folder.rules}
    assert [channel.type for channel in folder.channels] == ["console"]
    assert [(s.id, s.kind, s.rules) for s in folder.subscriptions] == [
        ("demo", "alerts", "all"),
        ("operator", "ops", None),
    ]


def test_the_rules_find_what_is_expected_and_nothing_else(script: Script) -> None:
    rules = RuleSet.of(_stored_rules())
    found = {
        (match.rule_id, cue.slug)
        for cue in (*script.archive, *script.timeline)
        for match in rules.match(_article(cue.piece, "\n\n".join(cue.piece.body))).matches
    }
    assert found == EXPECTED | COPIES


def test_the_third_rule_would_alert_on_every_leaked_link(script: Script) -> None:
    rules = RuleSet.of(_stored_rules())
    trap = script.timeline[0].piece
    for more in trap.furniture.read_more:
        matches = rules.match(_article(trap, more.title)).matches
        assert [match.rule_id for match in matches] == ["words-in-links"]


def test_some_of_the_pool_matches_and_most_does_not(script: Script) -> None:
    rules = RuleSet.of(_stored_rules())
    matched = [
        cue.slug
        for _, cue in islice(rotation(script), len(script.pool))
        if rules.match(_article(cue.piece, "\n\n".join(cue.piece.body))).matches
    ]
    assert matched == ["ferry-talks-1", "garrison-briefing-1"]


def _stored_rules() -> list[WatchRule]:
    written = yaml.safe_load((CONFIG / "rules" / "demo.yaml").read_text("utf-8"))["rules"]
    specs = [RuleSpec.model_validate(item) for item in written]
    return [
        WatchRule(rule_id=s.id, version=1, name=s.name or s.id, query=s.query, severity=s.severity)
        for s in specs
    ]


def _article(piece: Piece, body: str) -> Article:
    return Article(
        article_id="a",
        revision="r",
        feed_id="f",
        source="f",
        title=piece.title,
        body=body,
        summary=piece.summary,
        text=TextOrigin.FULL,
        text_reason=TextReason.PAGE,
        first_seen_at=NOON,
        seen_at=NOON,
    )


# --- the pieces ----------------------------------------------------------------------


def test_the_trap_says_the_phrase_once_in_the_middle_of_the_body(script: Script) -> None:
    trap = script.timeline[0].piece
    assert "troops" in trap.title
    assert trap.summary == trap.title
    saying = [n for n, text in enumerate(trap.body) if "Iranian ground forces" in text]
    assert len(saying) == 1
    assert 4 <= saying[0] <= len(trap.body) - 5
    everything = text_of(trap) + furniture_of(trap)
    assert (everything.count("Iranian ground forces"), everything.count("Syria")) == (1, 1)


def test_the_words_of_the_third_rule_stand_in_links_only(script: Script) -> None:
    for word in ("glacier railway", "lighthouse choir", "amber smuggling"):
        links = furniture_of(script.timeline[0].piece).lower()
        assert links.count(word) >= 2
        assert not [c.slug for c in published(script) if word in text_of(c.piece).lower()]


def test_the_second_report_is_the_first_cut_to_a_third(script: Script) -> None:
    trap, copy = (cue.piece for cue in script.timeline[:2])
    assert all(any(text.startswith(cut) for text in trap.body) for cut in copy.body)
    words, copied = (len(" ".join(piece.body).split()) for piece in (trap, copy))
    assert 0.25 < copied / words < 0.4


def test_every_publication_is_an_entry_of_its_own(script: Script) -> None:
    cues = published(script)
    assert len({(cue.outlet_id, cue.slug) for cue in cues}) == len(cues)
    assert len({cue.piece.title for cue in cues}) == len(cues)
    assert not [cue.slug for cue in cues if re.search(r"[{}]", text_of(cue.piece))]


def test_a_new_issue_carries_another_number_in_its_title(script: Script) -> None:
    for cue in script.pool:
        first, second = (re.findall(r"\d+", issue(cue.piece, n).title) for n in (1, 2))
        assert first and first != second


def test_the_pool_comes_out_every_twenty_to_forty_seconds(script: Script) -> None:
    waits = [seconds for seconds, _ in islice(rotation(script), 50)]
    assert (min(waits), max(waits)) == (20, 40)
    assert len(set(waits)) > 5


def test_a_script_without_a_pool_ends() -> None:
    assert list(rotation(Script())) == []


def test_every_word_is_our_own(script: Script) -> None:
    source = SHARED / "data" / "source-article.txt"
    if not source.exists():
        pytest.skip("the article that the project started from is not here")
    theirs = _runs_of_six(source.read_text("utf-8"))
    assert not theirs & _runs_of_six("\n".join(text_of(c.piece) for c in published(script)))


def _runs_of_six(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return set(zip(*(words[start:] for start in range(6)), strict=False))


def test_the_product_reads_every_page_whole_and_nothing_around_it(script: Script) -> None:
    outlets = {outlet.id: outlet for outlet in script.outlets}
    for cue in (*script.archive, *script.timeline):
        outlet = outlets[cue.outlet_id]
        page = render_page(outlet, entry_of(outlet, cue.slug, cue.piece, NOON), "http://site")
        read = extract_page(page, "text/html; charset=utf-8", "http://site/page.html")
        assert isinstance(read, Extracted), cue.slug
        # The Lantern prints the summary as a standfirst: part of the article to some readers.
        standfirst = cue.piece.summary
        body = without_headline(read.body, cue.piece.title)
        assert tuple(p for p in body.split("\n\n") if p != standfirst) == cue.piece.body


# --- mistakes in files ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("No front matter.", "start with a line of ---"),
        ("---\ntitel: x\n---\nText.", "titel"),
        ("---\n[\n---\nText.", "the part between the --- lines is wrong"),
        ("---\n---\nText.", "the part between the --- lines is wrong"),
    ],
)
def test_a_piece_with_a_mistake_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(PieceError, match=re.escape(complaint)):
        parse_piece(text)


def test_a_script_that_names_an_unknown_outlet_or_piece_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "script.yaml"
    path.write_text("timeline: [{at: 1, outlet: nobody, article: x.md}]")
    with pytest.raises(ScriptError, match='there is no outlet "nobody"; add it under outlets'):
        read_script(path)
    path.write_text(
        "outlets: [{id: us, title: Us}]\ntimeline: [{at: 1, outlet: us, article: x.md}]"
    )
    with pytest.raises(ScriptError, match=r"x\.md"):
        read_script(path)


def test_a_script_that_publishes_one_page_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.md").write_text("---\ntitle: X\n---\n")
    path = tmp_path / "script.yaml"
    cue = "{at: 1, outlet: us, article: x.md}"
    path.write_text(f"outlets: [{{id: us, title: Us}}]\ntimeline: [{cue}, {cue}]")
    with pytest.raises(ScriptError, match='"us" publishes x 2 times; keep one'):
        read_script(path)


def test_a_script_is_read_with_its_pieces_in_the_order_of_time(tmp_path: Path) -> None:
    (tmp_path / "late.md").write_text("---\ntitle: Late\n---\nOne.\n\nTwo\nlines.\n")
    (tmp_path / "early.md").write_text("---\ntitle: Early\n---\n")
    (tmp_path / "script.yaml").write_text(
        "outlets: [{id: us, title: Us}]\n"
        "timeline:\n"
        "  - {at: 2, outlet: us, article: late.md}\n"
        "  - {at: 1, outlet: us, article: early.md}\n"
    )
    early, late = read_script(tmp_path / "script.yaml").timeline
    assert (early.slug, early.when, late.slug) == ("early", 1, "late")
    assert late.piece.body == ("One.", "Two lines.")


# --- conditional requests ------------------------------------------------------------

FIRST = Version(1, NOON.replace(microsecond=200_000))


def _since(moment: datetime) -> Condition:
    return Condition(None, moment)


def test_the_date_of_the_version_itself_means_unchanged() -> None:
    assert has_this_version(_since(NOON), "e", FIRST)
    assert not has_this_version(_since(NOON - timedelta(seconds=1)), "e", FIRST)


def test_a_version_that_was_seen_makes_its_second_ambiguous() -> None:
    soon = NOON.replace(microsecond=900_000)
    assert not has_this_version(_since(NOON), "e", FIRST.next(soon, was_seen=True))
    assert has_this_version(_since(NOON), "e", FIRST.next(soon, was_seen=False))
    third = FIRST.next(soon, was_seen=True).next(soon, was_seen=False)
    assert not has_this_version(_since(NOON), "e", third)


def test_the_next_second_is_unambiguous_again() -> None:
    later = NOON + timedelta(seconds=1)
    second = replace(FIRST, shares_second=True).next(later, was_seen=True)
    assert has_this_version(_since(later), "e", second)


def test_an_entity_tag_silences_the_date() -> None:
    assert not has_this_version(Condition(["other"], NOON), "e", FIRST)
    assert not has_this_version(Condition([], NOON), "e", FIRST)  # a header nobody can read
    assert has_this_version(Condition(["other", "e"], None), "e", FIRST)
    assert has_this_version(Condition(["*"], None), "e", FIRST)
    assert not has_this_version(Condition(None, None), "e", FIRST)
