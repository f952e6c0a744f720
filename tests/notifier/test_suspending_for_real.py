"""A revoked token and a refused login, as servers say it: held for all, told once, all sent."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from schemas.channels import EmailSpec, SlackSpec
from schemas.folder import SecretRef
from schemas.notice import Notice
from services.notifier.channels.email import EmailChannel
from services.notifier.channels.port import Channel
from services.notifier.channels.slack_bot import SlackBotChannel
from services.notifier.recording import TRIAL_EVERY
from services.notifier.sender import OpenedChannel, Sender
from services.notifier.spreading import Spreader
from services.runtime.netguard import LOOPBACK
from services.runtime.wakeup import Wakeup
from services.store import notices, written
from services.store.database import Database
from services.store.written import Kind
from tests.notifier.alerts import NOW
from tests.notifier.certificates import make_certificate
from tests.notifier.sending import POLICY, SendingDesk
from tests.notifier.slack_double import CHANNEL, TOKEN, slack_double
from tests.notifier.smtp_double import PASSWORD, USER, smtp_double

PATIENT = 20.0
NAMES = {"a", "b", "c"}


@dataclass
class Service:
    """Opens channels to a server; `revoke` and `mend` their credentials; what has `arrived`."""

    opened: Callable[[], Channel]
    revoke: Callable[[], None]
    mend: Callable[[], None]
    arrived: Callable[[], set[str]]
    says: str


@asynccontextmanager
async def a_workspace(_: Path) -> AsyncIterator[Service]:
    async with slack_double() as double:
        spec = SlackSpec(
            id="desk",
            type="slack",
            token=SecretRef(env="TOKEN"),
            channel=CHANNEL,
            api_url=double.api_url,
        )

        def arrived() -> set[str]:
            payloads = [message.payload for message in double.messages]
            return {p["metadata"]["event_payload"]["delivery_id"] for p in payloads}

        yield Service(
            lambda: SlackBotChannel(spec, {"TOKEN": TOKEN}, PATIENT, LOOPBACK),
            lambda: setattr(double.slack, "token", "xoxb-another"),
            lambda: setattr(double.slack, "token", TOKEN),
            arrived,
            "invalid_auth",
        )


@asynccontextmanager
async def a_mail_server(folder: Path) -> AsyncIterator[Service]:
    certificate = make_certificate(folder)
    async with smtp_double(certificate) as double:
        spec = EmailSpec(
            id="desk",
            type="email",
            host="localhost",
            port=double.port,
            tls="starttls",
            username=USER,
            password=SecretRef(env="PASSWORD"),
            sender="alerts@wire.example",
            recipients=("ann@desk.example",),
        )

        def arrived() -> set[str]:
            found = [str(mail["Message-ID"]) for _, mail in double.mails]
            return {name for name in NAMES for one in found if one.startswith(f"<{name}.")}

        env, tls = {"PASSWORD": PASSWORD}, certificate.trusting()
        yield Service(
            lambda: EmailChannel(spec, env, PATIENT, tls),
            lambda: setattr(double, "to_login", "535 5.7.8 no such login"),
            lambda: setattr(double, "to_login", None),
            arrived,
            "535",
        )


@pytest.mark.parametrize("running", [a_workspace, a_mail_server])
async def test_what_is_refused_waits_for_all_is_told_once_and_is_sent_when_mended(
    running: Callable[[Path], AbstractAsyncContextManager[Service]],
    database: Database,
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as service:
        desk = SendingDesk(database)
        await _tell_operators_through("pager", database)
        notifiers = [_sender(desk, service) for _ in range(2)]
        service.revoke()
        await desk.queue(*NAMES)
        for _ in range(4):
            await _work(desk, notifiers)
        assert service.arrived() == set()
        (notice,) = await _told(database)
        assert service.says in (notice.error or "")
        service.mend()
        for _ in range(2):
            await _work(desk, notifiers)
        for notifier in notifiers:
            await notifier.close()
        assert service.arrived() == NAMES
        states = await desk.states()
        to_operators = states.keys() - NAMES
        assert {states[name] for name in NAMES} == {"delivered"}
        assert len(await _told(database)) == len(to_operators) == 2, "suspended, and works again"


def _sender(desk: SendingDesk, service: Service) -> Sender:
    opened = OpenedChannel("desk", "slack", service.opened(), 2)
    return Sender(opened, desk.database, POLICY, desk.metrics, desk.clock)


async def _tell_operators_through(channel: str, database: Database) -> None:
    spec = {"id": "operators", "kind": "ops", "channel": channel}
    async with database.write() as tx:
        await written.put(tx, Kind.SUBSCRIPTIONS, {"operators": spec}, "apply", NOW)


async def _work(desk: SendingDesk, notifiers: list[Sender]) -> None:
    for notifier in notifiers:
        await desk.send_due(notifier)
    await Spreader(desk.database, desk.clock, Wakeup()).spread()
    desk.clock.pass_by(seconds=TRIAL_EVERY.total_seconds())


async def _told(database: Database) -> list[Notice]:
    async with database.read() as tx:
        return [Notice.decode(row.notice) for row in await notices.recent(tx, 9)]
