"""Every metric of Wirewatch, declared once; docs/metrics.md explains them one by one.

Labels come from closed sets. A feed, rule, URL or message never becomes a label. Who counts
something starts its label sets at 0: a series that begins with 1 is no increase to Prometheus.
"""

from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest

from services.runtime.late_gauge import LateGauge

_LATENCY_BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 21600, 86400)


class Metrics:
    """The metrics of one process, in a registry of their own."""

    def __init__(self) -> None:
        r = self.registry = CollectorRegistry()
        self.alert_latency = Histogram(
            "wirewatch_alert_latency_seconds",
            "How long an alert took: seen = published to first seen, matched = first seen to "
            "matched, delivered = matched to delivered, total = published to delivered.",
            ["stage"],
            buckets=_LATENCY_BUCKETS,
            registry=r,
        )
        self.polls = Counter(
            "wirewatch_polls_total", "Feed polls by outcome.", ["outcome"], registry=r
        )
        self._good_polls: dict[str, Counter] = {}  # looking one up takes longer than counting
        self.last_good_poll = LateGauge(
            "wirewatch_poll_last_success_timestamp_seconds",
            "When a feed was last polled with success, in Unix time.",
            r,
        )
        self.pages = Counter(
            "wirewatch_pages_total", "Article pages asked for, by outcome.", ["outcome"], registry=r
        )
        self.articles = Counter(
            "wirewatch_articles_total",
            "Articles published to the bus: full text or summary only, and why.",
            ["text", "reason"],
            registry=r,
        )
        self.documents_malformed = Counter(
            "wirewatch_feed_documents_malformed_total",
            "Feed documents that were malformed and read all the same.",
            registry=r,
        )
        self.entries_muted = Counter(
            "wirewatch_entries_muted_total",
            "Feed entries remembered without an article, by reason.",
            ["reason"],
            registry=r,
        )
        self.entries_late = Counter(
            "wirewatch_entries_late_total",
            "Feed entries dated over a week before they appeared: matched, but quiet.",
            registry=r,
        )
        self.edits_put_off = Counter(
            "wirewatch_edits_put_off_total",
            "Edits of articles that change all the time, which wait for their turn.",
            registry=r,
        )
        self.gaps = Counter(
            "wirewatch_feed_gaps_total",
            "Polls that found a window full of entries not seen before: some may have been missed.",
            registry=r,
        )
        self.feeds = Gauge("wirewatch_feeds", "Feeds by state.", ["state"], registry=r)
        self.websub_subscriptions = Gauge(
            "wirewatch_websub_subscriptions",
            "Subscriptions at hubs by state, of all pollers together.",
            ["state"],
            registry=r,
        )
        self.websub_requests = Counter(
            "wirewatch_websub_requests_total",
            "Requests to hubs to push or to stop, by outcome.",
            ["outcome"],
            registry=r,
        )
        self.websub_questions = Counter(
            "wirewatch_websub_questions_total",
            "Questions of hubs whether we asked for something, by answer.",
            ["answer"],
            registry=r,
        )
        self.websub_pushes = Counter(
            "wirewatch_websub_pushes_total", "Pushes by outcome.", ["outcome"], registry=r
        )
        self.websub_missed = Counter(
            "wirewatch_websub_missed_total",
            "Entries that a poll found before the feed's hub pushed them.",
            registry=r,
        )
        self.articles_matched = Counter(
            "wirewatch_articles_matched_total",
            "Articles that went through the rules, by whether any matched.",
            ["matched"],
            registry=r,
        )
        self.matches = Counter(
            "wirewatch_matches_total", "Matches: pairs of an article and a rule.", registry=r
        )
        self.rule_failures = Counter(
            "wirewatch_rule_failures_total", "Rules that failed on an article.", registry=r
        )
        self.rules_active = LateGauge("wirewatch_rules_active", "Rules in force.", r)
        self.rules_generation = LateGauge(
            "wirewatch_rules_generation", "Generation of the rules in force.", r
        )
        self.alerts = Counter(
            "wirewatch_alerts_total", "Alerts raised, by severity.", ["severity"], registry=r
        )
        self.alerts_silenced = Counter(
            "wirewatch_silenced_alerts_total",
            "Messages that a silence held back: pairs of a subscription and a story.",
            registry=r,
        )
        self.deliveries = Counter(
            "wirewatch_deliveries_total",
            "Attempts to deliver, by kind of channel, outcome and reason.",
            ["channel", "outcome", "reason"],
            registry=r,
        )
        self.held = Gauge(
            "wirewatch_held_alerts",
            "Alerts that are held for a later message, by why.",
            ["why"],
            registry=r,
        )
        self.held_given_up = Counter(
            "wirewatch_held_alerts_given_up_total",
            "Held alerts whose subscription was gone for too long.",
            registry=r,
        )
        self.deliveries_pending = LateGauge(
            "wirewatch_deliveries_pending", "Deliveries not yet sent nor given up.", r
        )
        self.deliveries_oldest = LateGauge(
            "wirewatch_deliveries_oldest_pending_seconds",
            "Age of the oldest delivery not yet sent nor given up; 0 when there is none.",
            r,
        )
        self.bus_lag = Gauge(
            "wirewatch_bus_lag_records", "Records a step has not finished.", ["step"], registry=r
        )
        self.bus_lag_age = Gauge(
            "wirewatch_bus_lag_seconds",
            "Age of the oldest record that a step has not finished; 0 when there is none.",
            ["step"],
            registry=r,
        )
        self.dead_letters = Counter(
            "wirewatch_dead_letters_total",
            "Records put aside as unreadable.",
            ["topic"],
            registry=r,
        )
        self.ready = Gauge(
            "wirewatch_component_ready",
            "1 while a part of the process can do its work, else 0.",
            ["component"],
            registry=r,
        )
        self.config_valid = LateGauge(
            "wirewatch_config_valid",
            "1 while the operator's folder is in force, 0 while an older good set is.",
            r,
        )
        self.build = Gauge(
            "wirewatch_build_info",
            "1, with the version and the kind of process.",
            ["version", "process"],
            registry=r,
        )

    def exposition(self) -> bytes:
        """All metrics in the Prometheus text format."""
        return generate_latest(self.registry)

    def count_good_poll(self, outcome: str, at: datetime) -> None:
        """Count a poll that succeeded, and remember when."""
        if outcome not in self._good_polls:
            self._good_polls[outcome] = self.polls.labels(outcome)
        self._good_polls[outcome].inc()
        self.last_good_poll.set(at.timestamp())

    def observe_latency(self, stage: str, start: datetime | None, end: datetime) -> None:
        """Record how long `stage` took; nothing where its start is not known."""
        if start is not None:
            self.alert_latency.labels(stage).observe(max(0.0, (end - start).total_seconds()))
