"""The top of the dashboard: twelve numbers that are green while silence is silence.

Decides which numbers, and from where on they are bad: the limits of
deploy/prometheus/rules.yml. What each panel says is what to do.
"""

from deploy.grafana.panels import BAD, FLOWING, GOOD, ODD, Panel, Scale, stat


def processes_and_polls() -> list[Panel]:
    """Whether everything runs, and sees."""
    return [
        stat(
            "Alerts firing",
            "Rules of Prometheus that fire now. The table Alerts that fire names them; "
            "docs/operations.md has a heading for each.",
            'count(ALERTS{alertstate="firing"}) or vector(0)',
            Scale(GOOD, [(1, BAD)]),
        ),
        stat(
            "Processes down",
            "Processes whose endpoint does not answer. Look at the container or service, and "
            "its last log lines.",
            'sum(up{job="wirewatch"} == bool 0)',
            Scale(GOOD, [(1, BAD)], none="no target"),
        ),
        stat(
            "Parts not ready",
            "Parts that wait or have stopped. The table Parts that are not ready names them; "
            "/readyz of the process says why in words.",
            "sum(wirewatch_component_ready == bool 0)",
            Scale(GOOD, [(1, BAD)]),
        ),
        stat(
            "Last good poll",
            "Time since a feed was last read. Red: we are blind, and silence means nothing. "
            "Check the network of the pollers.",
            "time() - max(wirewatch_poll_last_success_timestamp_seconds)",
            Scale(GOOD, [(900, ODD), (1800, BAD)], unit="s", none="none yet"),
        ),
        stat(
            "Feeds not readable",
            "Share of the feeds that fail or have ended. `wirewatch feeds status --failing` names "
            "each with its reason.",
            'sum(wirewatch_feeds{state=~"failing|broken|gone"}) / sum(wirewatch_feeds)',
            Scale(GOOD, [(0.05, ODD), (0.2, BAD)], unit="percentunit", none="no feeds"),
        ),
        stat(
            "Rules in force",
            "Of the matcher that has the fewest. 0: nothing can match; apply a folder.",
            "min(wirewatch_rules_active)",
            Scale(BAD, [(1, GOOD)], none="no matcher"),
        ),
    ]


def waiting_and_lost() -> list[Panel]:
    """What waits, what is lost unless somebody acts, and how much there is to tell."""
    return [
        stat(
            "Oldest record waiting",
            "Age of the oldest article or match that its step has not finished. Alerts are "
            "late by as much.",
            "max(wirewatch_bus_lag_seconds)",
            Scale(GOOD, [(30, ODD), (120, BAD)], unit="s"),
        ),
        stat(
            "Oldest delivery waiting",
            "Age of the oldest alert that somebody has not been told. See Attempts to deliver "
            "for the reason.",
            "max(wirewatch_deliveries_oldest_pending_seconds)",
            Scale(GOOD, [(60, ODD), (600, BAD)], unit="s"),
        ),
        stat(
            "Given up, 24 h",
            "Deliveries that are tried no more. `wirewatch deliveries list --failed`, then "
            "`wirewatch deliveries retry ID`.",
            'ceil(sum(increase(wirewatch_deliveries_total{outcome="gave_up"}[24h])))',
            Scale(GOOD, [(1, BAD)], none="no channel"),
        ),
        stat(
            "Put aside, 24 h",
            "Records in the dead-letter topics. `wirewatch dlq list` says why, `wirewatch dlq "
            "retry` sends them through again.",
            "ceil(sum(increase(wirewatch_dead_letters_total[24h])))",
            Scale(GOOD, [(1, ODD), (20, BAD)]),
        ),
        stat(
            "Folder",
            "Whether the operator's folder is in force. Broken: /readyz names file and line. "
            "Where `wirewatch apply` brings changes in, no folder is watched.",
            "min(wirewatch_config_valid)",
            Scale(BAD, [(1, GOOD)], words={0: "broken", 1: "in force"}, none="by command"),
        ),
        stat(
            "Alerts, 24 h",
            "Pairs of a rule and a story. No number is right or wrong here.",
            "ceil(sum(increase(wirewatch_alerts_total[24h])))",
            Scale(FLOWING),
        ),
    ]
