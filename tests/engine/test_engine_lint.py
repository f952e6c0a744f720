"""Warnings about rules that may not mean what their author thinks."""

import pytest

from services.engine.lint import lint


@pytest.mark.parametrize(
    ("query", "offset", "message"),
    [
        ("port and strike", 5, "operators are upper case: AND"),
        ("port near/5 strike", 5, "operators are upper case: NEAR/5"),
        ("a b OR c", 0, "read as: (a AND b) OR c"),
        ("c OR a AND b", 5, "read as: c OR (a AND b)"),
        ("a b NEAR/3 c", 2, "read as: a AND (b NEAR/3 c)"),
        ("a OR b NEAR/3 c", 5, "read as: a OR (b NEAR/3 c)"),
        ("a NOT b NEAR c", 6, "read as: a AND (NOT (b NEAR/4 c))"),
        ("NOT a b", 0, "read as: (NOT a) AND b"),
        ("-port AND port", 10, "can never match"),
        ("port (dock -(port OR ship))", 0, "can never match"),
        ("title:port -port", 0, "port is both asked for and excluded"),
        ('"port strike" -port', 0, "port is both asked for and excluded"),
        ("(port NEAR/3 strike) -strike", 1, "strike is both asked for and excluded"),
        ("port (dock -port)", 0, "can never match"),
        ("port OR dock OR Port", 16, "port stands here twice"),
        ("port OR (dock OR port)", 17, "port stands here twice"),
        ("port (dock port)", 11, "port stands here twice"),
        ("dock NEAR/3 (port OR port)", 21, "port stands here twice"),
        ("source:(a.net OR b.net OR a.net)", 0, '"a.net" stands here twice'),
        ("exact:The", 0, "great many"),
        ("port ＡＮＤ strike", 5, "operators are upper case: AND"),
        ("Near/5 strike", 0, "operators are upper case: NEAR/5"),
        ("port AND port", 9, "port stands here twice"),
        ("lind OR @ports", 8, "lind stands here twice"),
        ("the", 0, "great many"),
        ("title:News", 0, "great many"),
        ("port NEAR/51 strike", 0, "NEAR/P"),
        ("a NOT NEAR/99 b", 0, "NEAR/P"),
        ("'port strike'", 0, "double quotes"),
        ("port !strike", 5, "NOT strike"),
        ("port&&strike", 0, "AND"),
        ('"what strike?"', 0, "question"),
        ("source:a.net|b.net", 7, "bar is part"),
        ('"port"-strike', 6, "space before"),
    ],
)
def test_a_doubtful_rule_is_warned_about(query: str, offset: int, message: str) -> None:
    warnings = lint(query, {"ports": ["karvala", "lind"]})
    assert any(one.offset == offset and message in one.message for one in warnings), warnings


@pytest.mark.parametrize(
    "query",
    [
        "port",
        '"dock workers" AND strike',
        "port strike -ferry",
        "port AND NOT ferry",
        "(a b) OR (c d)",
        "a AND (b NEAR/3 c)",
        "(a OR b) AND (c OR d)",
        "-ferry port",
        "port AND NOT (a NEAR/3 b)",
        "l'Isle O'Brien dockers'",
        "@ports AND lind",
        "source:(a OR b)",
        "ATLEAST/3 title:(port OR dock)",
        '"AND" strike',
        "exact:port -exact:Port",
        "title:port -body:port",
        '"port strike" -exact:port',
        '"부산항 파업" -산',
        "port NEAR/50 strike",
        '"what strike? none"',
        "Near strike",
    ],
)
def test_a_plain_rule_is_not(query: str) -> None:
    assert lint(query, {"ports": ["karvala and co", "lind OR the port"]}) == ()
