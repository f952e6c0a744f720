"""How soon an entry is seen, for how many polls: `python -m bench.schedule [DATA_FOLDER]`.

The poller's own policy, a fixed quarter of an hour, Miniflux's entry frequency, and a pace that
might take the place of ours, each replayed on the same timelines (see `timelines` for how they
are made of real feeds, and what they cannot show). The servers' own wishes (max-age) are left
out, for all of them.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from statistics import median

from bench.schedule.policies import EntryFrequency, Fixed, Scheduler, Wirewatch, root_pace
from bench.schedule.replay import Outcome, replay_all
from bench.schedule.timelines import DAYS, Timeline, of_feeds, of_wire

DATA = Path(__file__).parents[2] / "../shared/data"
_REPEATS = 3
_BUSY = 10  # entries a day
# The file holds about a quarter of the agency's reports, so five of them are as good as the
# twenty that a feed shows; a fixed 5, 15 and 60 min lose 0.2, 7 and 53 % of them.
_WIRE_SHOWS = 5

POLICIES: Mapping[str, Callable[[], Scheduler]] = {
    "fixed 15 min": lambda: Fixed(timedelta(minutes=15)),
    "Miniflux, entry frequency": EntryFrequency,
    "Wirewatch": Wirewatch,
    "root of the gap": lambda: Wirewatch(pace=root_pace(2.4)),
}


def main(arguments: Sequence[str]) -> int:
    """Print the table."""
    data = Path(arguments[0]) if arguments else DATA
    archive, articles = data / "feeds.tar.gz", data / "articles.jsonl.gz"
    if not archive.exists():
        print(f"no feeds at {archive}: name the folder that holds feeds.tar.gz")
        return 2
    feeds = of_feeds(archive)
    busy = [timeline for timeline in feeds if timeline.per_day >= _BUSY]
    groups = {f"{len(feeds)} feeds, {DAYS} days": feeds, f"{len(busy)} busy ones": busy}
    if articles.exists():
        groups["a news agency, 14 days"] = [of_wire(articles, shows=_WIRE_SHOWS)]
    print("| timelines | policy | latency, min: p50 | p90 | p99 | mean | polls a day | lost |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for group, timelines in groups.items():
        for policy, scheduler in POLICIES.items():
            print(f"| {group} | {policy} | {_row(timelines, scheduler)} |")
    return 0


def _row(timelines: Sequence[Timeline], scheduler: Callable[[], Scheduler]) -> str:
    each = [replay_all([timeline], scheduler, _REPEATS) for timeline in timelines]
    together = Outcome()
    for outcome in each:
        together.add(outcome)
    latencies = [together.percentile(share) for share in (0.5, 0.9, 0.99)]
    polls = f"{together.polls_a_day:.0f} (median feed {median(o.polls_a_day for o in each):.0f})"
    columns = [f"{value:.1f}" for value in [*latencies, together.mean]]
    return " | ".join([*columns, polls, f"{together.lost_share:.1%}"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
