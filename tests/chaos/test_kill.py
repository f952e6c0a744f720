"""kill -9 at any moment, again and again: every expected alert arrives."""

import asyncio
import random
import sys

from tests.pipeline.stories import FILLER, HIT, SUMMARY
from tests.pipeline.timeline import EmbeddedTimeline
from tests.pipeline.wirewatch_process import until

ROUNDS = 6


async def test_killed_again_and_again_while_news_break_every_alert_arrives(
    timeline: EmbeddedTimeline,
) -> None:
    moments = random.Random(7)
    wirewatch = timeline.wirewatch
    await wirewatch.start_ready()
    await wirewatch.until_metric("wirewatch_polls_total", 1)
    titles = []
    for round_number in range(ROUNDS):
        for number in range(3):
            title = f"Troops move {round_number}-{number}"
            titles.append(title)
            await timeline.publish("wire", title, [*HIT, title], summary=SUMMARY)
            await timeline.publish("wire", f"Nothing {title}", [*FILLER, title], summary="None.")
        # Somewhere between the poll and the last delivery; the seed makes it repeatable.
        await asyncio.sleep(moments.uniform(0, 0.9))
        await wirewatch.kill()
        await wirewatch.start()
    await wirewatch.until_ready()

    async def all_there() -> bool:
        return all(timeline.slack.holding(title) for title in titles)

    await until(all_there, "every alert")
    await until(timeline.at_rest, "rest")
    told = {title: len(timeline.slack.holding(title)) for title in titles}
    # A repeat is possible only where the kill fell between Slack's "ok" and its record.
    assert sum(told.values()) - len(titles) <= ROUNDS
    assert not timeline.slack.holding("Nothing Troops")


async def test_stopped_in_flight_it_finishes_and_exits_with_zero(
    timeline: EmbeddedTimeline,
) -> None:
    await timeline.wirewatch.start_ready()
    await timeline.publish("wire", "Troops", HIT, summary=SUMMARY)
    await timeline.expect("Troops")
    assert await timeline.wirewatch.stop() == 0
    assert timeline.wirewatch.logged("stopped; nothing is in flight")


async def test_a_second_process_on_the_same_state_is_refused_by_name(
    timeline: EmbeddedTimeline,
) -> None:
    await timeline.wirewatch.start_ready()
    assert timeline.wirewatch.process is not None
    first = timeline.wirewatch.process.pid
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.cli", "run", "--config", str(timeline.wirewatch.config)),
        *("--state", str(timeline.wirewatch.state)),
        stderr=asyncio.subprocess.PIPE,
        env={"WIREWATCH_HTTP_PORT": "0", "PATH": "/usr/bin:/bin"},
    )
    _, said = await process.communicate()
    assert process.returncode == 1
    assert str(first) in said.decode()
