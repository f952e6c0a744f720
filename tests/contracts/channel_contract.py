"""What every channel must do, however it reaches people.

A channel's test subclasses `ChannelContract` and provides the fixtures below. Channels for
which a case makes no sense say so in `DOES_NOT_APPLY`.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import ClassVar

import pytest
from structlog.testing import capture_logs

from services.notifier.channels.port import Channel
from services.notifier.outcome import Delivered, GaveUp, Outcome, Reason, TryLater
from tests.notifier.alerts import NOW, ferry_alert, hostile_alert
from tests.notifier.notices import told

UNSEEN = frozenset("\x00\x07\x1b\x9b\u202e\u2066\u200f")

Said = Callable[[Channel], Awaitable[str]]

# Loggers of the servers that tests run, which see what no product log may show.
SERVER_LOGS = ("mail.", "aiohttp.server", "aiohttp.access")


class ChannelContract:
    """Fixtures to provide: `working`, `away`, `hanging`, `refusing`, `received`."""

    SECRETS: ClassVar[tuple[str, ...]] = ()
    DOES_NOT_APPLY: ClassVar[frozenset[str]] = frozenset()

    @pytest.fixture
    def working(self) -> Channel:
        """A channel whose server takes everything."""
        raise NotImplementedError

    @pytest.fixture
    def away(self) -> Channel:
        """A channel whose server cannot be reached."""
        raise NotImplementedError

    @pytest.fixture
    def hanging(self) -> Channel:
        """A channel with a short time-out, whose server never answers."""
        raise NotImplementedError

    @pytest.fixture
    def refusing(self) -> Channel:
        """A channel whose server refuses the credentials, and quotes them."""
        raise NotImplementedError

    @pytest.fixture
    def received(self) -> Callable[[], str]:
        """Everything readable that the working channel's server has received."""
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def _skip_what_does_not_apply(self, request: pytest.FixtureRequest) -> None:
        missing = self.DOES_NOT_APPLY & set(request.fixturenames)
        if missing:
            pytest.skip(f"does not apply: {', '.join(sorted(missing))}")

    async def test_what_arrives_is_delivered_with_a_receipt(
        self, working: Channel, received: Callable[[], str]
    ) -> None:
        outcome = await working.send(ferry_alert(), NOW)
        assert isinstance(outcome, Delivered)
        assert outcome.receipt
        assert "Nordholm" in received()

    async def test_a_notice_to_the_operator_is_delivered_like_an_alert(
        self, working: Channel, received: Callable[[], str]
    ) -> None:
        assert isinstance(await working.send(told(), NOW), Delivered)
        assert "The Harbour Gazette cannot be read" in received()

    async def test_a_channel_can_be_used_again_and_again(self, working: Channel) -> None:
        outcomes = [await working.send(ferry_alert(), NOW) for _ in range(3)]
        assert all(isinstance(outcome, Delivered) for outcome in outcomes)

    async def test_a_server_that_is_away_is_tried_later(self, away: Channel) -> None:
        outcome = await away.send(ferry_alert(), NOW)
        assert isinstance(outcome, TryLater)
        assert outcome.reason is Reason.UNREACHABLE

    async def test_a_server_that_hangs_is_tried_later(self, hanging: Channel) -> None:
        outcome = await hanging.send(ferry_alert(), NOW)
        assert isinstance(outcome, TryLater)
        assert outcome.reason is Reason.TIMED_OUT

    async def test_refused_credentials_hold_the_channel(self, refusing: Channel) -> None:
        outcome = await refusing.send(ferry_alert(), NOW)
        assert isinstance(outcome, TryLater)
        assert outcome.reason is Reason.BAD_CREDENTIALS

    async def test_hostile_content_arrives_and_is_harmless(
        self, working: Channel, received: Callable[[], str]
    ) -> None:
        assert isinstance(await working.send(hostile_alert(), NOW), Delivered)
        assert not UNSEEN & set(received())

    async def test_success_tells_no_secret(self, working: Channel, said: Said) -> None:
        self._assert_no_secret(await said(working))

    async def test_an_absent_server_makes_it_tell_no_secret(
        self, away: Channel, said: Said
    ) -> None:
        self._assert_no_secret(await said(away))

    async def test_a_hanging_server_makes_it_tell_no_secret(
        self, hanging: Channel, said: Said
    ) -> None:
        self._assert_no_secret(await said(hanging))

    async def test_a_server_that_quotes_a_secret_is_not_quoted(
        self, refusing: Channel, said: Said
    ) -> None:
        self._assert_no_secret(await said(refusing))

    def _assert_no_secret(self, text: str) -> None:
        for secret in self.SECRETS:
            assert secret not in text

    @pytest.fixture
    def said(self, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> Said:
        """Sends, closes, and returns everything the channel has said meanwhile."""

        async def listen(channel: Channel) -> str:
            with caplog.at_level(logging.DEBUG), capture_logs() as events:
                outcome = await channel.send(ferry_alert(), NOW)
                await channel.close()
            records = [r for r in caplog.records if not r.name.startswith(SERVER_LOGS)]
            told = [repr(outcome), repr(channel), repr(events), *map(_told_by, records)]
            return "\n".join([*told, *capsys.readouterr()])

        return listen

    async def test_its_details_are_one_readable_line(self, refusing: Channel) -> None:
        assert _detail_of(await refusing.send(ferry_alert(), NOW)).isprintable()


def _told_by(record: logging.LogRecord) -> str:
    return f"{record.name} {record.getMessage()} {record.exc_info}"


def _detail_of(outcome: Outcome) -> str:
    assert isinstance(outcome, TryLater | GaveUp)
    assert outcome.detail
    return outcome.detail
