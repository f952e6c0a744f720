"""A gauge that shows nothing until its value is known.

A plain gauge starts at 0, and "no rules are in force" would look like "this process has
nothing to do with rules". Decides nothing else.
"""

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry


class LateGauge(Collector):
    """A gauge without labels, and without a sample before the first `set`."""

    def __init__(self, name: str, documentation: str, registry: CollectorRegistry) -> None:
        self._name = name
        self._documentation = documentation
        self._value: float | None = None
        registry.register(self)

    def set(self, value: float) -> None:
        """Show `value` from now on."""
        self._value = float(value)

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Its name, for the registry."""
        yield GaugeMetricFamily(self._name, self._documentation)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Its sample, if there is one."""
        yield GaugeMetricFamily(self._name, self._documentation, value=self._value)
