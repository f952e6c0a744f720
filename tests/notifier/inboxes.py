"""Every channel with a server behind it, and what may never be in what arrives there."""

import io
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import pytest
from lxml import html
from rich.console import Console

from schemas.channels import AppriseSpec, EmailSpec, SlackSpec, WebhookSpec
from schemas.webhook import EVENTS
from schemas.written import SecretRef
from services.notifier.channels.apprise import AppriseChannel
from services.notifier.channels.console import ConsoleChannel
from services.notifier.channels.email import EmailChannel
from services.notifier.channels.port import NOTHING_BEFORE, Before, Channel
from services.notifier.channels.slack import SlackChannel
from services.notifier.channels.slack_bot import SlackBotChannel
from services.notifier.channels.webhook import WebhookChannel
from services.notifier.outcome import Delivered
from services.runtime.netguard import LOOPBACK
from tests.notifier.alerts import NOW, ferry_alert
from tests.notifier.http_double import HttpDouble, http_double
from tests.notifier.slack_double import CHANNEL, TOKEN, SlackDouble, slack_double
from tests.notifier.smtp_double import SmtpDouble, smtp_double
from tests.notifier.test_render_slack import assert_nothing_is_live, assert_slack_accepts

UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff"
    "\ud800-\udfff\U000e0000-\U000e0fff]"
)
SECRET = "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtMDEyMzQ1Njc4OQ=="


class Inbox(Protocol):
    """A channel, what came before, and a look at what has arrived."""

    channel: Channel
    before: Before

    def check(self, hosts: set[str]) -> None:
        """Fails if anything that arrived is alive, or links to another host than these."""


def assert_links_lead_to(urls: Iterator[str] | list[str], hosts: set[str]) -> None:
    for url in urls:
        found = re.fullmatch(r"https?://([a-z0-9.-]+)(?::\d+)?(?:[/?#][!-~]*)?", url)
        assert found, url[:200]
        assert found[1] in hosts, url[:200]


def assert_nothing_unseen(text: str) -> None:
    found = UNSEEN.search(text)
    assert not found, ascii(text[max(0, found.start() - 40) : found.end() + 40])


@dataclass
class ConsoleInbox:
    channel: Channel
    terminal: io.StringIO
    before: Before = NOTHING_BEFORE

    def check(self, hosts: set[str]) -> None:
        said = self.terminal.getvalue()
        assert len(said) < 400_000
        assert_links_lead_to(re.findall(r"\x1b\]8;[^;]*;([^\x1b]+)\x1b\\", said), hosts)
        plain = re.sub(r"\x1b\[[0-9;]*m|\x1b\]8;[^;]*;[!-~]*?\x1b\\", "", said)
        assert_nothing_unseen(plain)


@dataclass
class SlackInbox:
    channel: Channel
    double: SlackDouble
    before: Before = NOTHING_BEFORE

    def check(self, hosts: set[str]) -> None:
        assert self.double.messages
        for message in self.double.messages:
            payload = message.payload
            assert_slack_accepts(payload)
            assert_nothing_is_live(payload)
            said = json.dumps(payload, ensure_ascii=False)
            assert_nothing_unseen(said)
            assert "link_names" not in payload
            assert payload["unfurl_links"] is payload["unfurl_media"] is False
            assert_links_lead_to(re.findall(r"<(h[^|>]*)\|", said.replace("&amp;", "&")), hosts)


@dataclass
class MailInbox:
    channel: Channel
    double: SmtpDouble
    before: Before = NOTHING_BEFORE

    def check(self, hosts: set[str]) -> None:
        for envelope, mail in self.double.mails:
            assert envelope == ["desk@watch.example"]
            assert {name.lower() for name in mail} <= _HEADERS
            assert len(mail["Subject"]) <= 200
            for name, value in mail.items():
                assert str(value).isprintable(), name
            assert len(bytes(mail)) < 400_000
            for part in mail.walk():
                if part.get_content_maintype() == "text":
                    assert_nothing_unseen(str(part.get_content()).replace("\r\n", "\n"))
                if part.get_content_type() == "text/html":
                    assert_html_is_tame(str(part.get_content()), hosts)


_HEADERS = {
    "subject", "from", "to", "date", "message-id", "references", "in-reply-to", "auto-submitted",
    "mime-version", "content-type", "content-transfer-encoding", "list-unsubscribe",
    "list-unsubscribe-post", "list-id", "importance", "x-auto-response-suppress",
}  # fmt: skip


def assert_html_is_tame(text: str, hosts: set[str]) -> None:
    """No element that loads, runs or hides anything, and no link elsewhere."""
    tree = html.document_fromstring(text)
    live = {"script", "img", "iframe", "object", "embed", "form", "input", "link", "base", "svg"}
    for element in tree.iter():
        assert str(element.tag) not in live
        for name, value in element.attrib.items():
            assert not str(name).startswith("on")
            assert name != "src"
            if name == "href":
                assert_links_lead_to([str(value)], hosts)
    assert len(tree.findall(".//style")) <= 1  # the template's own


@dataclass
class WebhookInbox:
    channel: Channel
    double: HttpDouble
    before: Before = NOTHING_BEFORE

    def check(self, hosts: set[str]) -> None:
        for posted in self.double.posted:
            assert len(posted.body) < 500_000
            event = posted.json
            assert any(model.decode(posted.body) for model in EVENTS if _is(event, model))
            assert_links_lead_to([str(url) for url in _values(event, "url")], hosts)
            for text in _strings(event):
                assert_nothing_unseen(text)
            assert all(len(title) <= 300 for title in _values(event, "title"))


