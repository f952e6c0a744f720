"""Sentences and paragraphs: what NEAR/S and NEAR/P are bounded by, and phrases."""

import pytest

from schemas.article import Article
from tests.engine.newsroom import article, does_match


@pytest.mark.parametrize(
    "text",
    [
        "The harbour shut. Ships wait.",
        "Who shut the harbour? Ships wait.",
        "They shut the harbour! Ships wait.",
        "They shut the harbour… Ships wait.",
        "They shut the harbour?! ships wait.",
        "They shut the harbour... Ships wait.",
        "They shut the harbour. 40 ships wait.",
        "They shut the harbour. “Ships wait.”",
        "They shut the harbour.\nShips wait.",
        'He said: "I shut the harbour." Ships wait.',
        "“I shut the harbour.” Ships wait.",
        "(He shut the harbour.) Ships wait.",
        "[He shut the harbour.] Ships wait.",
        "«He shut the harbour.» Ships wait.",
        "„He shut the harbour.“ Ships wait.",
        "‘He shut the harbour.’ Ships wait.",
        "harbour? ships",
        "harbour! ships",
        "harbour… ships",
        "harbour؟ ships",
        "harbour۔ ships",
        "harbour.\u200f Ships",
        "“harbour.\u200f”\u200e Ships",
        "harbour?\u200f ships",
        "harbour। ships",
        "harbour。 ships",
        "harbour。ships",
        "harbour！ships",
        "harbour？ships",
        "harbour。」ships",
        "harbour！”Ships",
        # no initials, though a single letter is what stands before the point
        "The harbour didn't. Ships wait.",
        "The harbour: that’s it’s. Ships wait.",
        "The harbour, cafe\u0301s. Ships wait.",
        "harbour ईरान. Ships",
        "harbour है. Ships",
        "harbour 港. Ships",
        # no abbreviations that the language knows
        "harbour Inc. Ships",
        "harbour etc. Ships",
        "harbour xMr. Ships",
    ],
)
def test_a_sentence_ends(text: str) -> None:
    assert does_match("harbour NEAR/P ships", text)
    assert not does_match("harbour NEAR/S ships", text)
    assert not does_match("ships NEAR/S harbour", text)


@pytest.mark.parametrize(
    "text",
    [
        "The harbour that J. Ships owned.",
        "The harbour of the U.S. Ships wait.",
        "The harbour of the U.S.A. Ships wait.",
        "The harbour of J. R. R. Ships waits.",
        "The harbour of J.-P. Ships waits.",
        "The harbour of E\u0301. Ships waits.",
        "The harbour of d'A. Ships waits.",
        "In the harbour Mr. Ships waits.",
        "In the harbour Mrs. Ships waits.",
        "In the harbour Ms. Ships waits.",
        "In the harbour Dr. Ships waits.",
        "In the harbour Prof. Ships waits.",
        "In the harbour Gen. Ships waits.",
        "In the harbour Col. Ships waits.",
        "In the harbour Maj. Ships waits.",
        "In the harbour Lt. Ships waits.",
        "In the harbour Sgt. Ships waits.",
        "In the harbour Capt. Ships waits.",
        "In the harbour Gov. Ships waits.",
        "In the harbour Sen. Ships waits.",
        "In the harbour Rep. Ships waits.",
        "In the harbour of St. Ships waits.",
        "The harbour (Lt. Ships) waits.",
        "The harbour is 3.5 metres deep; ships wait.",
        "The harbour... where ships wait.",
        "“The harbour.” he said, ships wait.",
        "The harbour.\u00a0\n  ships wait",
        "The harbour. élan of ships",
        "The harbour. \u200bwhere ships wait",
        "The harbour .Ships wait",
        "The harbour.Ships wait",
        "The harbour?Ships wait",
        "The harbour; ships wait: “ships”",
        "The harbour, Yahoo!s ships",
        "harbour." + " " * 100 + "ships",
        "One\nharbour\nof ships.",
    ],
)
def test_a_sentence_goes_on(text: str) -> None:
    assert does_match("harbour NEAR/S ships", text)
    assert does_match("ships NEAR/S harbour", text)
    assert does_match("harbour ONEAR/S ships", text)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('"shut. Ships"', True),
        ('"harbour shut ships wait"', True),
        ('"shut ships" NEAR/S wait', False),
        ('wait NEAR/S "shut ships"', False),
        ('"shut ships" NEAR/P wait', True),
        ('"ships wait" NEAR/S long', True),
        ('("shut ships" OR ships) NEAR/S long', True),
        ('(harbour OR ships) NEAR/S "shut ships"', False),
        # a phrase that runs over the end is in no sentence: nothing is near it
        ('"shut ships" NOT NEAR/S wait', True),
        ('wait NOT NEAR/S "shut ships"', True),
        ("wait NOT NEAR/S ships", False),
        ("harbour NOT ONEAR/S shut", False),
        ("shut NOT ONEAR/S harbour", True),
    ],
)
def test_both_operands_are_wholly_in_one_sentence(query: str, expected: bool) -> None:
    assert does_match(query, "The harbour shut. Ships wait long.") is expected


