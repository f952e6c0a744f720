"""Alerts from `matches` to a mail server and to Slack: how many a second, and how late each is.

Every alert goes to one subscription by mail and to one by Slack. The servers and each notifier
are processes of their own. *Rate*: all records lie on the bus when the notifiers start; from the
first alert raised to the last delivery accepted. *Late*: from the record's writing to its
delivery's acceptance, at a steady rate. Ends with 1 where a target is missed.
"""

import argparse
import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import func, select

from bench.deliver.news import at, news
from bench.deliver.peer import hand_over
from bench.deliver.processes import Place, notifiers_at_work, servers
from schemas.channels import EmailSpec
from schemas.topics import MATCHES
from services.bus.port import Outgoing
from services.bus.sqlite import SqliteBus, open_bus
from services.notifier.channels.mail import in_ascii, letter_to
from services.notifier.message import AlertMessage
from services.notifier.render.offers import NO_OFFERS
from services.runtime.clock import utc_now
from services.store import written
from services.store.database import Database, open_database, sqlite_url
from services.store.delivery_tables import alerts, deliveries
from services.store.written import Kind
from tests.servers.postgres import running_server

_PATIENCE_SECONDS = 300
_EMAIL = {
    "id": "mail",
    "type": "email",
    "host": "127.0.0.1",
    "tls": "none",
    "sender": "wirewatch@bench.example",
    "recipients": ["desk@bench.example"],
}
_SLACK = {"id": "chat", "type": "slack", "webhook_url": {"env": "BENCH_SLACK"}}


def main(arguments: list[str]) -> int:
    """Run what the command line asks for."""
    options = _options(arguments)
    with servers() as ports:
        return asyncio.run(_all(options, ports))


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.deliver", description=__doc__)
    parser.add_argument("--alerts", type=int, default=1500, help="for the rate (%(default)s)")
    parser.add_argument("--seconds", type=int, default=20, help="of each lateness (%(default)s)")
    parser.add_argument(
        "--databases", default="sqlite,postgresql", help="which of them (%(default)s)"
    )
    parser.add_argument("--rates", default="10,100", help="alerts a second (%(default)s)")
    parser.add_argument("--profile", default="", help="write a profile of the judge's process here")
    return parser.parse_args(arguments)


async def _all(options: argparse.Namespace, ports: tuple[int, int]) -> int:
    reached = True
    for kind in options.databases.split(","):
        best = 0.0
        numbers = (1,) if kind == "sqlite" else (1, 2)
        for number in numbers:
            async with _place(kind, ports) as place:
                best = max(best, await _rate(place, number, options))
        reached = reached and (kind == "sqlite" or best >= 300)
        rates = map(int, filter(None, options.rates.split(",")))
        for per_second, number in product(rates, numbers):
            async with _place(kind, ports) as place:
                p99 = await _lateness(place, number, per_second, options)
            reached = reached and (per_second > 10 or p99 < 0.25)
    return 0 if reached else 1


async def _rate(place: Place, notifiers: int, options: argparse.Namespace) -> float:
    async with open_bus(place.bus) as bus, open_database(place.url) as database:
        await _configure(database, place)
        for message in news(options.alerts):
            await _publish(bus, [at(message, utc_now()).encode()], message.article.article_id)
        with notifiers_at_work(place, notifiers, options.profile) as (_, ends):
            await _until_delivered(database, 2 * options.alerts)
        begun, ended = await _span(database)
        seconds = (ended - begun).total_seconds()
        mails = await _mails(database)
    took = await hand_over(place.mail_port, mails)
    rate = 2 * options.alerts / seconds
    print(
        f"{place.kind:11} {_counted(notifiers)}  "
        f"{options.alerts / seconds:7.0f} alerts/s {rate:7.0f} deliveries/s"
        f"   CPU ms a delivery {_each(ends, 2 * options.alerts)}"
        f"   peer {len(mails) / took:6.0f} mails/s"
        f"   ratio {options.alerts / seconds / (len(mails) / took):.2f}",
        flush=True,
    )
    return float(rate)


