"""A notifier at work: its messages' links, followed by scanners and pressed by readers."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sqlalchemy import func, select

from schemas.matches import ArticleMatches, RuleMatch
from schemas.topics import MATCHES
from services.bus.port import Bus, Outgoing
from services.bus.sqlite import open_bus
from services.notifier.assembly import notifier_parts
from services.runtime.lifecycle import Part
from services.runtime.process import Process, run_process
from services.runtime.settings import Settings
from services.store import silences, unsubscribed, written
from services.store.database import Database
from services.store.delivery_tables import deliveries, held
from services.store.written import Kind
from tests.notifier.alerts import NOW, article
from tests.notifier.free_ports import closed_port
from tests.notifier.judging import met, of_its_own
from tests.notifier.smtp_double import smtp_double
from tests.pipeline.inboxes import SlackInbox, slack_inbox
from tests.servers.patience import until

SLACK = {"id": "desk", "type": "slack", "webhook_url": {"env": "SLACK_TEST_URL"}}


@dataclass(slots=True)
class Office:
    """A running notifier, the Slack channel it writes into, and whoever presses buttons."""

    bus: Bus
    database: Database
    slack: SlackInbox
    client: aiohttp.ClientSession
    base: str
    reports: int = field(default=0)

    async def report(self, *found: RuleMatch, **changes: Any) -> None:
        """An article that meets rules: another story each time, unless `changes` say otherwise."""
        self.reports += 1
        changes = changes or {"article_id": f"a-{self.reports}", **of_its_own(f"a{self.reports}")}
        message = ArticleMatches(
            article=article(**changes), matches=found, matched_at=NOW, part=1, parts=1
        )
        await self.bus.send(Outgoing(MATCHES, "a-1", message.encode()))

    async def told(self, number: int) -> Sequence[dict[str, Any]]:
        """All that was sent, as soon as it is so many messages."""

        async def there() -> bool:
            return len(self.slack.received) >= number

        await until(there, f"message number {number}")
        return [json.loads(payload) for payload in self.slack.received]

    def links(self, payload: dict[str, Any]) -> dict[str, str]:
        """The links of a message, by what they offer."""
        found = re.findall(r"<([^|>]+)\|([^>]+)>", payload["blocks"][-1]["elements"][0]["text"])
        assert all(url.startswith(self.base) for url, _ in found)
        return {words: url for url, words in found}

    async def rows(self) -> Sequence[Any]:
        """What pages could change."""
        async with self.database.read() as tx:
            return [
                list(await silences.listed(tx)),
                list(await unsubscribed.listed(tx)),
                [tuple(r) for r in await tx.execute(select(held))],
                sorted(await tx.scalars(select(deliveries.c.delivery_id))),
            ]


@pytest.fixture
async def office(
    tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Office]:
    async with (
        slack_inbox() as slack,
        open_bus(tmp_path / "bus.sqlite") as bus,
        aiohttp.ClientSession() as client,
    ):
        monkeypatch.setenv("SLACK_TEST_URL", slack.url)
        await configured(database, SLACK)
        async with running(bus, database) as base:
            yield Office(bus, database, slack, client, base)


async def configured(database: Database, channel: Mapping[str, Any]) -> None:
    """The subscription `ann` to everything, on one channel."""
    async with database.write() as tx:
        generation = await written.begin_change(tx)
        await written.put(tx, Kind.CHANNELS, {channel["id"]: channel}, "apply", NOW)
        spec = {"id": "ann", "channel": channel["id"], "rules": "all"}
        await written.put(tx, Kind.SUBSCRIPTIONS, {"ann": spec}, "apply", NOW)
        await written.set_counter(tx, written.GENERATION, generation + 1)


@asynccontextmanager
async def running(bus: Bus, database: Database) -> AsyncIterator[str]:
    """A notifier process, reached under its own address."""
    port = closed_port()
    settings = Settings(
        http_port=port, public_url=f"http://127.0.0.1:{port}", allowed_networks="127.0.0.0/8"
    )
    stop, url = asyncio.Event(), asyncio.get_running_loop().create_future()

    async def assemble(process: Process) -> dict[str, Part]:
        return notifier_parts(process, bus, database)

    process = asyncio.create_task(run_process("notifier", settings, assemble, stop, url.set_result))
    try:
        yield await url
    finally:
        stop.set()
        await process


async def test_scanners_follow_every_link_and_nothing_happens(office: Office) -> None:
    await office.report(met("iran"))
    (alert,) = await office.told(1)
    links = office.links(alert)
    assert list(links) == ["See this alert", "Silence this story", "Unsubscribe"]
    before = await office.rows()
    for url in links.values():
        for method in ("HEAD", "GET"):
            async with office.client.request(method, url) as answered:
                assert answered.status == 200
    assert await office.rows() == before
    await office.report(met("iran"))
    await office.told(2)
    async with office.database.read() as tx:
        stored = list(await tx.scalars(select(deliveries.c.message)))
    assert not any(office.base.encode() in message for message in stored)  # made when sent


async def test_a_story_silenced_from_a_phone_is_told_of_at_the_end(office: Office) -> None:
    of_story = {"article_id": "ferry", **of_its_own("ferry")}
    await office.report(met("iran"), **of_story)
    (alert,) = await office.told(1)
    async with office.client.get(office.links(alert)["Silence this story"]) as shown:
        what = re.search(r'value="(story:\w+)"', await shown.text())
    assert what is not None
    form = {
        "do": "silence",
        "what": what[1],
        "length": "1h",
        "author": "Ann",
        "reason": "we have it",
    }
    async with office.client.post(office.links(alert)["Silence this story"], data=form) as done:
        page = await done.text()
    await office.report(met("oil"), revision="r-2", **of_story)  # a rule met later: held
    await office.report(met("iran"))  # another story: told
    assert "All the news of a3" in json.dumps((await office.told(2))[1])
    silence = re.search(r'name="silence" value="(\w+)"', page)
    assert silence is not None
    end = {"do": "end", "silence": silence[1]}
    async with office.client.post(office.links(alert)["Silence this story"], data=end):
        pass
    summary = (await office.told(3))[2]
    said = json.dumps(summary, ensure_ascii=False)
    assert "1 alert was held back while “All the news of ferry" in said
    assert "Ann: we have it" in said
    assert "Rule oil" in said
    async with office.client.get(office.links(summary)["See these alerts"]) as shown:
        assert "Rule oil" in await shown.text()


async def test_after_one_click_nobody_is_told_until_somebody_subscribes_again(
    office: Office,
) -> None:
    await office.report(met("iran"))
    (alert,) = await office.told(1)
    url = office.links(alert)["Unsubscribe"]
    await one_click(office, url)
    await office.report(met("iran"))

    async def judged() -> bool:
        async with office.client.get(f"{office.base}/metrics") as shown:
            return 'wirewatch_alerts_total{severity="normal"} 2.0' in await shown.text()

    await until(judged, "the second alert")
    async with office.client.post(url, data={"do": "return"}) as done:
        assert done.status == 200
    await office.report(met("iran"))
    assert "All the news of a3" in json.dumps((await office.told(2))[1])
    assert len(office.slack.received) == 2


async def test_each_recipient_of_a_mail_unsubscribes_alone(office: Office) -> None:
    everybody = ["Ann@desk.example", "bo@desk.example"]
    async with smtp_double() as server:
        mail = {
            "id": "mail",  # not the Slack channel's, whose sender may be at work
            "type": "email",
            "host": "localhost",
            "port": server.port,
            "tls": "none",
            "sender": "wire@desk.example",
            "recipients": everybody,
        }
        await configured(office.database, mail)

        async def mailed(number: int) -> Mapping[str, str]:
            """By recipient of the newest mails: where he leaves."""

            async def there() -> bool:
                return len(server.mails) >= number

            await until(there, f"mail number {number}")
            assert len(server.mails) == number
            return {to: mail["List-Unsubscribe"].strip("<>") for (to,), mail in server.mails}

        await office.report(met("iran"))
        leaving = await mailed(2)
        assert set(leaving) == set(everybody)
        await one_click(office, leaving["Ann@desk.example"])
        await office.report(met("iran"))
        await mailed(3)
        assert server.mails[-1][0] == ["bo@desk.example"]
        await one_click(office, leaving["bo@desk.example"])
        await office.report(met("iran"))

        async def discarded() -> bool:
            async with office.database.read() as tx:
                states = select(func.count()).where(deliveries.c.state == "discarded")
                return await tx.scalar(states) == 1

        await until(discarded, "the message that nobody wants")
        assert len(server.mails) == 3


async def one_click(office: Office, url: str) -> None:
    """What a mail program sends (RFC 8058)."""
    how: Any = {"data": {"List-Unsubscribe": "One-Click"}, "allow_redirects": False}
    async with office.client.post(url, **how) as done:
        assert done.status == 200
