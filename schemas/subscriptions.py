"""The subscriptions of `subscriptions.yaml`: who gets what, where and when."""

import re
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
    model_validator,
)

from schemas.rule import Severity
from schemas.written import Id, Written, Zone

_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_BATCH = r"([1-9][0-9]{0,3})([mh])"
_RISING = list(Severity)


def _clock_time(value: object) -> object:
    # YAML 1.1 reads 22:00 as a number to the base of 60; less than 60 is a mistake for an hour.
    if isinstance(value, int) and not isinstance(value, bool):
        value = f"{value // 60:02}:{value % 60:02}" if value >= 60 else str(value)
    return value


def _check_time(value: str) -> str:
    if not re.fullmatch(_TIME, value):
        raise ValueError("a time of day looks like 08:00 or 22:30; midnight is 00:00")
    return value


def _check_batch(value: object) -> object:
    matched = re.fullmatch(_BATCH, value) if isinstance(value, str) else None
    if not matched or int(matched[1]) * (60 if matched[2] == "h" else 1) > 24 * 60:
        raise ValueError("a batch looks like 10m or 2h, and is a day at most")
    return value


def _check_digest(value: object) -> object:
    if not isinstance(value, str) or not re.fullmatch(_DIGEST, value):
        raise ValueError("a digest looks like daily 08:00 or weekly mon 08:00")
    return value


def _check_mode(value: object) -> object:
    one_key = isinstance(value, dict) and list(value) in (["batch"], ["digest"])
    if not (one_key or value == "instant" or isinstance(value, Batch | Digest)):
        raise ValueError("a mode is instant, {batch: 10m} or {digest: daily 08:00}")
    return value


def _which_mode(value: object) -> str:
    if isinstance(value, Batch) or (isinstance(value, dict) and "batch" in value):
        return "batch"
    return "instant" if isinstance(value, str) else "digest"


ClockTime = Annotated[
    str,
    BeforeValidator(_clock_time),
    AfterValidator(_check_time),
    WithJsonSchema({"type": "string", "pattern": f"^{_TIME}$"}),
]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DIGEST = rf"(?:daily|weekly (?:{'|'.join(_WEEKDAYS)})) {_TIME}"


class Batch(Written):
    """All alerts of a span of time in one message, sent that long after the first."""

    batch: Annotated[
        str,
        BeforeValidator(_check_batch),
        WithJsonSchema({"type": "string", "pattern": f"^{_BATCH}$"}),
    ] = Field(description="10m, 2h; a day at most")

    @property
    def minutes(self) -> int:
        """How long alerts are gathered."""
        return int(self.batch[:-1]) * (60 if self.batch.endswith("h") else 1)


class Digest(Written):
    """All alerts since the last one in one message, at a time of the subscription's zone."""

    digest: Annotated[
        str,
        BeforeValidator(_check_digest),
        WithJsonSchema({"type": "string", "pattern": f"^{_DIGEST}$"}),
    ] = Field(description="daily 08:00, weekly mon 08:00")

    @property
    def time(self) -> str:
        """The time of day, as in 08:00."""
        return self.digest[-5:]

    @property
    def weekday(self) -> int | None:
        """The day of the week, Monday is 0; None: every day."""
        first, _, rest = self.digest.partition(" ")
        return None if first == "daily" else _WEEKDAYS.index(rest[:3])


Mode = Annotated[
    Annotated[Literal["instant"], Tag("instant")]
    | Annotated[Batch, Tag("batch")]
    | Annotated[Digest, Tag("digest")],
    Discriminator(_which_mode),
]


class Quiet(Written):
    """Hours in which alerts are held, to be sent as one message at their end."""

    start: ClockTime = Field(alias="from", description="such as 22:00, in the zone")
    end: ClockTime = Field(alias="to", description="such as 07:00, also of the next day")
    days: tuple[Weekday, ...] = Field(
        default=_WEEKDAYS, min_length=1, description="on which they begin; all unless given"
    )
    urgent: Literal["pass", "hold"] = Field(
        default="pass", description="whether alerts of urgent rules are sent all the same"
    )

    @model_validator(mode="after")
    def _they_end(self) -> "Quiet":
        if self.start == self.end and len(set(self.days)) == len(_WEEKDAYS):
            raise ValueError(
                "these quiet hours never end; name the days on which they last from "
                f"{self.start} to {self.end} of the next, as in days: [sat, sun]"
            )
        return self

    @property
    def weekdays(self) -> frozenset[int]:
        """The days on which they begin, Monday is 0."""
        return frozenset(map(_WEEKDAYS.index, self.days))


