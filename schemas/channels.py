"""The channels of `channels.yaml`: ways to reach people. Secrets only as references."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, WithJsonSchema, model_validator

from schemas.written import EmailAddress, HttpUrl, Id, SecretRef, Written, text_or_reference

_SLACK_CHANNEL = r"(?:[CGDU][A-Z0-9]{6,20}|#?[^\s#@A-Z]{1,80})"


def _check_slack_channel(value: str) -> str:
    if not re.fullmatch(_SLACK_CHANNEL, value):
        raise ValueError(
            "a channel of Slack is an id such as C024BE7LH, or a name such as newsroom"
        )
    return value


SlackChannel = Annotated[
    str,
    AfterValidator(_check_slack_channel),
    WithJsonSchema({"type": "string", "pattern": f"^{_SLACK_CHANNEL}$"}),
]


class ConsoleSpec(Written):
    """A channel that prints alerts to the terminal of the process."""

    id: Id
    type: Literal["console"]


class SlackSpec(Written):
    """A Slack incoming webhook, or a bot with its token and the channel it writes into.

    Only a bot can update what it wrote and keep a story in one thread.
    """

    id: Id
    type: Literal["slack"]
    webhook_url: SecretRef | None = Field(
        default=None, description="an incoming webhook; or give token and channel"
    )
    token: SecretRef | None = Field(default=None, description="a bot token, xoxb-…")
    channel: SlackChannel | None = Field(
        default=None,
        description="where the bot writes: a channel's id such as C0123456789, or its name",
    )
    api_url: HttpUrl = Field(
        default="https://slack.com/api/", description="Slack's API; GovSlack has its own"
    )

    @model_validator(mode="after")
    def _one_way(self) -> "SlackSpec":
        if (self.webhook_url is None) == (self.token is None):
            raise ValueError("name one of webhook_url and token")
        if (self.token is None) != (self.channel is None):
            raise ValueError(
                "token and channel belong together; a webhook has its channel from Slack"
            )
        return self


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


class WebhookSpec(Written):
    """An address that gets alerts as JSON, signed as Standard Webhooks says."""

    id: Id
    type: Literal["webhook"]
    url: Annotated[
        Annotated[HttpUrl, Tag("text")] | Annotated[SecretRef, Tag("reference")],
        Discriminator(text_or_reference),
    ] = Field(description="where to post; {env: NAME} where the address itself is a secret")
    secret: SecretRef = Field(description="the signing secret, whsec_…")


class AppriseSpec(Written):
    """Any service that Apprise knows: ntfy, Telegram, Teams, Discord, Matrix, …"""

    id: Id
    type: Literal["apprise"]
    url: SecretRef = Field(description="Apprise's URL for it, such as ntfy://host/topic")


ChannelSpec = Annotated[
    ConsoleSpec | SlackSpec | EmailSpec | WebhookSpec | AppriseSpec, Field(discriminator="type")
]
