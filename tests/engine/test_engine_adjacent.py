"""Both ways to find the words of a phrase side by side give what the definition gives."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.engine import adjacent
from tests.engine.newsroom import article, evidence_of

_SETTINGS = settings(derandomize=True, max_examples=300, deadline=None, database=None)
_NUMBERS = st.sets(st.integers(0, 40), min_size=1, max_size=25).map(sorted)


def _by_definition(accepted: Sequence[Sequence[int]]) -> list[int]:
    return [
        start
        for start in range(50)
        if all(start + place in numbers for place, numbers in enumerate(accepted))
    ]


@pytest.mark.parametrize("few", [0, 4096], ids=["bits", "sets"])
def test_runs_begin_where_all_words_follow(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adjacent, "_FEW", few)

    @_SETTINGS
    @given(st.lists(_NUMBERS, min_size=2, max_size=4), st.booleans())
    def check(accepted: list[list[int]], doubled: bool) -> None:
        given = accepted * 2 if doubled else accepted
        assert list(adjacent.starts_of(given)) == _by_definition(given)

    check()


def test_a_long_phrase_that_repeats_itself_is_found_where_it_stands() -> None:
    told = article("b " + "a " * 101 + "c " + "a " * 99 + "c")
    query = '"' + "a " * 100 + 'c"'
    (found,) = evidence_of(query, told)[query]
    assert found == "a " * 100 + "c"
