"""What is stored of an item is read again as the same item, defaults and all."""

import pytest
from pydantic import TypeAdapter

from schemas.folder import ChannelSpec, FeedSpec, SubscriptionSpec
from services.config.plan import stored_form

CHANNEL: TypeAdapter[ChannelSpec] = TypeAdapter(ChannelSpec)
ENV = {"env": "SECRET"}


@pytest.mark.parametrize(
    "keys",
    [
        {"kind": "ops"},
        {"rules": "all"},
        {"rules": {"tags": ["oil"]}, "mode": {"batch": "10m"}, "min_severity": "high"},
        {
            "rules": "all",
            "mode": {"digest": "weekly mon 08:00"},
            "quiet": {"from": "22:00", "to": "07:00", "days": ["sat"], "urgent": "hold"},
        },
        {"rules": "all", "cap": 3, "updates": "follow-up"},
    ],
)
def test_a_subscription(keys: dict[str, object]) -> None:
    spec = SubscriptionSpec.model_validate({"id": "desk", "channel": "desk", **keys})
    assert SubscriptionSpec.model_validate(stored_form(spec)) == spec


@pytest.mark.parametrize(
    "keys",
    [
        {"type": "console"},
        {"type": "slack", "webhook_url": ENV},
        {"type": "slack", "token": ENV, "channel": "C0123456789"},
        {"type": "email", "host": "mail", "sender": "a@b.org", "recipients": ["c@d.org"]},
        {"type": "webhook", "url": "https://hooks.example/in", "secret": ENV},
        {"type": "apprise", "url": ENV},
    ],
)
def test_a_channel(keys: dict[str, object]) -> None:
    spec = CHANNEL.validate_python({"id": "desk", **keys})
    assert CHANNEL.validate_python(stored_form(spec)) == spec


def test_a_feed() -> None:
    spec = FeedSpec.model_validate({"id": "wire", "url": "https://wire.example/", "token": ENV})
    assert FeedSpec.model_validate(stored_form(spec)) == spec