async def _lateness(
    place: Place, notifiers: int, per_second: int, options: argparse.Namespace
) -> float:
    number = per_second * options.seconds
    async with open_database(place.url) as database:
        await _configure(database, place)
        with notifiers_at_work(place, notifiers, options.profile) as (notifier, ends):
            warm = list(news(50, seed=2))
            for message in warm:
                _type_in(notifier, at(message, utc_now()).encode())
            await _until_delivered(database, 2 * len(warm))
            begun, start = time.perf_counter(), utc_now()
            for i, message in enumerate(news(number)):
                await asyncio.sleep(max(0.0, begun + i / per_second - time.perf_counter()))
                _type_in(notifier, at(message, utc_now()).encode())
            await _until_delivered(database, 2 * (number + len(warm)))
        late = await _late(database, start)
    p50, p99 = late[len(late) // 2], late[int(len(late) * 0.99)]
    print(
        f"{place.kind:11} {_counted(notifiers)}  {per_second:4} alerts/s"
        f"   late ms: p50 {p50 * 1000:6.1f}   p99 {p99 * 1000:6.1f}   worst {late[-1] * 1000:6.1f}"
        f"   CPU ms a delivery {_each(ends, 2 * (number + len(warm)))}",
        flush=True,
    )
    return p99


def _counted(notifiers: int) -> str:
    return f"{notifiers} notifier{'s' if notifiers > 1 else ' '}"


def _each(seconds: Sequence[float], deliveries: int) -> str:
    """Each notifier's processor time for a delivery, in milliseconds."""
    return " + ".join(f"{1000 * one / deliveries:.2f}" for one in seconds)


def _type_in(notifier: "subprocess.Popen[str]", value: bytes) -> None:
    """Have the notifier's own process put it on the bus: another's is seen only after a while."""
    assert notifier.stdin is not None
    notifier.stdin.write(value.decode() + "\n")
    notifier.stdin.flush()


async def _publish(bus: SqliteBus, values: Sequence[bytes], key: str) -> None:
    await bus.send_all([Outgoing(MATCHES, key, value) for value in values])


async def _configure(database: Database, place: Place) -> None:
    channels = {"mail": {**_EMAIL, "port": place.mail_port}, "chat": _SLACK}
    subscriptions = {
        name: {"id": name, "channel": name, "rules": "all"} for name in ("mail", "chat")
    }
    async with database.write() as tx:
        generation = await written.begin_change(tx)
        await written.put(tx, Kind.CHANNELS, channels, "bench", utc_now())
        await written.put(tx, Kind.SUBSCRIPTIONS, subscriptions, "bench", utc_now())
        await written.set_counter(tx, written.GENERATION, generation + 1)


async def _until_delivered(database: Database, number: int) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        async with database.read() as tx:
            done = await tx.scalar(
                select(func.count())
                .select_from(deliveries)
                .where(deliveries.c.state == "delivered")
            )
        if done == number:
            return
        if time.monotonic() > deadline:
            raise SystemExit(f"{done} of {number} deliveries were made")
        await asyncio.sleep(0.25)


async def _span(database: Database) -> tuple[datetime, datetime]:
    async with database.read() as tx:
        begun = await tx.scalar(select(func.min(alerts.c.raised_at)))
        ended = await tx.scalar(select(func.max(deliveries.c.finished_at)))
    assert begun is not None and ended is not None
    return begun, ended


async def _late(database: Database, since: datetime) -> list[float]:
    async with database.read() as tx:
        rows = (
            await tx.execute(
                select(deliveries.c.message, deliveries.c.finished_at).where(
                    deliveries.c.created_at >= since
                )
            )
        ).all()
    late = [(r.finished_at - AlertMessage.decode(r.message).matched_at) for r in rows]
    return sorted(one.total_seconds() for one in late)


async def _mails(database: Database) -> Sequence[bytes]:
    spec = EmailSpec.model_validate({**_EMAIL, "port": 25})
    now = datetime.now(UTC)
    async with database.read() as tx:
        rows = await tx.scalars(
            select(deliveries.c.message).where(deliveries.c.channel_id == "mail")
        )
        messages = [AlertMessage.decode(row) for row in rows]
    sender = in_ascii(spec.sender)
    return [letter_to("desk@bench.example", m, sender, now, NO_OFFERS).content for m in messages]


@asynccontextmanager
async def _place(kind: str, ports: tuple[int, int]) -> AsyncIterator[Place]:
    with TemporaryDirectory() as folder:
        if kind == "sqlite":
            yield Place(Path(folder), sqlite_url(Path(folder) / "wirewatch.sqlite"), *ports)
            return
        with running_server(durable=True) as admin:
            url = admin.render_as_string(hide_password=False)
            yield Place(Path(folder), url, *ports)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
