"""kill -9, outages and a stopped judge in the distributed way: every alert, and no double one."""

import itertools
import signal

import pytest

from tests.pipeline.distributed_fixtures import stack, timeline, wirewatch
from tests.pipeline.distributed_stack import Watch
from tests.pipeline.stories import FILLER, HIT, SUMMARY
from tests.pipeline.timeline import Timeline
from tests.pipeline.wirewatch_process import until

__all__ = ["stack", "timeline", "wirewatch"]
_numbers = itertools.count()
pytestmark = [pytest.mark.xdist_group("stack"), pytest.mark.slow]


async def _publish(timeline: Timeline[Watch], name: str, count: int) -> list[str]:
    # Headlines with numbers of their own: else these would be copies of one story.
    titles = [f"{name} {next(_numbers):03}" for _ in range(count)]
    for title in titles:
        await timeline.publish("wire", title, [*HIT, title], summary=SUMMARY)
        await timeline.publish("wire", f"Nothing of {title}", [*FILLER, title], summary="None.")
    return titles


async def _all_there(timeline: Timeline[Watch], titles: list[str]) -> None:
    async def all_there() -> bool:
        return all(timeline.slack.holding(f"|{title}>") for title in titles)

    await until(all_there, "every alert", within=120)


async def _all_told(timeline: Timeline[Watch], titles: list[str]) -> None:
    await _all_there(timeline, titles)
    await until(timeline.at_rest, "rest", within=120)
    assert not timeline.slack.holding("Nothing of")


def _times_told(timeline: Timeline[Watch], titles: list[str]) -> list[int]:
    return [len(timeline.slack.holding(f"|{title}>")) for title in titles]


@pytest.mark.parametrize(
    "victim", ["matcher-1", "matcher-2", "poller", "notifier-1", "notifier-2", "kafka", "postgres"]
)
async def test_killed_while_news_break_it_comes_back_and_every_alert_arrives(
    timeline: Timeline[Watch], victim: str
) -> None:
    await timeline.wirewatch.start_ready()
    before = await _publish(timeline, "Before", 3)
    timeline.wirewatch.stack.signal(victim, signal.SIGKILL)
    after = await _publish(timeline, "After", 3)
    await _all_told(timeline, before + after)
    # The one possible repeat: a notifier killed between Slack's "ok" and its record.
    repeats = sum(_times_told(timeline, before + after)) - len(before + after)
    assert repeats <= (1 if victim.startswith("notifier") else 0)


async def test_after_a_power_cut_all_start_side_by_side_and_every_alert_arrives(
    timeline: Timeline[Watch],
) -> None:
    await timeline.wirewatch.start_ready()
    before = await _publish(timeline, "Before", 3)
    # The processes start while Kafka and PostgreSQL are away, and wait for them.
    for victim in timeline.wirewatch.stack.processes:
        timeline.wirewatch.stack.signal(victim, signal.SIGKILL)
    after = await _publish(timeline, "After", 3)
    await _all_told(timeline, before + after)
    assert sum(_times_told(timeline, before + after)) <= len(before + after) + 1


async def test_a_judge_stopped_past_the_session_time_out_and_continued_judges_nothing_twice(
    timeline: Timeline[Watch],
) -> None:
    await timeline.wirewatch.start_ready()
    stack = timeline.wirewatch.stack
    first = await _publish(timeline, "First", 2)
    await _all_told(timeline, first)
    for name in ("notifier-1", "notifier-2"):
        stack.signal(name, signal.SIGSTOP)
        during = await _publish(timeline, f"While {name} sleeps", 2)
        # The other one takes over the judging when the group has noticed.
        await _all_there(timeline, during)
        stack.signal(name, signal.SIGCONT)
        after = await _publish(timeline, f"After {name} woke", 2)
        await _all_told(timeline, after)
        assert _times_told(timeline, [*first, *during, *after]) == [1] * 6
