"""How a feed fares, in one word. PURE."""

from services.poller.health.episodes import EpisodePolicy, broken_since, silent_since
from services.poller.memory import Memory

STATES = ("broken", "gone", "silent", "failing", "new", "ok")
"""The words of `wirewatch_feeds{state}`, the worst first."""


def state_of(memory: Memory, policy: EpisodePolicy) -> str:
    """The word for a feed, by itself: when most feeds fail, each of them is failing or broken."""
    if memory.health.disabled:
        return "gone"
    if memory.health.failures:
        return "failing" if broken_since(memory, policy) is None else "broken"
    if memory.last_success_at is None:
        return "new"
    return "ok" if silent_since(memory, policy) is None else "silent"
