"""What the page about channels says of webhooks, tried on an event as it is sent."""

import hmac
import re
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from apprise import Apprise

from schemas.webhook import HookSummary
from services.notifier.channels.webhook import outcome_of
from services.notifier.channels.webhook_signing import keys_in, signed_headers
from services.notifier.message import SummaryKind
from services.notifier.outcome import Delivered, GaveUp, TryLater, suspends
from services.notifier.render import render_webhook
from tests.notifier.alerts import NOW, ferry_alert

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "channels.md").read_text()
WEBHOOK = PAGE[PAGE.index("## Webhook") :]


def receiver() -> dict[str, Any]:
    """The names that the example in Python defines."""
    code = re.search(r"```python\n(.*?)```", WEBHOOK, re.DOTALL)
    assert code
    names: dict[str, Any] = {}
    exec(code[1], names)
    return names


def test_the_example_takes_an_event_once_and_refuses_a_forged_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = receiver()
    body = render_webhook(ferry_alert(), NOW).encode()
    secret = re.search(r'Webhook\("(whsec_[^"]+)"\)', WEBHOOK)
    assert secret
    keys = keys_in(secret[1])
    assert keys
    headers = dict(signed_headers(keys, "event-1", datetime.now(UTC), body))
    assert [names["receive"](headers, body) for _ in range(2)] == [204, 204]
    assert capsys.readouterr().out == f"alert {ferry_alert().title}\n"
    assert names["receive"](headers, body + b" ") == 400


def test_the_signature_is_made_as_the_page_says() -> None:
    page = "HMAC-SHA-256 over `id.timestamp.body`"
    assert page in WEBHOOK
    headers = signed_headers([b"k" * 24], "one", NOW, b"{}")
    said = f"one.{headers['webhook-timestamp']}.{{}}".encode()
    digest = b64encode(hmac.digest(b"k" * 24, said, "sha256")).decode()
    assert headers["webhook-signature"] == f"v1,{digest}"


def test_answers_mean_what_the_page_says() -> None:
    rows = re.findall(r"^\| ([^|]*\d[^|]*) \| ([a-z ]+)", WEBHOOK, re.MULTILINE)
    meanings = {said: meaning.strip() for said, meaning in rows}
    assert meanings["2xx"] == "delivered"
    assert isinstance(outcome_of(204, "", None, NOW), Delivered)
    suspended = next(said for said, meaning in rows if "suspended" in meaning)
    for status in (*map(int, re.findall(r"\b\d{3}\b", suspended)), 301, 308):
        assert suspends(outcome_of(status, "", None, NOW)), status
    assert meanings["413"] == "given up"
    assert isinstance(outcome_of(413, "", None, NOW), GaveUp)
    for status in (400, 402, 408, 409, 422, 425, 429, 500, 503):
        outcome = outcome_of(status, "", None, NOW)
        assert isinstance(outcome, TryLater)
        assert not suspends(outcome), status


def test_the_schema_names_every_kind_of_summary() -> None:
    said = HookSummary.model_fields["kind"].description
    assert said
    assert set(re.findall(r"[a-z_]{4,}", said)) == {kind.value for kind in SummaryKind}


def test_apprise_knows_every_scheme_that_the_page_names() -> None:
    networks = PAGE[PAGE.index("- **Networks.**") :].partition("\n\n")[0]
    named = set(re.findall(r"`([a-z]+)`", networks))
    known = {scheme for one in Apprise().details()["schemas"] for scheme in _schemes(one)}
    assert named - known == set()


def _schemes(service: dict[str, Any]) -> set[str]:
    return {*(service["protocols"] or ()), *(service["secure_protocols"] or ())}
