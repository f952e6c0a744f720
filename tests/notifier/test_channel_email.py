"""The mail channel against real mail servers, friendly, slow and broken ones."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from schemas.folder import EmailSpec, SecretRef
from services.notifier.actions.signed import Act, Grant, Links, grant_of
from services.notifier.channels import email
from services.notifier.channels.email import EmailChannel
from services.notifier.channels.port import Before
from services.notifier.outcome import (
    Delivered,
    GaveUp,
    Outcome,
    Reason,
    TryLater,
    Unwanted,
    suspends,
)
from services.notifier.sender import OpenedChannel, Sender
from services.runtime.metrics import Metrics
from services.store.database import Database
from tests.contracts.channel_contract import ChannelContract
from tests.notifier.alerts import (
    NOW,
    ferry_alert,
)
from tests.notifier.certificates import Certificate, make_certificate, make_expired_certificate
from tests.notifier.free_ports import closed_port
from tests.notifier.sending import POLICY, SendingDesk
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
ENV = {"PASS": PASSWORD}
ANN, BOB, EVE = "ann@desk.example", "bob@desk.example", "eve@desk.example"


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(Path(tmp_path_factory.mktemp("tls")))


@pytest.fixture
async def secure(certificate: Certificate) -> AsyncIterator[SmtpDouble]:
    async with smtp_double(certificate) as double:
        yield double


@pytest.fixture
async def plain() -> AsyncIterator[SmtpDouble]:
    async with smtp_double() as double:
        yield double


def spec(port: int, **changes: Any) -> EmailSpec:
    facts: dict[str, Any] = {
        "id": "mail",
        "type": "email",
        "host": "localhost",
        "port": port,
        "tls": "none",
        "sender": "alerts@wire.example",
        "recipients": (ANN, BOB),
    }
    return EmailSpec(**{**facts, **changes})


def with_login(port: int, **changes: Any) -> EmailSpec:
    login = {"tls": "starttls", "username": USER, "password": SecretRef(env="PASS")}
    return spec(port, **{**login, **changes})


def unprotected(port: int, timeout: float = PATIENT) -> EmailChannel:
    return EmailChannel(spec(port), {}, timeout)


async def outcome_of(channel: EmailChannel) -> Outcome:
    return await channel.send(ferry_alert(), NOW)


async def again(channel: EmailChannel, outcome: Outcome) -> Outcome:
    """The next attempt, as the sender makes it."""
    assert isinstance(outcome, TryLater | GaveUp)
    return await channel.send(ferry_alert(), NOW, Before(progress=outcome.progress))


async def scripted(answers: dict[str, str], timeout: float = PATIENT) -> Outcome:
    async with scripted_server(answers) as port:
        return await outcome_of(unprotected(port, timeout))


class TestEmailChannel(ChannelContract):
    SECRETS = (
        PASSWORD,
        b64encode(PASSWORD.encode()).decode(),
        b64encode(f"\0{USER}\0{PASSWORD}".encode()).decode(),
    )

    @pytest.fixture
    def working(self, secure: SmtpDouble, certificate: Certificate) -> EmailChannel:
        return EmailChannel(with_login(secure.port), ENV, PATIENT, certificate.trusting())

    @pytest.fixture
    def away(self) -> EmailChannel:
        return EmailChannel(with_login(closed_port()), ENV, PATIENT)

    @pytest.fixture
    async def hanging(self) -> AsyncIterator[EmailChannel]:
        async with scripted_server({"greeting": HANG}) as port:
            yield EmailChannel(with_login(port), ENV, HASTY)

    @pytest.fixture
    def refusing(self, secure: SmtpDouble, working: EmailChannel) -> EmailChannel:
        secure.to_login = (
            f"535 5.7.8 not {PASSWORD} nor {self.SECRETS[1]} nor {self.SECRETS[2]}\x1b[m"
        )
        return working

    @pytest.fixture
    def received(self, secure: SmtpDouble) -> Callable[[], str]:
        return secure.text


async def test_everybody_gets_a_mail_of_their_own_over_one_connection(plain: SmtpDouble) -> None:
    assert await outcome_of(unprotected(plain.port)) == Delivered("queued as 1; queued as 2")
    assert [recipients for recipients, _ in plain.mails] == [[ANN], [BOB]]
    assert [str(mail["To"]) for _, mail in plain.mails] == [ANN, BOB]
    assert plain.connections == 1


async def test_a_recipient_written_twice_gets_one_mail(plain: SmtpDouble) -> None:
    channel = EmailChannel(spec(plain.port, recipients=(ANN, ANN)), {}, PATIENT)
    assert isinstance(await outcome_of(channel), Delivered)
    assert len(plain.mails) == 1


async def test_who_has_unsubscribed_gets_nothing(plain: SmtpDouble) -> None:
    channel = EmailChannel(spec(plain.port, recipients=("Ann@Desk.example", BOB)), {}, PATIENT)
    outcome = await channel.send(ferry_alert(), NOW, Before(left_out=frozenset({ANN})))
    assert isinstance(outcome, Delivered)
    assert [recipients for recipients, _ in plain.mails] == [[BOB]]


async def test_where_all_have_unsubscribed_nothing_is_sent_and_nothing_failed() -> None:
    channel = unprotected(closed_port())
    outcome = await channel.send(ferry_alert(), NOW, Before(left_out=frozenset({ANN, BOB})))
    assert outcome == Unwanted("all recipients have unsubscribed")


async def test_tls_from_the_first_byte(certificate: Certificate) -> None:
    async with smtp_double(certificate, implicit=True) as double:
        channel = EmailChannel(
            with_login(double.port, tls="tls"), ENV, PATIENT, certificate.trusting()
        )
        assert isinstance(await outcome_of(channel), Delivered)


@pytest.mark.parametrize("tls", ["starttls", "tls"])
async def test_a_certificate_nobody_vouches_for_gets_neither_password_nor_mail(
    tls: str, certificate: Certificate
) -> None:
    async with smtp_double(certificate, implicit=tls == "tls") as double:
        outcome = await outcome_of(EmailChannel(with_login(double.port, tls=tls), ENV, PATIENT))
        assert double.mails == []
    assert isinstance(outcome, TryLater)
    assert outcome.reason is Reason.UNREACHABLE
    assert "certificate" in outcome.detail


@pytest.mark.parametrize("tls", ["starttls", "tls"])
async def test_a_certificate_of_another_host_or_another_time_is_not_trusted(
    tls: str, tmp_path: Path, certificate: Certificate
) -> None:
    expired = make_expired_certificate(tmp_path)
    for shown, host in ((certificate, "127.0.0.1"), (expired, "localhost")):
        async with smtp_double(shown, implicit=tls == "tls") as double:
            where = with_login(double.port, tls=tls, host=host)
            outcome = await outcome_of(EmailChannel(where, ENV, PATIENT, shown.trusting()))
            assert double.mails == []
        assert isinstance(outcome, TryLater)
        assert outcome.reason is Reason.UNREACHABLE
        assert "certificate" in outcome.detail


@pytest.mark.parametrize("tls", ["starttls", "tls"])
async def test_a_server_that_knows_no_logins_gets_no_mail(
    tls: str, certificate: Certificate
) -> None:
    async with smtp_double(certificate, implicit=tls == "tls", login=False) as double:
        where = with_login(double.port, tls=tls)
        outcome = await outcome_of(EmailChannel(where, ENV, PATIENT, certificate.trusting()))
        assert double.mails == []
    assert isinstance(outcome, TryLater)
    assert outcome.reason is Reason.REFUSED


@pytest.mark.parametrize(
    "answers",
    [
        {"EHLO": "250-mail.example\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 DSN"},
        {"EHLO": "250-mail.example\r\n250 SIZE"},
        {"EHLO": "250-mail.example\r\n250 SIZE 0"},
        {"EHLO": "250-mail.example\r\n250 SIZE many"},
        {"EHLO": "502 5.5.2 only HELO here"},
        {"RCPT": "251 2.1.5 will forward"},
    ],
)
async def test_whatever_a_server_can_or_cannot_it_gets_its_mails(answers: dict[str, str]) -> None:
    assert isinstance(await scripted(answers), Delivered)


async def test_a_secret_that_a_server_quotes_to_one_recipient_is_kept_nowhere(
    secure: SmtpDouble, certificate: Certificate
) -> None:
    secure.to_recipients = {ANN: f"550 not with {PASSWORD}", BOB: f"450 not {PASSWORD} now"}
    channel = EmailChannel(with_login(secure.port), ENV, PATIENT, certificate.trusting())
    outcome = await outcome_of(channel)
    assert isinstance(outcome, TryLater)
    assert "not with [secret]" in (outcome.progress or "")
    assert PASSWORD not in repr(outcome)
    await channel.close()


@pytest.mark.parametrize("answer", ["530 5.7.0 log in first", "535 5.7.8 no"])
async def test_a_server_that_wants_a_login_late_holds_the_channel_and_fails_no_alert(
    answer: str,
) -> None:
    for command in ("MAIL", "RCPT", "DATA"):
        async with scripted_server({command: [answer]}) as port:
            outcome = await outcome_of(unprotected(port))
        assert suspends(outcome)
        assert isinstance(outcome, TryLater)
        assert "1 of 2" not in outcome.detail  # nobody else was tried


async def test_a_slow_server_gets_the_rest_next_time(
    plain: SmtpDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes = iter((0.0, 0.0, 0.6 * PATIENT))  # when it begins, and before each mail
    now = email._now
    monkeypatch.setattr(email, "_now", lambda: now() + next(passes))
    outcome = await outcome_of(unprotected(plain.port))
    assert isinstance(outcome, TryLater)
    assert outcome.reason is Reason.TIMED_OUT
    assert outcome.detail.startswith("1 of 2 recipients have it; the mail server is slow")
    monkeypatch.setattr(email, "_now", now)
    assert isinstance(await again(unprotected(plain.port), outcome), Delivered)
    assert [recipients for recipients, _ in plain.mails] == [[ANN], [BOB]]


async def test_each_mail_carries_the_link_of_its_own_recipient(plain: SmtpDouble) -> None:
    links = Links("https://wire.example", b"key")
    channel = EmailChannel(spec(plain.port), {}, PATIENT, links=links)
    assert isinstance(await outcome_of(channel), Delivered)
    for recipients, mail in plain.mails:
        url = str(mail["List-Unsubscribe"]).strip("<>")
        grant = grant_of(url.rpartition("/")[2], Act.UNSUBSCRIBE, b"key")
        assert grant == Grant(Act.UNSUBSCRIBE, ("desk", *recipients))
        assert str(mail["List-Unsubscribe-Post"]) == "List-Unsubscribe=One-Click"
    await channel.close()


async def test_who_has_a_mail_does_not_get_it_again_from_the_process_that_comes_after(
    plain: SmtpDouble, database: Database
) -> None:
    desk = SendingDesk(database)
    await desk.queue("a")
    for busy in ({BOB: "450 4.7.1 greylisted"}, {}):
        plain.to_recipients = busy
        opened = OpenedChannel("desk", "email", unprotected(plain.port))
        sender = Sender(opened, database, POLICY, Metrics(), desk.clock)
        await sender.send_due(asyncio.Event())
        await sender.close()
        desk.clock.pass_by(hours=1)
    assert [recipients for recipients, _ in plain.mails] == [[ANN], [BOB]]
    assert await desk.states() == {"a": "delivered"}


async def test_without_starttls_nothing_is_sent_in_the_clear(plain: SmtpDouble) -> None:
    outcome = await outcome_of(EmailChannel(with_login(plain.port), ENV, PATIENT))
    assert isinstance(outcome, TryLater)
    assert outcome.reason is Reason.REFUSED
    assert "STARTTLS" in outcome.detail
    assert plain.mails == []


async def test_a_missing_password_holds_the_channel() -> None:
    outcome = await outcome_of(EmailChannel(with_login(closed_port()), {}, PATIENT))
    assert suspends(outcome)


async def test_a_login_that_fails_for_now_is_tried_later(
    secure: SmtpDouble, certificate: Certificate
) -> None:
    secure.to_login = "454 4.7.0 temporary authentication failure"
    channel = EmailChannel(with_login(secure.port), ENV, PATIENT, certificate.trusting())
    outcome = await outcome_of(channel)
    assert isinstance(outcome, TryLater)
    assert outcome.reason is Reason.SERVER_ERROR


async def test_greylisting_is_waited_out(plain: SmtpDouble) -> None:
    plain.to_recipients = {ANN: "450 4.7.1 greylisted", BOB: "450 4.7.1 greylisted"}
    channel = unprotected(plain.port)
    outcome = await outcome_of(channel)
    assert isinstance(outcome, TryLater)
    assert outcome.reason is Reason.SERVER_ERROR
    assert "greylisted" in outcome.detail
    plain.to_recipients = {}
    assert isinstance(await again(channel, outcome), Delivered)
    assert [recipients for recipients, _ in plain.mails] == [[ANN], [BOB]]


async def test_who_has_a_mail_does_not_get_it_again_when_others_must_wait(
    plain: SmtpDouble,
) -> None:
    plain.to_recipients = {BOB: "452 4.2.2 mailbox full"}
    outcome = await outcome_of(unprotected(plain.port))
    assert isinstance(outcome, TryLater)
    assert outcome.detail == f"1 of 2 recipients have it; not yet {BOB}: 452 4.2.2 mailbox full"
    plain.to_recipients = {}
    assert isinstance(await again(unprotected(plain.port), outcome), Delivered)
    assert [recipients for recipients, _ in plain.mails] == [[ANN], [BOB]]


async def test_a_recipient_refused_for_good_makes_a_failure_that_can_be_seen(
    plain: SmtpDouble,
) -> None:
    plain.to_recipients = {ANN: "550 5.1.1 no such user"}
    outcome = await outcome_of(unprotected(plain.port))
    assert isinstance(outcome, GaveUp)
    assert outcome.reason is Reason.REFUSED
    assert outcome.detail == (
        f"1 of 2 recipients have it; refused for {ANN}: 550 5.1.1 no such user"
    )
    plain.to_recipients = {}
    assert isinstance(await again(unprotected(plain.port), outcome), Delivered)
    assert [recipients for recipients, _ in plain.mails] == [[BOB], [ANN]]


async def test_who_was_refused_for_good_is_not_tried_again_while_others_wait(
    plain: SmtpDouble,
) -> None:
    plain.to_recipients = {ANN: "550 no such user", BOB: "450 greylisted"}
    outcome = await outcome_of(unprotected(plain.port))
    assert isinstance(outcome, TryLater)
    plain.to_recipients = {}
    assert isinstance(await again(unprotected(plain.port), outcome), GaveUp)
    assert [recipients for recipients, _ in plain.mails] == [[BOB]]


async def test_a_mail_that_breaks_the_connection_does_not_hold_up_the_others() -> None:
    outcome: Outcome = await scripted({".": CLOSE})
    assert isinstance(outcome, TryLater)
    assert "1 of 2" not in outcome.detail
    async with scripted_server({".": ["250 ok", CLOSE]}) as port:
        outcome = await again(unprotected(port), outcome)
    assert isinstance(outcome, TryLater)
    assert outcome.progress is not None
    assert '"reached": ["bob@desk.example"]' in outcome.progress


@pytest.mark.parametrize("progress", ["", "seen", "[1]", "{}"])
async def test_progress_of_another_kind_of_channel_is_no_progress(
    progress: str, plain: SmtpDouble
) -> None:
    outcome = await unprotected(plain.port).send(ferry_alert(), NOW, Before(progress=progress))
    assert isinstance(outcome, Delivered)
    assert len(plain.mails) == 2


async def test_a_mail_refused_for_everybody_is_given_up(plain: SmtpDouble) -> None:
    plain.to_recipients = {ANN: "550 no", BOB: "551 no"}
    outcome = await outcome_of(unprotected(plain.port))
    assert isinstance(outcome, GaveUp)
    assert outcome.reason is Reason.REFUSED


@pytest.mark.parametrize(
    ("answer", "kind", "reason"),
    [
        ("451 4.3.0 try again", TryLater, Reason.SERVER_ERROR),
        ("554 5.7.1 looks like spam", GaveUp, Reason.REFUSED),
        ("552 5.3.4 too large", GaveUp, Reason.INVALID_MESSAGE),
    ],
)
async def test_an_answer_to_the_content(
    answer: str, kind: type[Outcome], reason: Reason, plain: SmtpDouble
) -> None:
    plain.to_data = answer
    outcome = await outcome_of(unprotected(plain.port))
    assert isinstance(outcome, kind)
    assert isinstance(outcome, TryLater | GaveUp)
    assert outcome.reason is reason
    assert answer in outcome.detail


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("550 5.7.1 you may not send as this address", Reason.BAD_CREDENTIALS),
        ("530 5.7.0 authentication required", Reason.BAD_CREDENTIALS),
        ("451 4.3.0 try again", Reason.SERVER_ERROR),
    ],
)
async def test_a_refused_sender_is_the_channels_fault_not_the_messages(
    answer: str, reason: Reason, plain: SmtpDouble
) -> None:
    plain.to_sender = answer
    outcome = await outcome_of(unprotected(plain.port))
    assert isinstance(outcome, TryLater)
    assert outcome.reason is reason


@pytest.mark.parametrize("place", ["greeting", "EHLO", "MAIL", "RCPT", "DATA", "text", "."])
async def test_a_connection_that_breaks_anywhere_is_tried_later(place: str) -> None:
    outcome = await scripted({place: CLOSE})
    assert isinstance(outcome, TryLater)
    assert outcome.reason is Reason.UNREACHABLE


@pytest.mark.parametrize("place", ["greeting", "EHLO", "MAIL", "RCPT", "DATA", "."])
async def test_a_server_that_stops_answering_anywhere_is_tried_later(place: str) -> None:
    outcome = await scripted({place: HANG}, HASTY)
    assert isinstance(outcome, TryLater)
    assert outcome.reason is Reason.TIMED_OUT


@pytest.mark.parametrize("answer", [CLOSE, "421 bye", "500 what?"])
async def test_a_rude_goodbye_does_not_undo_a_delivery(answer: str) -> None:
    assert isinstance(await scripted({"QUIT": answer}), Delivered)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("554 your address is on a list", Reason.REFUSED),
        ("421 too busy", Reason.SERVER_ERROR),
        ("SSH-2.0-OpenSSH_9.6", Reason.SERVER_ERROR),
    ],
)
async def test_a_server_that_does_not_talk_to_us_loses_no_alert(
    answer: str, reason: Reason
) -> None:
    outcome = await scripted({"greeting": answer})
    assert isinstance(outcome, TryLater)
    assert outcome.reason is reason


async def test_addresses_of_other_scripts_are_told_as_the_server_needs() -> None:
    async with smtp_double(utf8=True) as double:
        channel = EmailChannel(spec(double.port, recipients=("jörg@bücher.example",)), {}, PATIENT)
        assert isinstance(await outcome_of(channel), Delivered)
        assert double.mails[0][0] == ["jörg@xn--bcher-kva.example"]


async def test_a_server_without_other_scripts_loses_no_alert(plain: SmtpDouble) -> None:
    channel = EmailChannel(spec(plain.port, recipients=("jörg@desk.example",)), {}, PATIENT)
    outcome = await outcome_of(channel)
    assert isinstance(outcome, TryLater)
    assert "SMTPUTF8" in outcome.detail
