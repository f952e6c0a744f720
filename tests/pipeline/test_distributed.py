"""The same stories as separate processes on Kafka, Faust and PostgreSQL."""

import pytest

from tests.pipeline.distributed_fixtures import stack, timeline, wirewatch
from tests.pipeline.distributed_stack import Watch
from tests.pipeline.pipeline_contract import PipelineContract
from tests.pipeline.stories import HIT, REFERENCE, SUMMARY
from tests.pipeline.timeline import Timeline

__all__ = ["stack", "timeline", "wirewatch"]
pytestmark = pytest.mark.xdist_group("stack")


class TestDistributed(PipelineContract):
    """As many processes as the compose file says."""


async def test_a_rule_applied_while_all_runs_is_live_in_every_matcher(
    timeline: Timeline[Watch],
) -> None:
    watch = timeline.wirewatch
    await watch.start_ready()
    second = {"id": "east", "name": "From the east", "query": '"from the east"'}
    watch.write("rules/rules.yaml", {"rules": [REFERENCE, second]})
    await watch.start_ready()
    for number in range(6):  # enough for both matchers to have some
        await timeline.publish("wire", f"Troops {number}", [*HIT, f"{number}."], summary=SUMMARY)
    for _ in range(6):
        await timeline.expect("Reference rule", "From the east")
    await timeline.expect_nothing_more()
