"""Reports for the tests of stories: texts of invented words, outlets, edits."""

import random
from datetime import datetime, timedelta
from typing import Any

from services.notifier.stories.report import Report, report_of
from services.notifier.stories.window import Container, Copy, StoryWindow, Verdict
from tests.notifier.alerts import NOW, article

_SYLLABLES = ("ba", "ce", "di", "fo", "gu", "ha", "ki", "lo", "mu", "ne", "pi", "ro", "sa", "te")


def text(topic: str, words: int = 200) -> str:
    """So many words about a topic; every topic has a vocabulary of its own."""
    chance = random.Random(topic)
    vocabulary = ["".join(chance.choices(_SYLLABLES, k=4)) for _ in range(80)]
    common = ["the", "of", "and", "said", "in", "to", "that", "with", "on", "was"]
    return " ".join(
        chance.choice(common) if chance.random() < 0.4 else chance.choice(vocabulary)
        for _ in range(words)
    )


def report(outlet: str, body: str, after: timedelta = timedelta(), **changes: Any) -> Report:
    """What an outlet reports, `after` the first."""
    seen: datetime = NOW + after
    facts = {
        "article_id": f"{outlet} {body[:40]}",
        "title": f"What {outlet} has to say today about it",
        "url": f"https://{outlet}.example/{random.Random(outlet + body).random()}",
        "body": body,
        "first_seen_at": seen,
        "seen_at": seen,
    }
    return report_of(article(**{**facts, **changes}))


def place(window: StoryWindow, one: Report) -> tuple[str, Verdict]:
    """Put a report where the window says it belongs; its story, and why."""
    verdict = window.judge(one)
    story = (
        verdict.story if isinstance(verdict, Copy) else f"story {len(window)} of {one.trace.outlet}"
    )
    window.add(one.trace, story, container=isinstance(verdict, Container))
    return story, verdict


def held(verdict: Verdict) -> list[str]:
    """The stories that a container holds."""
    return [story for story, _ in verdict.of] if isinstance(verdict, Container) else []
