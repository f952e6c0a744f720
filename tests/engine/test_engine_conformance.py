"""The conformance cases of the rule language, where the file is at hand."""

from pathlib import Path

import pytest

from tests.engine.conformance import Case, read_cases

_FILE = Path(__file__).parents[2].parent / "shared" / "conformance" / "rules.jsonl"


if _FILE.exists():

    @pytest.mark.parametrize("case", list(read_cases(_FILE)), ids=lambda case: case.name)
    def test_the_engine_conforms(case: Case) -> None:
        assert case.failure() is None, case.line

else:

    @pytest.mark.skip(reason=f"{_FILE.name} of the conformance cases is not at hand")
    def test_the_engine_conforms_to_cases_that_are_not_here() -> None:
        """Shown as skipped, so that nobody takes silence for success."""