class RuleSelection(Written):
    """Which rules a subscription gets: a rule is meant if it meets every key given."""

    ids: tuple[Id, ...] | None = Field(default=None, min_length=1)
    tags: tuple[Id, ...] | None = Field(default=None, min_length=1)
    severities: tuple[Severity, ...] | None = Field(default=None, min_length=1)

    def selects(self, rule_id: str, tags: tuple[str, ...], severity: Severity) -> bool:
        """Whether a rule with this id, these tags and this severity is meant."""
        return (
            (self.ids is None or rule_id in self.ids)
            and (self.tags is None or bool(set(self.tags) & set(tags)))
            and (self.severities is None or severity in self.severities)
        )


_FOR_ALERTS_ONLY = ("rules", "mode", "min_severity", "quiet", "cap", "updates")


def _kind_decides_about_rules(schema: dict[str, Any]) -> None:
    """For editors: what `kind` says about the keys that are for alerts."""
    of_ops = {"properties": {"kind": {"const": "ops"}}, "required": ["kind"]}
    schema["if"] = of_ops
    schema["then"] = {"properties": dict.fromkeys(_FOR_ALERTS_ONLY, False)}
    schema["else"] = {"required": ["rules"]}


class SubscriptionSpec(Written):
    """Who gets what where: alerts of rules, or notices about the service itself.

    `rules: all` means every rule, also those written later.
    """

    model_config = ConfigDict(json_schema_extra=_kind_decides_about_rules)

    id: Id
    kind: Literal["alerts", "ops"] = Field(
        default="alerts",
        description="alerts of rules, or ops: notices to the operator, such as of a broken feed",
    )
    channel: Id
    rules: Literal["all"] | RuleSelection | None = Field(
        default=None, description="of which rules the alerts are; not for kind: ops"
    )
    min_severity: Severity | None = Field(
        default=None, description="alerts of rules below this severity are not for it"
    )
    mode: Annotated[Mode, BeforeValidator(_check_mode)] = Field(
        default="instant",
        description="instant, {batch: 10m} or {digest: daily 08:00}",
    )
    zone: Zone = Field(default="UTC", description="its times of day, such as Europe/London")
    quiet: Quiet | None = Field(default=None, description="hours in which alerts are held")
    cap: int | None = Field(
        default=None,
        ge=1,
        le=10_000,
        description="alerts of one rule in an hour; what exceeds it comes as one message",
    )
    updates: Literal["quiet", "follow-up", "none"] = Field(
        default="quiet",
        description="that others report a story, too: quiet where the channel can change what it "
        "sent, follow-up: also as one more message where it cannot",
    )

    @model_validator(mode="after")
    def _rules_belong_to_alerts(self) -> "SubscriptionSpec":
        if self.kind == "alerts" and self.rules is None:
            raise ValueError('"rules" is missing; write rules: all, or which ones')
        if self.kind == "ops":
            self._check_ops()
        if self.cap is not None and self.mode != "instant":
            raise ValueError(
                "cap is for mode: instant; what a batch or a digest gathers is one message anyway, "
                "so take cap out"
            )
        return self

    def _check_ops(self) -> None:
        if self.rules is not None:
            raise ValueError(
                "a subscription of kind ops gets notices and no alerts; take its rules out, "
                "or write a second subscription for them"
            )
        # What is stored has its defaults written out.
        for key in _FOR_ALERTS_ONLY:
            if getattr(self, key) != type(self).model_fields[key].default:
                raise ValueError(f"{key} is for alerts; a subscription of kind ops has none")

    def selects(self, rule_id: str, tags: tuple[str, ...], severity: Severity) -> bool:
        """Whether this subscription gets alerts of such a rule."""
        if self.rules is None or self._is_below(severity):
            return False
        return self.rules == "all" or self.rules.selects(rule_id, tags, severity)

    def _is_below(self, severity: Severity) -> bool:
        floor = self.min_severity
        return floor is not None and _RISING.index(severity) < _RISING.index(floor)
