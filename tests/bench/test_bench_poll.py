"""The benchmark of polling: it runs, on feeds that answer as it says."""

import pytest

from bench.poll.__main__ import main

SMALL = ["--feeds", "40", "--hosts", "20", "--repeats", "1", "--idle", "100"]


@pytest.mark.slow
def test_it_polls_what_is_unchanged_and_what_has_news(capfd: pytest.CaptureFixture[str]) -> None:
    assert main([*SMALL, "--least", "0"]) == 0
    table = capfd.readouterr().out
    assert table.count("Wirewatch") == 3
    assert "100 feeds not due" in table
