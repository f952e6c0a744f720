"""The rest of the dashboard: latency, flow, failures by reason, processes.

Decides what is asked. What each panel says is what its shapes mean and what to do.
"""

from deploy.grafana.panels import (
    BAD,
    DIM,
    FAINT,
    FLOWING,
    GOOD,
    ODD,
    Chart,
    Panel,
    Query,
    heatmap,
    lines,
    table,
)

_BUCKETS = "wirewatch_alert_latency_seconds_bucket"


def how_late() -> list[Panel]:
    """Latency by stage, and what waits before each step."""
    by_stage = f"sum by (le, stage) (rate({_BUCKETS}[15m]))"
    return [
        lines(
            "Latency of alerts by stage, 95th percentile",
            "seen: published to first seen, the feeds' and the schedule's share. matched and "
            "delivered are ours: seconds are normal, a minute is not.",
            [Query(f"histogram_quantile(0.95, {by_stage})", "{{stage}}")],
            Chart(width=12, unit="s", logarithmic=True),
        ),
        heatmap(
            "From published to delivered",
            "Each column is a moment, each cell how many alerts took that long. A second band "
            "that rises is a feed or a channel that is late.",
            f'sum by (le) (increase({_BUCKETS}{{stage="total"}}[$__rate_interval]))',
            Chart(width=12, unit="s"),
        ),
        lines(
            "Age of the oldest record by step",
            "Rising without end: the step stands still or is too slow. Look at its readiness "
            "first; add matchers second.",
            [Query("max by (step) (wirewatch_bus_lag_seconds)", "{{step}}")],
            Chart(unit="s"),
        ),
        lines(
            "Records waiting by step",
            "What the bus holds for matcher and notifier. A burst that goes down again is nothing.",
            [Query("max by (step) (wirewatch_bus_lag_records)", "{{step}}")],
            Chart(),
        ),
        lines(
            "Deliveries waiting",
            "How many (left) and how old the oldest is (right). Some after a burst is normal; "
            "an age that rises is not.",
            [
                Query("max(wirewatch_deliveries_pending)", "waiting"),
                Query("max(wirewatch_deliveries_oldest_pending_seconds)", "oldest", "s"),
            ],
            Chart(),
        ),
    ]


def what_flows() -> list[Panel]:
    """The way of an article, per minute."""
    delivered = 'wirewatch_deliveries_total{outcome="delivered"}'
    severities = {"urgent": BAD, "high": ODD, "normal": FLOWING, "low": DIM}
    return [
        lines(
            "Polls, articles, matches, alerts, deliveries per minute",
            "The way of an article. The first line that is flat where the one before it is "
            "not shows the step to look at.",
            [
                Query(_per_minute("wirewatch_polls_total"), "polls"),
                Query(_per_minute("wirewatch_articles_total"), "articles"),
                Query(_per_minute("wirewatch_articles_matched_total"), "went through the rules"),
                Query(_per_minute("wirewatch_matches_total"), "matches"),
                Query(_per_minute("wirewatch_alerts_total"), "alerts"),
                Query(_per_minute(delivered), "deliveries"),
            ],
            Chart(width=12, unit="opm"),
        ),
        lines(
            "Alerts per minute by severity",
            "A rule that is too wide shows here first.",
            [Query(_per_minute("wirewatch_alerts_total", "severity"), "{{severity}}")],
            Chart(width=6, unit="opm", stacked=True, colors=severities),
        ),
        lines(
            "Articles per minute by text",
            "summary: the page could not be read, and only the feed's words were matched. "
            "Pages not read has the reasons.",
            [Query(_per_minute("wirewatch_articles_total", "text"), "{{text}}")],
            Chart(width=6, unit="opm", stacked=True, colors={"full": GOOD, "summary": ODD}),
        ),
    ]


def who_complains() -> list[Panel]:
    """What fires, and which parts wait."""
    return [
        table(
            "Alerts that fire",
            "docs/operations.md has a heading for each: what it means, what to check, what to "
            "do. critical: alerts are late, lost or cannot be made. warning: look today.",
            'ALERTS{alertstate="firing"}',
            {
                "severity": "severity",
                "alertname": "alert",
                "service": "service",
                "component": "part",
                "step": "step",
                "channel": "channel",
                "reason": "reason",
                "instance": "process",
            },
            "none",
        ),
        table(
            "Parts that are not ready",
            "Each waits for something, or has stopped for good. Ask that process why: "
            "curl http://ADDRESS/readyz",
            "wirewatch_component_ready == 0",
            {"component": "part", "service": "service", "instance": "process"},
            "all are ready",
        ),
    ]


