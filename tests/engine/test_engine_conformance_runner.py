"""The runner of conformance cases takes any file of the format and hides no failure."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.engine.conformance import main, read_cases

_ARTICLE: dict[str, Any] = {
    "kind": "article",
    "name": "port",
    "title": "Dockers strike",
    "lang": "en",
}


def _file(folder: Path, *lines: dict[str, Any]) -> Path:
    path = folder / "cases.jsonl"
    path.write_text("\n".join(json.dumps(line, ensure_ascii=False) for line in lines) + "\n")
    return path


def _case(**facts: Any) -> dict[str, Any]:
    return {"kind": "case", "id": "c1", "article": "port", "match": True} | facts


def _failure(folder: Path, case: dict[str, Any], *others: dict[str, Any]) -> str | None:
    (only,) = read_cases(_file(folder, case, _ARTICLE, *others))
    return only.failure()


@pytest.mark.parametrize(
    "case",
    [
        _case(rule="strike"),
        _case(rule="ferry", match=False),
        _case(rule="strikes", options={"stem": True, "languages": ["en"]}),
        _case(rule="strike", options={"languages": ["ar"]}, match=False),
        _case(rule="strike", options={"languages": "en"}),
        _case(rule="strike", options={"later": False, "stem": None}),
        _case(rule="strike", options=None, error=False),
        _case(rule="@ports", match=True),
        _case(rule="@others", match=True),
        {"kind": "case", "rule": "strike (", "error": True, "offset": 7},
        {"kind": "case", "rule": "strike (", "error": True, "offset": None},
        {"kind": "case", "rule": "", "error": True},
        {"kind": "case", "rule": "strike", "error": True, "options": {"languages": ["xx"]}},
    ],
)
def test_what_the_engine_does_passes(tmp_path: Path, case: dict[str, Any]) -> None:
    lists: list[dict[str, Any]] = [
        {"kind": "lists", "ports": "strike"},
        {"kind": "lists", "others": ["@ports", "ferry"]},
    ]
    assert _failure(tmp_path, case, *lists) is None


@pytest.mark.parametrize(
    ("case", "failure"),
    [
        (_case(rule="ferry"), "expected a match, got no match"),
        (_case(rule="strike", match=False), "expected no match, got a match"),
        (_case(rule="(strike"), "expected a match, got an error at offset 0"),
        (_case(rule="strike", match=None, error=True), "an error, got a rule that is taken"),
        (_case(rule="strike", error=True, offset=3), "an error at offset 3, got a rule"),
        (_case(rule="a (", error=True, offset=0), "an error at offset 0, got an error at offset 2"),
        (_case(rule="strike", match=None), "expected neither"),
        (_case(rule="strike", match="yes"), "expected neither"),
        (_case(rule=None), "the case broke"),
        (_case(), "the case broke"),
        (_case(rule="strike", article="ferry"), "there is no article 'ferry'"),
        (_case(rule="strike", article=None), "there is no article None"),
        (_case(rule="strike", options={"fuzzy": 2}), "no option fuzzy"),
        (_case(rule="strike", options={"languages": ["xx"]}), "got an error"),
    ],
)
def test_what_it_does_not_do_fails(tmp_path: Path, case: dict[str, Any], failure: str) -> None:
    assert failure in (_failure(tmp_path, case) or "it passed")


def test_fields_may_be_missing_null_text_or_a_list(tmp_path: Path) -> None:
    articles: list[dict[str, Any]] = [
        {"kind": "article", "name": "bare"},
        {"kind": "article", "name": "null", "title": None, "body": None, "author": None},
        {"kind": "article", "name": "one", "author": "Ana Low", "category": ["a\u2028b", None]},
    ]
    cases = [
        _case(id="c1", rule="strike", article="bare", match=False),
        _case(id="c2", rule="strike", article="null", match=False),
        _case(id="c3", rule='author:"ana low" category:b', article="one"),
    ]
    path = _file(tmp_path, *cases, *articles)
    assert [case.failure() for case in read_cases(path)] == [None] * 3


def test_the_last_line_counts_and_each_failure_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = _file(tmp_path, _ARTICLE, _case(rule="strike"), _case(id="c2", rule="ferry"))
    assert main([str(path)]) == 1
    named, count = capsys.readouterr().out.splitlines()
    assert named == "c2: rule 'ferry', article port: expected a match, got no match"
    assert count == "1 passed, 1 failed"


def test_a_file_that_passes_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(_file(tmp_path, _ARTICLE, _case(rule="strike")))]) == 0
    assert capsys.readouterr().out == "1 passed, 0 failed\n"
    assert main([]) == 2
