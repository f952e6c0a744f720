"""What pushing counts: the closed label sets, shown at 0 before anything has happened."""

from enum import StrEnum

from services.poller.websub.plan import Accepted, AskedToWait, HubAnswer, Refused
from services.runtime.metrics import Metrics
from services.store.websub import HubState


class PushOutcome(StrEnum):
    """What became of a request to push."""

    NEW = "new"  # it brought news
    KNOWN = "known"  # all of it was known
    PING = "ping"  # it says that there is news, and not what: the feed is polled
    POLLED = "polled"  # it could not be taken now: the feed is polled
    UNREADABLE = "unreadable"  # no feed: the feed is polled
    UNSIGNED = "unsigned"  # ignored
    FORGED = "forged"  # ignored: signed with another secret
    TOO_LARGE = "too_large"
    BROKEN_OFF = "broken_off"  # it did not come whole, or not in time
    UNWANTED = "unwanted"  # of a subscription that has ended
    UNKNOWN = "unknown"  # to a callback that never was
    BUG = "bug"


class Answer(StrEnum):
    """What a hub is told that asks whether we meant it."""

    CONFIRMED = "confirmed"
    NOT_MEANT = "not_meant"  # another topic, not asked for, asked before
    DENIAL = "denial"  # no question: the hub says that it will not push


_ANSWERS: dict[type[HubAnswer], str] = {
    Accepted: "accepted",
    AskedToWait: "asked_to_wait",
    Refused: "refused",
}


def name_of(answer: HubAnswer) -> str:
    """A hub's answer as a label."""
    return _ANSWERS[type(answer)]


def start_at_zero(metrics: Metrics) -> None:
    """Show every series that pushing can count."""
    for outcome in PushOutcome:
        metrics.websub_pushes.labels(outcome.value)
    for answer in Answer:
        metrics.websub_questions.labels(answer.value)
    for name in _ANSWERS.values():
        metrics.websub_requests.labels(name)
    show_states(metrics, dict.fromkeys(HubState, 0))


def show_states(metrics: Metrics, counts: dict[HubState, int]) -> None:
    """Show how many subscriptions there are; of those that have ended nobody need know."""
    for state, count in counts.items():
        if state is not HubState.LEFT:
            metrics.websub_subscriptions.labels(state.value).set(count)
