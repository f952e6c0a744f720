"""Stored watch rules, saved lists and the manifest that closes a generation of them."""

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
    languages: tuple[str, ...] = Field(
        default=(), description="codes of ISO 639-1; none means articles in any language"
    )
    stem: bool = Field(default=False, description="words also match by their stem")
    clitics: bool = Field(
        default=False, description="Arabic and Hebrew words also match behind their particles"
    )

    @property
    def key(self) -> str:
        """The record's key on the compacted topic."""
        return f"rule:{self.rule_id}"


class TermList(Message):
    """A saved list as it is broadcast on `watch-rules`, before the rules that use it."""

    kind: Literal["list"] = "list"
    name: str = Field(min_length=1, description="what rules write behind the @")
    version: int = Field(ge=1, description="rises with every change of this list")
    items: tuple[str, ...] = Field(
        min_length=1, description="expressions of the watch-rule language; any of them"
    )

    @property
    def key(self) -> str:
        """The record's key on the compacted topic."""
        return f"list:{self.name}"


class RulesManifest(Message):
    """Closes a generation: it goes last, and says what a complete set holds.

    A reader that has seen the manifest of generation n and holds `rules` rules and `lists`
    saved lists has the whole of generation n; it ignores manifests of lower generations.
    """

    kind: Literal["manifest"] = "manifest"
    generation: int = Field(ge=1)
    rules: int = Field(ge=0, description="how many rules the generation holds")
    lists: int = Field(default=0, ge=0, description="how many saved lists it holds")
    announcement: int = Field(
        default=0,
        ge=0,
        description="a random number, new whenever everything was announced anew: whoever "
        "remembers the topic under another one must read it from its beginning",
    )

    @property
    def key(self) -> str:
        """The record's key on the compacted topic."""
        return "manifest"
