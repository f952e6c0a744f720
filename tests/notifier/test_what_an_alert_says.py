"""Whatever the channel, an alert says all that somebody needs to judge it."""

import io
import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from rich.console import Console
from rich.text import Text

from services.notifier.message import AlertMessage, OtherReport
from services.notifier.render import (
    HTML,
    MARKDOWN,
    PLAIN,
    Offers,
    Room,
    render_apprise,
    render_console,
    render_email,
    render_slack,
    render_webhook,
)
from tests.notifier.alerts import NOW, ferry_alert

OFFERS = Offers(
    "https://watch.example/alerts/T1",
    "https://watch.example/silence/T2",
    "https://watch.example/unsubscribe/T3",
)


def alert() -> AlertMessage:
    """An alert that has something to say of everything."""
    others = (
        OtherReport(
            source="Coast Wire", is_copy=True, copied_from="The Harbour Gazette", seen_at=NOW
        ),
        OtherReport(source="Night Post", is_copy=False, seen_at=NOW + timedelta(minutes=1)),
    )
    return ferry_alert().model_copy(update={"others": others})


def _console(message: AlertMessage) -> str:
    file = io.StringIO()
    console = Console(file=file, width=120, force_terminal=True, color_system="truecolor")
    console.print(render_console(message, NOW, 120, OFFERS))
    return file.getvalue()


def _apprise(room: Room) -> Callable[[AlertMessage], str]:
    def render(message: AlertMessage) -> str:
        rendered = render_apprise(message, NOW, room, OFFERS)
        return f"{rendered.title}\n{rendered.body}"

    return render


RENDERERS: dict[str, Callable[[AlertMessage], str]] = {
    "console": _console,
    "slack": lambda m: json.dumps(render_slack(m, NOW, OFFERS)["blocks"], ensure_ascii=False),
    "email text": lambda m: render_email(m, NOW, OFFERS).text,
    "email html": lambda m: render_email(m, NOW, OFFERS).html,
    "webhook": lambda m: render_webhook(m, NOW, OFFERS).encode().decode(),
    "apprise plain": _apprise(Room(PLAIN)),
    "apprise markdown": _apprise(Room(MARKDOWN)),
    "apprise html": _apprise(Room(HTML)),
    "apprise without titles": _apprise(Room(MARKDOWN, title=0)),
}

BOLD = {
    "console": "\x1b[1;93mferry\x1b[0m",
    "slack": "*ferry*",
    "email text": "*ferry*",
    "email html": ">ferry</strong>",
    "webhook": '{"text":"ferry","hit":true}',
    "apprise plain": "*ferry*",
    "apprise markdown": "**ferry**",
    "apprise html": "<b>ferry</b>",
    "apprise without titles": "**ferry**",
}

ITEMS = {
    "the headline": "Ferry line to the northern islands stops",
    "its link": "https://gazette.example/2026/ferry?from=feed",
    "the source": "The Harbour Gazette",
    "the host": "gazette.example",
    "when it was published, on the subscriber's clock": "14 Mar 2026, 10:24 CET",
    "when it was seen, on the subscriber's clock": "14 Mar 2026, 10:26 CET",
    "the gravest rule": "Rule ferries",
    "the other rule": "Rule fares",
    "the sentence": "carried",
    "the sentence before it": "The islands had waited all winter for the boats.",
    "the sentence after it": "Both came back empty.",
    "how much was read": "read from the article's page",
    "from publication to seeing": "2 minutes after publication",
    "from seeing to matching": "matched 0.5 seconds later",
    "from matching to sending": "sent 4.5 seconds later",
    "other outlets": "Also reported by Coast Wire (copy) and Night Post",
    "how many are copies": "3 outlets, 1 of them a copy of The Harbour Gazette",
    "where to see it": "https://watch.example/alerts/T1",
    "where to silence it": "https://watch.example/silence/T2",
    "where to unsubscribe": "https://watch.example/unsubscribe/T3",
}


def _words(text: str) -> str:
    """The text as one reads it: escapes, frames and wrapped lines do not count."""
    for written, meant in (("&#39;", "'"), ("&#x27;", "'"), ("&amp;", "&"), ("│", " ")):
        text = text.replace(written, meant)
    plain = Text.from_ansi(text).plain if "\x1b" in text else text
    return " ".join(plain.split())


@pytest.mark.parametrize("item", ITEMS)
@pytest.mark.parametrize("channel", RENDERERS)
def test_every_channel_says(channel: str, item: str) -> None:
    assert ITEMS[item] in _words(RENDERERS[channel](alert()))


@pytest.mark.parametrize("channel", RENDERERS)
def test_every_channel_shows_what_the_rule_was_looking_for(channel: str) -> None:
    assert BOLD[channel] in RENDERERS[channel](alert())


@pytest.mark.parametrize("channel", RENDERERS)
def test_an_update_is_told_from_an_alert_where_it_is_a_message_of_its_own(channel: str) -> None:
    update = alert().model_copy(update={"update": True})
    said = RENDERERS[channel](update)
    assert "Also reported by Coast Wire" in _words(said)
    if channel.startswith(("apprise", "webhook")):
        assert said != RENDERERS[channel](alert())
