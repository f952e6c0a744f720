"""The stage of the pipeline's tests serves here too."""

from tests.pipeline.conftest import newsroom, slack, timeline, wirewatch

__all__ = ["newsroom", "slack", "timeline", "wirewatch"]
