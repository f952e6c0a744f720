"""What an operator writes: feeds, rules, channels and subscriptions.

People make typing mistakes, so unknown keys are refused here. Where the files lie and
on which line a mistake stands is `services.config`'s business.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from schemas.rule import Severity

_MAX_NAME = 80
# What the poller decides, what belongs to the connection, and what asks for part of a document.
_HEADERS_OF_OURS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer"}
    | {"upgrade", "expect", "accept-encoding", "range", "if-range", "if-match", "if-none-match"}
    | {"if-modified-since", "if-unmodified-since"}
)
_SECRET_HEADER = re.compile(
    r"(?:^|[-_])(?:auth|authorization|(?:api|app|auth|access|user)?(?:key|token)|secret"
    r"|password|signature)$",
    re.IGNORECASE,
)
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")


def _check_id(value: str) -> str:
    if not _ID.fullmatch(value):
        raise ValueError(
            "an id is 1 to 80 lower-case letters, digits, dots, dashes or underscores, "
            "starting with a letter or digit"
        )
    return value


def _check_list_name(value: str) -> str:
    letters = all(c.isalnum() or c in "._-" or unicodedata.category(c)[0] == "M" for c in value)
    if not (letters and value[:1].isalnum() and len(value) <= _MAX_NAME):
        raise ValueError(
            f"the name of a list is 1 to {_MAX_NAME} letters, digits, dots, dashes or "
            "underscores, starting with a letter or digit"
        )
    return value


def _check_http_url(value: str) -> str:
    wrong = "a URL starts with http:// or https:// and names a host"
    try:
        parts = urlsplit(value)
    except ValueError:
        # Its own message repeats part of the URL, which may hold a secret.
        raise ValueError(wrong) from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(wrong)
    if parts.username is not None or parts.password is not None:
        raise ValueError("a URL must not carry a user name or password")
    return value


def _check_header_name(value: str) -> str:
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,80}", value):
        raise ValueError("the name of a header is letters, digits and dashes, as in X-Api-Key")
    if value.lower() in _HEADERS_OF_OURS or value.lower().startswith(("proxy-", "sec-")):
        raise ValueError(f"the header {value} is the poller's business; leave it out")
    return value


def _check_header_text(value: str) -> str:
    if re.search(r"[\x00-\x08\x0a-\x1f\x7f]", value):
        raise ValueError("the value of a header is one line without control characters")
    return value.strip()


def _check_parameter(value: str) -> str:
    if not value or not value.isprintable() or len(value) > _MAX_NAME:
        raise ValueError(f"the name of a parameter is 1 to {_MAX_NAME} characters on one line")
    return value


def _text_or_reference(value: object) -> str:
    return "reference" if isinstance(value, Mapping | SecretRef) else "text"


def _check_proxy(value: str) -> str:
    if "@" in value.partition("://")[2].partition("/")[0]:
        raise ValueError(
            "a proxy with a user name is a secret: put its address in a variable and write "
            "{env: NAME}, or in a file: {file: PATH}"
        )
    return _check_http_url(value)


def _check_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("not a time zone; write one like Europe/London or UTC") from error
    return value


def _check_address(value: str) -> str:
    local, at, domain = value.rpartition("@")
    if not (at and local and "." in domain.strip(".")) or re.search(r"[\s<>,;\x00-\x1f]", value):
        raise ValueError("an e-mail address looks like name@example.org")
    return value


Id = Annotated[
    str,
    AfterValidator(_check_id),
    WithJsonSchema({"type": "string", "pattern": f"^{_ID.pattern}$"}),
]
ListName = Annotated[str, AfterValidator(_check_list_name)]
HttpUrl = Annotated[str, AfterValidator(_check_http_url)]
HeaderName = Annotated[str, AfterValidator(_check_header_name)]
HeaderText = Annotated[str, AfterValidator(_check_header_text)]
ParameterName = Annotated[str, AfterValidator(_check_parameter)]
Zone = Annotated[str, AfterValidator(_check_zone)]
EmailAddress = Annotated[str, AfterValidator(_check_address)]


def _as_tuple(value: object) -> object:
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


OneOrMore = Annotated[
    tuple[str, ...],
    BeforeValidator(_as_tuple),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
"""Texts; a single one may stand without the list."""


class Written(BaseModel):
    """Something a person wrote: frozen, and unknown keys are mistakes."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SecretRef(Written):
    """A reference to a secret: `{env: NAME}` or `{file: PATH}`; never the secret itself."""

    env: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    file: str | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _exactly_one(self) -> "SecretRef":
        if (self.env is None) == (self.file is None):
            raise ValueError("name one of env and file, as in {env: SLACK_WEBHOOK_URL}")
        return self


