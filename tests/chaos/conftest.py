"""The stage of the pipeline's tests serves here too."""

from tests.pipeline.conftest import mail, newsroom, slack, timeline, wirewatch

__all__ = ["mail", "newsroom", "slack", "timeline", "wirewatch"]
