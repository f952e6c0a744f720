"""A gauge of something that this process may know nothing about."""

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from services.runtime.late_gauge import LateGauge


def _samples(registry: CollectorRegistry) -> list[str]:
    lines = generate_latest(registry).decode().splitlines()
    return [line for line in lines if not line.startswith("#")]


def test_it_shows_nothing_before_its_value_is_known() -> None:
    registry = CollectorRegistry()
    LateGauge("wirewatch_example", "An example.", registry)
    assert _samples(registry) == []


def test_zero_is_a_value_and_the_last_one_is_shown() -> None:
    registry = CollectorRegistry()
    gauge = LateGauge("wirewatch_example", "An example.", registry)
    gauge.set(7)
    gauge.set(0)
    assert _samples(registry) == ["wirewatch_example 0.0"]