def _is(event: Any, model: Any) -> bool:
    names = {"alert": "WebhookAlert", "story.updated": "WebhookAlert"}
    return bool(model.__name__ == names.get(event["type"], f"Webhook{event['type'].title()}"))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for part in value.values() if isinstance(value, dict) else value if _is_list(value) else ():
        yield from _strings(part)


def _values(value: Any, key: str) -> Iterator[Any]:
    if isinstance(value, dict) and value.get(key):
        yield value[key]
    for part in value.values() if isinstance(value, dict) else value if _is_list(value) else ():
        yield from _values(part, key)


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


@dataclass
class AppriseInbox:
    channel: Channel
    double: HttpDouble
    before: Before = NOTHING_BEFORE

    def check(self, hosts: set[str]) -> None:
        for posted in self.double.posted:
            said = "\n".join(_strings(posted.json)).replace("\r\n", "\n")
            assert len(said) < 6_000
            assert_nothing_unseen(said)
            # What a service makes of it is not ours: whatever it is, nothing may be alive in it.
            assert not re.search(r"@(?=[\w\[(])|<[!@#/]?(?!https?://|/?b>|br|a href|/a)", said), (
                said
            )
            assert not re.search(r"&(?!amp;|quot;|#x27;|gt;|lt;)(?=#?\w+;)", said), said
            links = re.findall(r"\]\((\S*?)\)|<a href=\"([^\"]*)\"|<(h[^|>]*)\|", said)
            assert_links_lead_to(
                [one.replace("&amp;", "&") for found in links for one in found if one], hosts
            )


@asynccontextmanager
async def console() -> AsyncIterator[Inbox]:
    terminal = io.StringIO()
    screen = Console(file=terminal, width=100, force_terminal=True, color_system="truecolor")
    yield ConsoleInbox(ConsoleChannel(screen, 20.0), terminal)


@asynccontextmanager
async def slack_webhook() -> AsyncIterator[Inbox]:
    spec = SlackSpec(id="slack", type="slack", webhook_url=SecretRef(env="HOOK"))
    async with slack_double() as double:
        yield SlackInbox(SlackChannel(spec, {"HOOK": double.url}, 20.0, LOOPBACK), double)


@asynccontextmanager
async def slack_bot() -> AsyncIterator[Inbox]:
    async with slack_double() as double:
        spec = SlackSpec(
            id="bot",
            type="slack",
            token=SecretRef(env="TOKEN"),
            channel=CHANNEL,
            api_url=double.api_url,
        )
        channel = SlackBotChannel(spec, {"TOKEN": TOKEN}, 20.0, LOOPBACK)
        first = await channel.send(ferry_alert(), NOW)
        assert isinstance(first, Delivered)
        yield SlackInbox(channel, double, Before(thread=first.receipt))


@asynccontextmanager
async def email() -> AsyncIterator[Inbox]:
    async with smtp_double() as double:
        spec = EmailSpec(
            id="mail",
            type="email",
            host="127.0.0.1",
            port=double.port,
            tls="none",
            sender="wire@watch.example",
            recipients=("desk@watch.example",),
        )
        yield MailInbox(EmailChannel(spec, {}, 20.0), double)


@asynccontextmanager
async def webhook() -> AsyncIterator[Inbox]:
    spec = WebhookSpec(
        id="hook", type="webhook", url=SecretRef(env="URL"), secret=SecretRef(env="SECRET")
    )
    async with http_double() as double:
        env = {"URL": double.origin, "SECRET": SECRET}
        yield WebhookInbox(WebhookChannel(spec, env, 20.0, LOOPBACK), double)


@asynccontextmanager
async def apprise(scheme: str) -> AsyncIterator[Inbox]:
    """One of the services of Apprise, which posts to the double instead."""
    spec = AppriseSpec(id="chat", type="apprise", url=SecretRef(env="URL"))
    async with http_double() as double:
        double.says = "ok"  # what Slack answers
        with pytest.MonkeyPatch.context() as patch:
            url = _led_to(double, scheme, patch)
            yield AppriseInbox(AppriseChannel(spec, {"URL": url}, 20.0, LOOPBACK), double)


def _led_to(double: HttpDouble, scheme: str, patch: pytest.MonkeyPatch) -> str:
    from apprise.plugins.discord import NotifyDiscord  # noqa: PLC0415
    from apprise.plugins.slack import NotifySlack  # noqa: PLC0415
    from apprise.plugins.telegram import NotifyTelegram  # noqa: PLC0415

    patch.setattr(NotifyDiscord, "notify_url", f"{double.origin}/discord")
    patch.setattr(NotifySlack, "webhook_url", f"{double.origin}/slack")
    patch.setattr(NotifyTelegram, "notify_url", f"{double.origin}/telegram")
    return {
        "json": f"json://127.0.0.1:{double.port}/in",
        "discord": "discord://123456789012345678/aTokenOfDiscord-1/?footer=no",
        "slack": "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#news",
        "telegram": "tgram://123456789:abcdefg_hijklmnop-ABCDEFGHIJKLMNOPQRS/12315544/",
    }[scheme]
