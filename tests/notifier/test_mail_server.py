"""Connections to a mail server are kept, and nothing is lost or doubled when it ends them."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from schemas.channels import EmailSpec
from services.notifier.channels import mail_server
from services.notifier.channels.email import EmailChannel
from services.notifier.channels.mail_server import MOST_CONNECTIONS
from services.notifier.outcome import Delivered, GaveUp, Outcome, Reason, TryLater
from tests.bus.waiting import until
from tests.notifier.alerts import NOW, ferry_alert
from tests.notifier.certificates import Certificate, make_certificate
from tests.notifier.smtp_double import (
    CLOSE,
    HANG,
    PASSWORD,
    USER,
    SmtpDouble,
    scripted_server,
    smtp_double,
)

PATIENT, HASTY = 20.0, 0.2
ANN = "ann@desk.example"


@pytest.fixture
async def plain() -> AsyncIterator[SmtpDouble]:
    async with smtp_double() as double:
        yield double


def channel_to(port: int, timeout: float = PATIENT) -> EmailChannel:
    spec = EmailSpec(
        id="mail",
        type="email",
        host="localhost",
        port=port,
        tls="none",
        sender="alerts@wire.example",
        recipients=(ANN,),
    )
    return EmailChannel(spec, {}, timeout)


async def send(channel: EmailChannel, name: str = "a") -> Outcome:
    return await channel.send(ferry_alert().model_copy(update={"delivery_id": name}), NOW)


async def scripted(
    count: int, answers: dict[str, list[str]], timeout: float = PATIENT
) -> list[Outcome]:
    async with scripted_server(answers) as port:
        channel = channel_to(port, timeout)
        outcomes = [await send(channel, str(n)) for n in range(count)]
        await channel.close()
        return outcomes


def names(double: SmtpDouble) -> list[str]:
    """The deliveries whose mails have arrived."""
    return [str(mail["Message-ID"]).split(".")[0].strip("<") for _, mail in double.mails]


async def test_mails_in_a_row_go_over_one_connection(plain: SmtpDouble) -> None:
    channel = channel_to(plain.port)
    for name in "abc":
        assert isinstance(await send(channel, name), Delivered)
    assert plain.connections == 1
    await channel.close()


async def test_mails_at_the_same_time_go_over_few_connections(plain: SmtpDouble) -> None:
    channel = channel_to(plain.port)
    outcomes = await asyncio.gather(*(send(channel, str(n)) for n in range(20)))
    assert all(isinstance(outcome, Delivered) for outcome in outcomes)
    assert plain.connections <= MOST_CONNECTIONS
    assert sorted(names(plain), key=int) == [str(n) for n in range(20)]
    await channel.close()


async def test_a_refused_mail_leaves_the_connection_good_for_the_next_one(
    plain: SmtpDouble,
) -> None:
    channel = channel_to(plain.port)
    plain.to_recipients = {ANN: "450 4.7.1 greylisted"}
    assert isinstance(await send(channel, "a"), TryLater)
    plain.to_recipients, plain.to_data = {}, "554 5.7.1 looks like spam"
    assert isinstance(await send(channel, "b"), GaveUp)
    plain.to_data = None
    assert isinstance(await send(channel, "c"), Delivered)
    assert (names(plain), plain.connections) == (["c"], 1)
    await channel.close()


async def test_a_server_that_hung_up_between_two_mails_is_called_again(plain: SmtpDouble) -> None:
    channel = channel_to(plain.port)
    await send(channel, "a")
    plain.hang_up()
    assert isinstance(await send(channel, "b"), Delivered)
    assert (names(plain), plain.connections) == (["a", "b"], 2)
    await channel.close()


@pytest.mark.parametrize("answer", ["421 4.4.2 idle for too long", "421 too many mails", CLOSE])
@pytest.mark.parametrize("command", ["MAIL", "RCPT"])
async def test_a_goodbye_in_place_of_an_answer_costs_a_new_connection_and_no_mail(
    command: str, answer: str
) -> None:
    outcomes = await scripted(3, {command: ["250 ok", answer]})
    assert all(isinstance(outcome, Delivered) for outcome in outcomes)


@pytest.mark.parametrize("command", ["MAIL", "RCPT"])
async def test_a_goodbye_on_a_new_connection_is_no_reason_to_call_again_at_once(
    command: str,
) -> None:
    first, second = await scripted(2, {command: ["421 4.3.2 shutting down"]})
    assert isinstance(first, TryLater)
    assert first.reason is Reason.SERVER_ERROR
    assert isinstance(second, Delivered)


@pytest.mark.parametrize(
    ("command", "answer", "uncertain"),
    [
        (".", CLOSE, True),
        ("text", CLOSE, True),
        (".", "421 4.3.2 shutting down", False),
        (".", "451 4.3.0 try again", False),
        ("MAIL", "451 4.3.0 try again", False),
    ],
)
async def test_only_where_the_answer_to_the_content_is_missing_it_may_have_arrived(
    command: str, answer: str, uncertain: bool
) -> None:
    first = [] if command == "text" else ["250 ok"]
    *good, bad, after = await scripted(len(first) + 2, {command: [*first, answer]})
    assert isinstance(bad, TryLater)
    assert bad.uncertain is uncertain
    assert all(isinstance(outcome, Delivered) for outcome in (*good, after))


async def test_a_mail_that_may_have_arrived_is_not_sent_again_in_the_same_attempt() -> None:
    # Of two answers the second is still there: the content was told once.
    _, bad, good = await scripted(3, {".": ["250 ok", CLOSE, "250 the third"]})
    assert isinstance(bad, TryLater)
    assert good == Delivered("the third")


async def test_a_server_that_stops_answering_is_not_asked_on_the_same_connection() -> None:
    first, second = await scripted(2, {".": [HANG]}, HASTY)
    assert isinstance(first, TryLater)
    assert first.reason is Reason.TIMED_OUT
    assert first.uncertain
    assert isinstance(second, Delivered)


async def test_a_connection_that_rested_is_asked_before_it_is_trusted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mail_server, "_SURELY_OPEN", 0.0)
    outcomes = await scripted(3, {"RSET": ["421 idle for too long", CLOSE]})
    assert all(isinstance(outcome, Delivered) for outcome in outcomes)


async def test_a_connection_ends_after_a_number_of_mails(
    plain: SmtpDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail_server, "_MOST_MAILS", 2)
    channel = channel_to(plain.port)
    for name in "abcde":
        await send(channel, name)
    assert (names(plain), plain.connections) == (list("abcde"), 3)
    await channel.close()


async def test_a_connection_nobody_needs_is_ended(
    plain: SmtpDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail_server, "_KEPT_FOR", 0.01)
    channel = channel_to(plain.port)
    await send(channel)
    await until(lambda: not plain.connected())
    await channel.close()


async def test_closing_the_channel_says_goodbye(plain: SmtpDouble) -> None:
    channel = channel_to(plain.port)
    await send(channel)
    await channel.close()
    await until(lambda: not plain.connected())


async def test_a_changed_password_is_used_at_once(tmp_path: Path) -> None:
    certificate: Certificate = make_certificate(tmp_path)
    secret = tmp_path / "password"
    secret.write_text(PASSWORD)
    async with smtp_double(certificate) as double:
        spec = EmailSpec.model_validate(
            {
                "id": "mail",
                "type": "email",
                "host": "localhost",
                "port": double.port,
                "username": USER,
                "password": {"file": str(secret)},
                "sender": "alerts@wire.example",
                "recipients": [ANN],
            }
        )
        channel = EmailChannel(spec, {}, PATIENT, certificate.trusting())
        assert isinstance(await send(channel), Delivered)
        secret.write_text("another")
        outcome = await send(channel)
        assert isinstance(outcome, TryLater)
        assert outcome.reason is Reason.BAD_CREDENTIALS
        assert "another" not in repr(outcome) + repr(channel)
        await channel.close()


async def test_a_mail_that_the_server_says_is_too_large_is_not_told_to_it() -> None:
    async with smtp_double(largest=1_000) as double:
        channel = channel_to(double.port)
        outcome = await send(channel)
        assert isinstance(outcome, GaveUp)
        assert outcome.reason is Reason.INVALID_MESSAGE
        assert "takes 1000 at most" in outcome.detail
        assert (double.mails, double.options) == ([], [])
        await channel.close()