# Told apart by their shape, so that a mistake is told of the one that was meant.
HeaderValue = Annotated[
    Annotated[HeaderText, Tag("text")] | Annotated[SecretRef, Tag("reference")],
    Discriminator(_text_or_reference),
]
ProxyAddress = Annotated[
    Annotated[str, AfterValidator(_check_proxy), Tag("text")]
    | Annotated[SecretRef, Tag("reference")],
    Discriminator(_text_or_reference),
]


class BasicAuth(Written):
    """A user name and a password, as HTTP's basic authentication sends them."""

    username: str = Field(min_length=1, max_length=200, pattern=r"^[^:\x00-\x1f\x7f]+$")
    password: SecretRef


class FeedSpec(Written):
    """A feed of `feeds.yaml`."""

    id: Id
    url: HttpUrl
    name: str | None = Field(default=None, min_length=1, max_length=200)
    full_text: Literal["auto", "always", "never"] = Field(
        default="auto",
        description="whether an article's page is read: auto: where the feed's own text is short",
    )
    late: Literal["quiet", "alert"] = Field(
        default="quiet",
        description="whether an entry dated over a week before the feed's last poll alerts",
    )
    headers: Mapping[HeaderName, HeaderValue] = Field(
        default={}, description="sent with every request for the feed, to its own host only"
    )
    basic: BasicAuth | None = Field(default=None, description="for the feed's own host only")
    token: SecretRef | None = Field(
        default=None, description="sent as Authorization: Bearer, to the feed's own host only"
    )
    query: Mapping[ParameterName, SecretRef] = Field(
        default={}, description="parameters added to the URL, for keys that have to stand there"
    )
    proxy: ProxyAddress | None = Field(
        default=None, description="an HTTP proxy for this feed and its articles"
    )

    @field_validator("headers")
    @classmethod
    def _headers_are_plain_and_once(
        cls, headers: Mapping[str, str | SecretRef]
    ) -> Mapping[str, str | SecretRef]:
        names = [name.lower() for name in headers]
        for name in headers:
            if names.count(name.lower()) > 1:
                raise ValueError(f"the header {name} stands here twice")
            if isinstance(headers[name], str) and _SECRET_HEADER.search(name):
                raise ValueError(
                    f"the header {name} is a secret: put it in a variable and write "
                    f"{{{name}: {{env: NAME}}}}, or in a file: {{{name}: {{file: PATH}}}}"
                )
        return headers

    @field_validator("basic", "token")
    @classmethod
    def _one_authorization(cls, value: object, info: ValidationInfo) -> object:
        headers = info.data.get("headers") or {}
        others = [key for key in ("basic",) if key != info.field_name and info.data.get(key)]
        others += [f"the header {name}" for name in headers if name.lower() == "authorization"]
        if value is not None and others:
            raise ValueError(
                f"only one of basic, token and a header Authorization can be sent; drop {others[0]}"
            )
        return value

    @field_validator("query")
    @classmethod
    def _parameters_are_new(
        cls, query: Mapping[str, SecretRef], info: ValidationInfo
    ) -> Mapping[str, SecretRef]:
        standing = {name for name, _ in parse_qsl(urlsplit(info.data.get("url", "")).query)}
        for name in query:
            if name in standing:
                raise ValueError(f"the URL already has {name}=; take it out of the URL")
        return query


