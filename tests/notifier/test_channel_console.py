"""The console channel on streams that work, are gone, or block."""

import io
import threading
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from rich.console import Console

from services.notifier.channels.console import ConsoleChannel
from services.notifier.outcome import Delivered
from tests.contracts.channel_contract import ChannelContract
from tests.notifier.alerts import NOW, ferry_alert

PATIENT, HASTY = 20.0, 0.2


class PausedTerminal(io.StringIO):
    """Whoever writes waits until somebody goes on reading."""

    def __init__(self) -> None:
        super().__init__()
        self.goes_on = threading.Event()

    def write(self, text: str) -> int:
        self.goes_on.wait()
        return super().write(text)


@pytest.fixture
def terminal() -> io.StringIO:
    return io.StringIO()


async def opened(file: io.TextIOBase, timeout: float = PATIENT) -> AsyncIterator[ConsoleChannel]:
    channel = ConsoleChannel(Console(file=file, width=100), timeout)  # type: ignore[arg-type]
    yield channel
    await channel.close()


class TestConsoleChannel(ChannelContract):
    DOES_NOT_APPLY = frozenset({"refusing"})

    @pytest.fixture
    async def working(self, terminal: io.StringIO) -> AsyncIterator[ConsoleChannel]:
        async for channel in opened(terminal):
            yield channel

    @pytest.fixture
    async def away(self) -> AsyncIterator[ConsoleChannel]:
        closed = io.StringIO()
        closed.close()
        async for channel in opened(closed):
            yield channel

    @pytest.fixture
    def paused(self) -> Iterator[PausedTerminal]:
        terminal = PausedTerminal()
        yield terminal
        terminal.goes_on.set()

    @pytest.fixture
    async def hanging(self, paused: PausedTerminal) -> AsyncIterator[ConsoleChannel]:
        async for channel in opened(paused, HASTY):
            yield channel

    @pytest.fixture
    def received(self, terminal: io.StringIO) -> Callable[[], str]:
        return terminal.getvalue


async def test_a_terminal_without_the_letters_shows_what_it_can() -> None:
    raw = io.BytesIO()
    terminal = io.TextIOWrapper(raw, encoding="ascii")
    channel = ConsoleChannel(Console(file=terminal, width=100), PATIENT)
    outcome = await channel.send(ferry_alert(title="Fähre nach Norden"), NOW)
    await channel.close()
    assert outcome == Delivered("printed")
    assert b"F?hre nach Norden" in raw.getvalue()
    terminal.close()
