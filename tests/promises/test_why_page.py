"""The answer of `wirewatch why` that the operations page shows is one that is given."""

import io
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console

from schemas.folder import FeedSpec
from services.bus.port import Lag
from services.embedded.why.command import told_in_lines
from services.embedded.why.facts import History, Kept, Progress, World
from services.embedded.why.way import Asked, Verdicts, way_of
from services.poller.memory import Memory
from services.poller.replies import UNCONDITIONAL
from services.poller.schedule import Health
from services.store.lookups import JudgedRevision, RaisedAlert
from tests.engine.newsroom import article, rule

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
CAME = NOW - timedelta(hours=1)
STORY = "06af961fc2b6a957252edfb62c5f6403"
RULE = rule("x", "iranian-ground-forces").model_copy(
    update={"name": "Iranian ground forces near Syria"}
)
TOLD = article(
    "x" * 4_312,
    revision="70e67815fdb5964e",
    title="Troops cross the frontier",
    url="https://example.org/world/troops",
    published_at=CAME - timedelta(seconds=40),
    first_seen_at=CAME,
    lang="en",
)


def _after(seconds: int) -> datetime:
    return CAME + timedelta(seconds=seconds)


def test_the_answer_on_the_page_is_what_is_said() -> None:
    memory = Memory(
        "coast",
        "https://example.org/feed",
        UNCONDITIONAL,
        None,
        NOW - timedelta(days=9),
        NOW,
        Health(),
        last_success_at=NOW - timedelta(minutes=3),
    )
    feed = FeedSpec(id="coast", url=memory.url, name="Coast Wire")
    world = World({"coast": feed}, {"coast": memory}, {RULE.rule_id: RULE}, {}, {}, [])
    kept = Kept(TOLD, _after(3))
    history = History(
        "coast",
        TOLD.article_id,
        kept=(kept,),
        matched=frozenset({RULE.rule_id}),
        judged=(JudgedRevision(STORY, TOLD.revision, _after(4)),),
        alerts=(RaisedAlert("alert", RULE.rule_id, STORY, 1, _after(4)),),
    )
    nothing = Lag(0, None)
    asked = Asked(history, world, Progress(nothing, nothing, None), NOW)
    way = way_of(asked, Verdicts({RULE.rule_id: kept}, 4))
    out = io.StringIO()
    Console(file=out, width=200).print(*told_in_lines(way, history, TOLD.url or ""), sep="\n")
    said = [line.rstrip() for line in out.getvalue().splitlines()]
    block = PAGE[PAGE.index("    not told  https://example.org") :].partition("\n\n")[0]
    promised = re.sub(r"^    ", "", block, flags=re.MULTILINE).splitlines()
    assert len(said) == len(promised)
    for one, other in zip(said, promised, strict=True):
        if other.endswith("…"):
            assert one.startswith(other.removesuffix("…"))
        else:
            assert one == other
