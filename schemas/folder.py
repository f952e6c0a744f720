"""What an operator writes: feeds and rules here; channels and subscriptions have their modules.

Where the files lie and on which line a mistake stands is `services.config`'s business.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Literal
from urllib.parse import parse_qsl, urlsplit

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
)

from schemas.channels import (
    AppriseSpec,
    ChannelSpec,
    ConsoleSpec,
    EmailSpec,
    SlackSpec,
    WebhookSpec,
)
from schemas.rule import Severity
from schemas.subscriptions import RuleSelection, SubscriptionSpec
from schemas.written import (
    MAX_NAME,
    HttpUrl,
    Id,
    ListName,
    OneOrMore,
    SecretRef,
    Written,
    check_http_url,
    text_or_reference,
)

__all__ = [
    "AppriseSpec",
    "BasicAuth",
    "ChannelSpec",
    "ConsoleSpec",
    "EmailSpec",
    "FeedSpec",
    "HttpUrl",
    "Id",
    "ListName",
    "ListSpec",
    "RuleSelection",
    "RuleSpec",
    "RuleTest",
    "SecretRef",
    "SlackSpec",
    "SubscriptionSpec",
    "WebhookSpec",
    "Written",
]

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
    if not value or not value.isprintable() or len(value) > MAX_NAME:
        raise ValueError(f"the name of a parameter is 1 to {MAX_NAME} characters on one line")
    return value


def _check_proxy(value: str) -> str:
    if "@" in value.partition("://")[2].partition("/")[0]:
        raise ValueError(
            "a proxy with a user name is a secret: put its address in a variable and write "
            "{env: NAME}, or in a file: {file: PATH}"
        )
    return check_http_url(value)


HeaderName = Annotated[str, AfterValidator(_check_header_name)]
HeaderText = Annotated[str, AfterValidator(_check_header_text)]
ParameterName = Annotated[str, AfterValidator(_check_parameter)]

# Told apart by their shape, so that a mistake is told of the one that was meant.
HeaderValue = Annotated[
    Annotated[HeaderText, Tag("text")] | Annotated[SecretRef, Tag("reference")],
    Discriminator(text_or_reference),
]
ProxyAddress = Annotated[
    Annotated[str, AfterValidator(_check_proxy), Tag("text")]
    | Annotated[SecretRef, Tag("reference")],
    Discriminator(text_or_reference),
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
