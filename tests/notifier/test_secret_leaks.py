"""Every channel fails in every way it can: nobody reads its secret anywhere.

Looked through are the log at debug level, what was printed, the outcome, and the files of the
database, for the secret as it is, in a URL, and in base64.
"""

import io
import logging
from base64 import b64encode, urlsafe_b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
import structlog

from schemas.channels import AppriseSpec, ChannelSpec, EmailSpec, SlackSpec, WebhookSpec
from schemas.written import SecretRef
from services.notifier.channels import Surroundings, open_channel
from services.notifier.sender import OpenedChannel, Sender
from services.runtime.log import configure_logging
from services.runtime.netguard import LOOPBACK, Networks
from services.store.database import Database
from tests.notifier.certificates import Certificate, make_certificate
from tests.notifier.free_ports import closed_port
from tests.notifier.http_double import Answer, http_double
from tests.notifier.sending import POLICY, SendingDesk
from tests.notifier.slack_double import Answer as SlackAnswer
from tests.notifier.slack_double import slack_double
from tests.notifier.smtp_double import PASSWORD, USER, smtp_double

HOOK_KEY = "c2VjcmV0LXNlY3JldC1zZWNyZXQtMDEyMzQ1Njc4OQ=="
IN_URL, IN_QUERY = "t0k3n-in+the-path9", "k3y in&the-query7"
BOT = "xoxb-1234567890-s3cretOfTheBot"
SLACK_PATH = "/services/T0SECRET1/B0SECRET2/abcSecretToken3xyz"
CHAT_PASSWORD = "p4ss/of the:chat"


@dataclass(frozen=True)
class Case:
    """A channel whose attempt fails, and what nobody may read."""

    spec: ChannelSpec
    env: dict[str, str]
    secrets: tuple[str, ...]
    allowed: Networks = LOOPBACK
    timeout: float = 20.0


Opened = Callable[[Certificate], AbstractAsyncContextManager[Case]]


def forms(secret: str) -> set[str]:
    """A secret as it is, in URLs and in base64."""
    raw = secret.encode()
    coded = {b64encode(raw).decode(), urlsafe_b64encode(raw).decode()}
    return {secret, quote(secret, safe=""), quote_plus(secret), *(c.rstrip("=") for c in coded)}


def quoting(*secrets: str) -> str:
    """What a server says that knows no manners."""
    return " ".join(form for secret in secrets for form in sorted(forms(secret)))


WEBHOOK = WebhookSpec(
    id="desk", type="webhook", url=SecretRef(env="URL"), secret=SecretRef(env="SECRET")
)
HOOK_SECRETS = (f"whsec_{HOOK_KEY}", HOOK_KEY, "secret-secret-secret-0123456789", IN_URL, IN_QUERY)


def _hook(origin: str, **changes: object) -> Case:
    url = f"{origin}/{quote(IN_URL, safe='')}?key={quote(IN_QUERY, safe='')}"
    env = {"URL": url, "SECRET": f"whsec_{HOOK_KEY}"}
    return Case(WEBHOOK, {**env, **changes.pop("env", {})}, HOOK_SECRETS, **changes)  # type: ignore[arg-type,dict-item]


def _webhook(answer: Answer, **changes: object) -> Opened:
    @asynccontextmanager
    async def opened(_: Certificate) -> AsyncIterator[Case]:
        async with http_double() as double:
            double.answers.append(answer)
            yield _hook(double.origin, **changes)

    return opened


def _chat(answer: Answer, scheme: str = "json", **changes: object) -> Opened:
    @asynccontextmanager
    async def opened(_: Certificate) -> AsyncIterator[Case]:
        async with http_double() as double:
            double.answers.append(answer)
            login = f"{USER}-of-chat:{quote(CHAT_PASSWORD, safe='')}"
            port = changes.pop("port", double.port)
            url = f"{scheme}://{login}@127.0.0.1:{port}/{quote(IN_URL, safe='')}"
            secrets = (CHAT_PASSWORD, f"{USER}-of-chat:{CHAT_PASSWORD}", IN_URL)
            spec = AppriseSpec(id="desk", type="apprise", url=SecretRef(env="URL"))
            yield Case(spec, {"URL": url}, secrets, **changes)  # type: ignore[arg-type]

    return opened


def _slack(answer: SlackAnswer, *, bot: bool, **changes: object) -> Opened:
    @asynccontextmanager
    async def opened(_: Certificate) -> AsyncIterator[Case]:
        async with slack_double() as double:
            double.slack.answers["chat.postMessage" if bot else "webhook"].append(answer)
            hook = SlackSpec(id="desk", type="slack", webhook_url=SecretRef(env="SECRET"))
            as_bot = SlackSpec(
                id="desk",
                type="slack",
                token=SecretRef(env="SECRET"),
                channel="C0NEWSDESK",
                api_url=double.api_url,
            )
            secrets = (BOT,) if bot else (SLACK_PATH, "abcSecretToken3xyz")
            env = {"SECRET": BOT if bot else double.url}
            yield Case(as_bot if bot else hook, env, secrets, **changes)  # type: ignore[arg-type]

    return opened