class RuleTest(Written):
    """An article as far as it matters, and whether the rule is to match it."""

    title: str = Field(default="", description="the headline")
    body: str = Field(default="", description="the text, a blank line between paragraphs")
    summary: str = Field(default="", description="what the feed says; read where there is no body")
    source: str | None = Field(default=None, description="the id or the name of a feed")
    url: str | None = Field(default=None, description="the article's address")
    author: OneOrMore = Field(default=(), description="one, or a list")
    category: OneOrMore = Field(default=(), description="one, or a list")
    lang: str | None = Field(default=None, description="a code of ISO 639-1, such as en")
    match: bool = Field(description="whether the rule is to match this article")


class RuleSpec(Written):
    """A rule of `rules/*.yaml`."""

    id: Id = Field(description="names the rule in subscriptions and alerts")
    name: str | None = Field(
        default=None, min_length=1, max_length=200, description="how alerts call it"
    )
    query: str = Field(description="what an article must say: an expression of the rule language")
    severity: Severity = Field(default=Severity.NORMAL, description="how much an alert matters")
    tags: tuple[Id, ...] = Field(default=(), description="words by which subscriptions choose")
    languages: tuple[str, ...] = Field(
        default=(), description="only articles in these, by code of ISO 639-1; none means any"
    )
    stem: bool = Field(default=False, description="words also match in other forms")
    clitics: bool = Field(
        default=False, description="Arabic and Hebrew words also match behind their particles"
    )
    tests: tuple[RuleTest, ...] = Field(
        default=(), description="articles that it must match, or must not; see wirewatch rules test"
    )


class ListSpec(Written):
    """A saved list of `rules/*.yaml`, where it stands as `lists: {ID: ITEMS}`."""

    id: ListName
    items: tuple[str, ...] = Field(min_length=1)


class ConsoleSpec(Written):
    """A channel that prints alerts to the terminal of the process."""

    id: Id
    type: Literal["console"]


class SlackSpec(Written):
    """A Slack incoming webhook."""

    id: Id
    type: Literal["slack"]
    webhook_url: SecretRef


class EmailSpec(Written):
    """An SMTP server and the people who get mail through it."""

    id: Id
    type: Literal["email"]
    host: str = Field(min_length=1)
    port: int = Field(default=587, ge=1, le=65535)
    tls: Literal["starttls", "tls", "none"] = "starttls"
    username: str | None = None
    password: SecretRef | None = None
    sender: EmailAddress
    recipients: tuple[EmailAddress, ...] = Field(min_length=1, max_length=100)

    @model_validator(mode="after")
    def _credentials_belong_together(self) -> "EmailSpec":
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password belong together")
        if self.username is not None and self.tls == "none":
            raise ValueError("a password is not sent without TLS; set tls: starttls or tls: tls")
        return self


ChannelSpec = Annotated[ConsoleSpec | SlackSpec | EmailSpec, Field(discriminator="type")]


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


def _kind_decides_about_rules(schema: dict[str, Any]) -> None:
    """For editors: what `kind` says about `rules`."""
    of_ops = {"properties": {"kind": {"const": "ops"}}, "required": ["kind"]}
    schema["if"] = of_ops
    schema["then"] = {"properties": {"rules": False}}
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
    zone: Zone = "UTC"

    @model_validator(mode="after")
    def _rules_belong_to_alerts(self) -> "SubscriptionSpec":
        if self.kind == "alerts" and self.rules is None:
            raise ValueError('"rules" is missing; write rules: all, or which ones')
        if self.kind == "ops" and self.rules is not None:
            raise ValueError(
                "a subscription of kind ops gets notices and no alerts; take its rules out, "
                "or write a second subscription for them"
            )
        return self

    def selects(self, rule_id: str, tags: tuple[str, ...], severity: Severity) -> bool:
        """Whether this subscription gets alerts of such a rule."""
        if self.rules is None:
            return False
        return self.rules == "all" or self.rules.selects(rule_id, tags, severity)
