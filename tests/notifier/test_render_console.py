"""How an alert looks on a terminal."""

import io

import pytest
from rich.console import Console

from services.notifier.message import AnyMessage
from services.notifier.render import render_console
from tests.notifier.alerts import NOW, ferry_alert, hostile_alert
from tests.notifier.golden_files import assert_golden


def printed(message: AnyMessage, width: int, *, terminal: bool = False) -> str:
    console = Console(
        file=io.StringIO(),
        width=width,
        force_terminal=terminal,
        color_system="standard" if terminal else None,
        legacy_windows=False,
    )
    with console.capture() as capture:
        console.print(render_console(message, NOW, width))
    return capture.get()


@pytest.mark.parametrize("width", [80, 120])
def test_an_alert_on_a_terminal(width: int) -> None:
    assert_golden(f"console-{width}.txt", printed(ferry_alert(), width))


def test_hits_are_bold_and_the_headline_is_a_link() -> None:
    shown = printed(ferry_alert(), 80, terminal=True)
    assert "\x1b[1;93mNordholm\x1b[0m" in shown
    assert "https://gazette.example/2026/ferry?from=feed&page=1\x1b\\" in shown


def test_markup_in_a_headline_is_only_text() -> None:
    assert "[red]alarm[/red] [/]" in printed(ferry_alert(title="[red]alarm[/red] [/]"), 80)


@pytest.mark.parametrize("width", [10, 40, 80, 300])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    lines = printed(ferry_alert(), width).splitlines()
    assert max(map(len, lines)) <= max(20, min(width, 120))


def test_hostile_text_steers_no_terminal() -> None:
    shown = printed(hostile_alert(), 80)
    assert not {"\x1b", "\x07", "\x9b", "\x00", "\r", "\u202e", "\u2066", "\u200f"} & set(shown)
    assert len(shown) < 60_000
