"""Pictures of the mails, for the docs and for whoever changes how they look.

    python deploy/pictures.py [FOLDER]

Draws an alert in light and dark into docs/pictures; with a folder, also a summary, a follow-up
and a notice, each in light, dark and as narrow as a phone. Needs Chromium.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from schemas.article import Article, TextOrigin, TextReason  # noqa: E402
from schemas.matches import ArticleField, ArticleMatches, Clause, Hit, RuleMatch  # noqa: E402
from schemas.notice import NoticeKind  # noqa: E402
from schemas.rule import Severity  # noqa: E402
from services.notifier.composing import compose  # noqa: E402
from services.notifier.message import (  # noqa: E402
    AlertMessage,
    AnyMessage,
    DeliveryIds,
    NoticeMessage,
    OtherReport,
    SummaryKind,
)
from services.notifier.render import render_email  # noqa: E402
from services.notifier.render.offers import Offers  # noqa: E402
from services.notifier.summaries import Occasion, compose_summary  # noqa: E402

NOW = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)
OFFERS = Offers(*(f"https://wirewatch.example/{act}/x" for act in ("alerts", "silence", "leave")))
WIDE, NARROW = 640, 360

_BODY = (
    "The harbour authority confirmed the decision on Saturday morning. "
    "All ferry services to the northern islands are suspended until Monday because of a strike "
    "of the deck crews, the shipping line said in a statement. "
    "Freight is carried on request.\n\n"
    "Talks between the union and the line broke down on Friday. "
    "Neither side expects an agreement before the strike of the pilots begins."
)


def alert(
    title: str, severity: Severity, words: Sequence[str], hours_ago: float = 0
) -> AlertMessage:
    """An alert about an article with this headline, whose rule looked for these words."""
    at = NOW - timedelta(hours=hours_ago)
    article = Article(
        article_id=title,
        revision="1",
        feed_id="gazette",
        source="The Harbour Gazette",
        url="https://gazette.example/2026/03/ferries",
        title=title,
        body=_BODY,
        text=TextOrigin.FULL,
        text_reason=TextReason.PAGE,
        published_at=at - timedelta(minutes=1, seconds=12),
        first_seen_at=at - timedelta(seconds=3),
        seen_at=at - timedelta(seconds=3),
    )
    found = [re.search(rf"\b{word}", _BODY) for word in words]
    hits = [Hit(field=ArticleField.BODY, start=m.start(), end=m.end()) for m in found if m]
    match = RuleMatch(
        rule_id="ferries",
        version=1,
        name="Ferries and strikes",
        severity=severity,
        query="ferry NEAR/20 strike",
        evidence=tuple(Clause(clause="", hits=(hit,)) for hit in hits),
    )
    matched = ArticleMatches(
        article=article, matches=(match,), matched_at=at - timedelta(seconds=2)
    )
    return compose(matched, {"ferries"}, DeliveryIds("d", title, "desk", 1), "Europe/London")


def messages() -> Iterator[tuple[str, AnyMessage]]:
    """What is drawn, by the name of its picture."""
    strike = alert(
        "Ferry services to the northern islands suspended until Monday",
        Severity.URGENT,
        ("ferry services", "strike"),
    )
    others = (_other("Associated Wire", is_copy=True), _other("Northern Post", is_copy=False))
    strike = strike.model_copy(update={"others": others})
    yield "alert-email", strike
    yield "update-email", strike.model_copy(update={"update": True})
    alerts = [
        strike,
        alert(
            "Pilots of the harbour will strike, too", Severity.HIGH, ("strike of the pilots",), 2
        ),
        alert("Freight rates stay as they are", Severity.LOW, ("Freight",), 5),
    ]
    occasion = Occasion(SummaryKind.DIGEST, "3 alerts since yesterday, 08:00", NOW)
    yield (
        "summary-email",
        compose_summary(occasion, alerts, DeliveryIds("s", "s", "desk", 1), "UTC"),
    )
    yield (
        "notice-email",
        NoticeMessage(
            delivery_id="n",
            story_id="n",
            subscription_id="operators",
            sequence=1,
            kind=NoticeKind.BROKEN,
            title="The Harbour Gazette cannot be read",
            lines=("The feed has answered with 404 since this morning.",),
            facts=(("Feed", "gazette"), ("Since", "14 Mar 2026, 06:10 GMT")),
            raised_at=NOW,
            zone="Europe/London",
        ),
    )


def _other(source: str, *, is_copy: bool) -> OtherReport:
    host = f"{source.split(maxsplit=1)[0].lower()}.example"
    url = f"https://{host}/ferries"
    return OtherReport(source=source, host=host, url=url, is_copy=is_copy, seen_at=NOW)


def draw(html: str, to: Path, width: int, *, dark: bool) -> None:
    """A page as a browser shows it, as high as it is."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        page.write_text(f"{html}<script>document.title = document.body.scrollHeight</script>")
        seen = _chromium(page, width, 400, dark, "--dump-dom")
        height = int(re.findall(r"<title>(\d+)</title>", seen)[0])
        height += 0 if width == WIDE else 200  # it measures in no window as narrow as that
        _chromium(page, width, height, dark, f"--screenshot={to}")
    sys.stdout.write(f"{to} {to.stat().st_size} bytes\n")


def _chromium(page: Path, width: int, height: int, dark: bool, *what: str) -> str:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or "google-chrome"
    settings = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        f"--window-size={width},{height}",
        f"--blink-settings=preferredColorScheme={0 if dark else 1}",
    ]
    done = subprocess.run(
        [program, *settings, *what, page.as_uri()], check=True, capture_output=True, text=True
    )
    return done.stdout


def main(folder: str | None) -> None:
    """Draw what was asked for."""
    for name, message in messages():
        html = render_email(message, NOW, OFFERS).html
        if name == "alert-email":
            draw(html, ROOT / "docs" / "pictures" / f"{name}.png", WIDE, dark=False)
            draw(html, ROOT / "docs" / "pictures" / f"{name}-dark.png", WIDE, dark=True)
        if folder is not None:
            draw(html, Path(folder) / f"{name}.png", WIDE, dark=False)
            draw(html, Path(folder) / f"{name}-dark.png", WIDE, dark=True)
            draw(html, Path(folder) / f"{name}-phone.png", NARROW, dark=True)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