def failures_of_reading() -> list[Panel]:
    """Feeds and pages, by reason."""
    failed = _per_minute('wirewatch_polls_total{outcome!~"new|unchanged"}', "outcome")
    unread = _per_minute('wirewatch_pages_total{outcome!="page"}', "outcome")
    states = {"ok": GOOD, "new": FLOWING, "failing": ODD, "silent": FAINT}
    states |= {"broken": BAD, "gone": DIM}
    texts = "rate(wirewatch_articles_total{%s}[1h])"
    full, wanted = texts % 'text="full"', texts % 'reason!="not_wanted"'
    return [
        lines(
            "Feeds by state",
            "failing: tried again. broken: for an hour or more. silent: it answers, with nothing "
            "new for longer than it ever does. gone: ended by its server, polled no more. "
            "`wirewatch feeds status --failing` names them.",
            [Query("sum by (state) (wirewatch_feeds)", "{{state}}")],
            Chart(stacked=True, colors=states),
        ),
        lines(
            "Polls that failed, per minute",
            "Many reasons at once: publishers. One reason for all, such as unreachable or tls: "
            "our network, resolver or certificates.",
            [Query(f"{failed} > 0", "{{outcome}}")],
            Chart(unit="opm"),
        ),
        lines(
            "Pages not read, per minute",
            "forbidden: a pay wall or a consent page; `full_text: never` spares the tries. "
            "extraction_failed: raise WIREWATCH_PAGE_DEADLINE_SECONDS or look at the log.",
            [Query(f"{unread} > 0", "{{outcome}}")],
            Chart(unit="opm"),
        ),
        lines(
            "Articles with full text, of the last hour",
            "Of those whose text was wanted. A fall: pages are closed to us or look different. "
            "`wirewatch feeds status` has the rate of each feed.",
            [Query(f"sum({full}) / sum({wanted})", "full text")],
            Chart(width=12, unit="percentunit"),
        ),
        lines(
            "Gaps, per hour",
            "Polls that showed only what was new: something may have come and gone unseen. Such "
            "a feed is polled more often by itself; if they stay, find a longer version of it.",
            [Query("sum(rate(wirewatch_feed_gaps_total[1h])) * 3600", "gaps")],
            Chart(width=12),
        ),
    ]


def failures_of_telling() -> list[Panel]:
    """Deliveries by reason, what was put aside, and whether the rules agree."""
    attempts = _per_minute("wirewatch_deliveries_total", "channel, outcome, reason")
    return [
        lines(
            "Attempts to deliver, per minute",
            "try_later goes on by itself; bad_credentials waits for you; gave_up is lost "
            "unless you retry it.",
            [Query(f"{attempts} > 0", "{{channel}} {{outcome}} {{reason}}")],
            Chart(unit="opm"),
        ),
        lines(
            "Alerts held, by why",
            "For a batch or a digest, for the end of quiet hours, over a cap, by a silence. Each "
            "falls when its message is sent; `wirewatch why URL` says when that is. given up: "
            "their subscription is gone from the folder.",
            [
                Query("max by (why) (wirewatch_held_alerts)", "{{why}}"),
                Query("sum(increase(wirewatch_held_alerts_given_up_total[1h]))", "given up"),
            ],
            Chart(colors={"given up": BAD}),
        ),
        lines(
            "Put aside and failed rules, per hour",
            "Records that could not be processed, by topic. Many at once are a bad deploy: "
            "the step stops by itself before it has put all aside.",
            [
                Query("sum by (topic) (increase(wirewatch_dead_letters_total[1h]))", "{{topic}}"),
                Query("sum(increase(wirewatch_rule_failures_total[1h]))", "rules that failed"),
            ],
            Chart(),
        ),
        lines(
            "Generation of the rules by matcher",
            "All lines on one another: every matcher works with the same rules. A line that "
            "stays below is a matcher that a change did not reach.",
            [Query("wirewatch_rules_generation", "{{service}} {{instance}}")],
            Chart(),
        ),
    ]


def processes() -> list[Panel]:
    """What runs, since when, and what it takes."""
    running = (
        "(time() - process_start_time_seconds)"
        " * on (job, instance) group_left (process, version) wirewatch_build_info"
    )
    process = "{{service}} {{instance}}"
    return [
        lines(
            "Memory",
            "Of the processes themselves, without their text workers. A line that only rises "
            "is a leak: restart, and tell us.",
            [Query('process_resident_memory_bytes{job="wirewatch"}', process)],
            Chart(unit="bytes"),
        ),
        lines(
            "Processor",
            "1 is a whole core. A matcher near 1 that lags needs another one beside it.",
            [Query('rate(process_cpu_seconds_total{job="wirewatch"}[5m])', process)],
            Chart(),
        ),
        lines(
            "Running for",
            "A saw is a process that keeps restarting: its last log lines say why.",
            [Query(running, "{{process}} {{version}} {{instance}}")],
            Chart(unit="s"),
        ),
    ]


def _per_minute(counter: str, by: str = "") -> str:
    total = f"sum by ({by})" if by else "sum"
    return f"{total} (rate({counter}[5m])) * 60"
