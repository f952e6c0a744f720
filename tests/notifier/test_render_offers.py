"""What messages offer to do: links in Slack and in mails, made when they are sent."""

from typing import Any

from lxml import html as lxml_html

from services.notifier.actions.signed import NO_LINKS, Act, Links, grant_of
from services.notifier.message import AlertMessage
from services.notifier.render import NO_OFFERS, Offers, offers_for, render_email, render_slack
from tests.notifier.alerts import NOW, ferry_alert
from tests.notifier.notices import told
from tests.notifier.test_render_slack import assert_slack_accepts

LINKS = Links("https://alerts.example/wire/", b"k" * 32)


def offered(address: str = "") -> tuple[AlertMessage, Offers]:
    message = ferry_alert()
    return message, offers_for(message, LINKS, address)


def urls(offers: Offers) -> list[str]:
    return [url for url in (offers.alert, offers.silence, offers.unsubscribe) if url is not None]


def test_an_alert_offers_to_be_seen_silenced_and_unsubscribed() -> None:
    message, offers = offered("ann@desk.example")
    links = zip(urls(offers), Act, strict=True)
    granted = [grant_of(url.rpartition("/")[2], act, LINKS.key) for url, act in links]
    assert [grant.about for grant in granted if grant] == [
        (message.delivery_id,),
        ("desk", message.delivery_id),
        ("desk", "ann@desk.example"),
    ]


def test_a_notice_is_no_story_to_silence() -> None:
    assert offers_for(told(), LINKS).silence is None


def test_nothing_is_offered_without_a_public_address_nor_by_a_test() -> None:
    test = ferry_alert().model_copy(update={"test": True})
    assert offers_for(ferry_alert(), NO_LINKS) == offers_for(test, LINKS) == NO_OFFERS


def test_slack_shows_the_offers_last() -> None:
    message, offers = offered()
    payload = render_slack(message, NOW, offers)
    assert_slack_accepts(payload)
    last: dict[str, Any] = payload["blocks"][-1]
    assert last["elements"][0]["text"] == (
        f"<{offers.alert}|See this alert> · <{offers.silence}|Silence this story> · "
        f"<{offers.unsubscribe}|Unsubscribe>"
    )
    assert payload["blocks"][:-1] == render_slack(message, NOW)["blocks"]


def test_a_mail_shows_the_offers_in_both_parts() -> None:
    message, offers = offered()
    mail = render_email(message, NOW, offers)
    hrefs = [a.get("href") for a in lxml_html.document_fromstring(mail.html).iter("a")]
    assert hrefs[-3:] == urls(offers)
    assert [line for line in mail.text.splitlines() if line in urls(offers)] == urls(offers)