@pytest.mark.parametrize(
    "gap",
    [
        "\n\n",
        "\r\n\r\n",
        "\r\r",
        "\n \n",
        "\n\t\u00a0\n",
        "\n\n\n\n",
        " \n  \r\n ",
        "\n\u200b\n",
        "\n \ufeff \n",
    ],
)
def test_a_blank_line_ends_a_paragraph(gap: str) -> None:
    text = f"One harbour{gap}ships two."
    for query in ('"harbour ships"', "harbour NEAR/0 ships", "harbour NEAR/P ships"):
        assert not does_match(query, text)
        assert not does_match(query.replace("NEAR", "ONEAR"), text)
    assert does_match("harbour NOT NEAR/P ships", text)
    assert does_match("lead:harbour -lead:ships", text)


@pytest.mark.parametrize("gap", ["\n", "\r\n", "\r", "\n   ", "\u2028", "\u3000", "\t"])
def test_a_single_line_break_is_white_space(gap: str) -> None:
    text = f"One harbour{gap}ships two."
    assert does_match('"harbour ships" AND harbour NEAR/S ships', text)
    assert does_match("lead:ships", text)


def test_an_empty_line_at_the_beginning_is_no_lead() -> None:
    assert does_match("lead:harbour", "\u200b\n\nThe harbour.\n\nShips wait.")


def _two_fields() -> Article:
    return article("Ships wait.\n\nStill.", title="The harbour", summary="Quay walls.")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('"harbour ships"', False),
        ("harbour NEAR/9 ships", False),
        ("harbour NEAR/P ships", False),
        ("harbour NOT NEAR/P ships", True),
        ("harbour ships", True),
        ("ATLEAST/2 (harbour OR ships)", True),
        # fields
        ("title:harbour body:ships lead:ships body:still", True),
        ("title:ships OR body:harbour OR lead:harbour OR lead:still", False),
        ("quay OR body:quay OR lead:quay OR title:quay", False),
        ("title:(harbour -ships)", True),
        ("body:(harbour OR still)", True),
        ("lead:(ships still)", False),
        ('title:"the harbour" AND title:exact:Harbour', False),
        ("title:harb* body:wai?", True),
        ("title:ATLEAST/1 harbour", True),
        ("body:(ships NEAR/0 wait)", True),
    ],
)
def test_nothing_reaches_from_field_to_field(query: str, expected: bool) -> None:
    assert does_match(query, _two_fields()) is expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("quay", True),
        ('"quay walls"', True),
        ("lead:quay lead:still", True),
        ("body:quay OR title:quay", False),
        ("harbour quay", True),
        ("ATLEAST/2 (harbour OR quay)", True),
        ("title:harbour", True),
    ],
)
def test_the_summary_stands_in_for_a_body(query: str, expected: bool) -> None:
    for body in ("", " \n\n ", "\u200b"):
        told = article(body, title="The harbour", summary="Quay walls.\n\nStill.")
        assert does_match(query, told) is expected
