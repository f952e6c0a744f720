"""Stored watch rules and the manifest that closes a generation of them."""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from schemas.message import Message


class Severity(StrEnum):
    """How much an alert matters, in rising order."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"


class WatchRule(Message):
    """A rule as it is stored and broadcast on `watch-rules`."""

    kind: Literal["rule"] = "rule"
    rule_id: str = Field(min_length=1)
    version: int = Field(ge=1, description="rises with every change of this rule")
    name: str
    query: str = Field(description="an expression of the watch-rule language")
    severity: Severity = Severity.NORMAL
    tags: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The record's key on the compacted topic."""
        return f"rule:{self.rule_id}"


class RulesManifest(Message):
    """Closes a generation: it goes last, and says what a complete set holds.

    A reader that has seen the manifest of generation n and holds `rules` rules has the
    whole of generation n; it ignores manifests of lower generations.
    """

    kind: Literal["manifest"] = "manifest"
    generation: int = Field(ge=1)
    rules: int = Field(ge=0, description="how many rules the generation holds")

    @property
    def key(self) -> str:
        """The record's key on the compacted topic."""
        return "manifest"