def _mail(**answers: str) -> Opened:
    @asynccontextmanager
    async def opened(certificate: Certificate) -> AsyncIterator[Case]:
        async with smtp_double(certificate) as double:
            for name, answer in answers.items():
                setattr(double, name, answer)
            spec = EmailSpec(
                id="desk",
                type="email",
                host="localhost",
                port=double.port,
                username=USER,
                password=SecretRef(env="SECRET"),
                sender="alerts@wire.example",
                recipients=("ann@desk.example",),
            )
            secrets = (PASSWORD, f"\0{USER}\0{PASSWORD}")
            yield Case(spec, {"SECRET": PASSWORD}, secrets)

    return opened


HOOK_SAYS, CHAT_SAYS = quoting(*HOOK_SECRETS), quoting(CHAT_PASSWORD, IN_URL)
SLACK_SAYS, BOT_SAYS = quoting(SLACK_PATH, "abcSecretToken3xyz"), quoting(BOT)
MAIL_SAYS = " ".join(
    sorted(forms(PASSWORD) | forms(f"\0{USER}\0{PASSWORD}") - {f"\0{USER}\0{PASSWORD}"})
)

CASES: dict[str, Opened] = {
    **{
        f"webhook: {s}": _webhook(Answer(s, HOOK_SAYS)) for s in (200, 400, 401, 404, 410, 429, 500)
    },
    "webhook: redirect": _webhook(Answer(302, HOOK_SAYS, {"Location": f"/{IN_URL}"})),
    "webhook: broken off": _webhook(Answer(breaks=True)),
    "webhook: hangs": _webhook(Answer(hangs=True), timeout=0.2),
    "webhook: private": _webhook(Answer(), allowed=()),
    "webhook: wrong secret": _webhook(Answer(), env={"SECRET": HOOK_KEY}),
    "webhook: wrong url": _webhook(Answer(), env={"URL": f"http://{IN_URL}@[{IN_QUERY}"}),
    **{f"apprise: {s}": _chat(Answer(s, CHAT_SAYS)) for s in (200, 400, 401, 404, 429, 500)},
    "apprise: redirect": _chat(Answer(302, CHAT_SAYS, {"Location": f"http://10.0.0.1/{IN_URL}"})),
    "apprise: broken off": _chat(Answer(breaks=True)),
    "apprise: hangs": _chat(Answer(hangs=True), timeout=0.2),
    "apprise: private": _chat(Answer(), allowed=()),
    "apprise: ntfy": _chat(Answer(403, CHAT_SAYS), "ntfy"),
    "apprise: no such service": _chat(Answer(), "nosuchservice"),
    "apprise: wrong form": _chat(Answer(), "tgram"),
    "apprise: away": _chat(Answer(), port=closed_port()),
    **{
        f"slack webhook: {s}": _slack(SlackAnswer(s, SLACK_SAYS), bot=False)
        for s in (200, 400, 403, 404, 429, 500)
    },
    "slack webhook: broken off": _slack(SlackAnswer(breaks=True), bot=False),
    "slack webhook: hangs": _slack(SlackAnswer(hangs=True), bot=False, timeout=0.2),
    "slack webhook: private": _slack(SlackAnswer(), bot=False, allowed=()),
    **{
        f"slack bot: {s}": _slack(SlackAnswer(s, BOT_SAYS, error=BOT_SAYS), bot=True)
        for s in (200, 400, 403, 429, 500)
    },
    "slack bot: broken off": _slack(SlackAnswer(breaks=True), bot=True),
    "slack bot: hangs": _slack(SlackAnswer(hangs=True), bot=True, timeout=0.2),
    "slack bot: private": _slack(SlackAnswer(), bot=True, allowed=()),
    "mail: login refused": _mail(to_login=f"535 {MAIL_SAYS}"),
    "mail: sender refused": _mail(to_sender=f"550 {MAIL_SAYS}"),
    "mail: content refused": _mail(to_data=f"554 {MAIL_SAYS}"),
    "mail: later": _mail(to_data=f"451 {MAIL_SAYS}"),
    "mail: accepted": _mail(),
}


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(Path(tmp_path_factory.mktemp("tls")))


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that this process logs, as it would."""
    root, written = logging.getLogger(), io.StringIO()
    level, handlers = root.level, root.handlers[:]
    configure_logging("debug", "json")
    heard = logging.StreamHandler(written)
    root.addHandler(heard)
    root.setLevel(logging.DEBUG)
    servers = logging.getLogger("mail")  # what the test's own mail server logs
    servers.propagate = False
    yield written
    servers.propagate = True
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("case", CASES)
async def test_nobody_reads_a_secret(
    case: str,
    certificate: Certificate,
    database: Database,
    tmp_path: Path,
    log: io.StringIO,
    capsys: pytest.CaptureFixture[str],
) -> None:
    desk = SendingDesk(database)
    async with CASES[case](certificate) as opened:
        around = Surroundings(
            timeout=opened.timeout, allowed=opened.allowed, tls=certificate.trusting()
        )
        channel = open_channel(opened.spec, opened.env, around)
        sender = Sender(
            OpenedChannel("desk", opened.spec.type, channel),
            database,
            POLICY,
            desk.metrics,
            desk.clock,
        )
        await desk.queue("d1")
        await desk.send_due(sender)
        await sender.close()
    said = [log.getvalue(), *capsys.readouterr(), repr(await desk.rows()), repr(channel)]
    stored = _files_of(tmp_path)
    assert "d1" in said[0] + said[2]
    for secret in opened.secrets:
        for form in forms(secret):
            assert form not in "\n".join(said), form
            assert form.encode() not in stored, form


def _files_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*.sqlite*"))
