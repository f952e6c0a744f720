"""Which silence keeps an alert from a subscription. PURE.

An alert of an urgent rule is silenced as any other. Leaves to `telling` what becomes of it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from schemas.article import Article
from services.notifier import clean
from services.notifier.links import host_of
from services.notifier.message import LONGEST_NAME
from services.store.silences import Silence, SilenceKind


@dataclass(frozen=True, slots=True)
class Subject:
    """The report of a story as silences see it; `host` in ASCII, where it is known."""

    story_id: str
    feed_id: str
    source: str
    host: str | None


def subject_of(article: Article, story_id: str) -> Subject:
    """What silences may be about in this report of a story."""
    # As messages call it: that is what their readers silence.
    source = clean.line(article.source, LONGEST_NAME) or article.feed_id
    return Subject(story_id, article.feed_id, source, host_of(article.url))


def silence_over(
    silences: Iterable[Silence], subject: Subject, rule_id: str, subscription_id: str, now: datetime
) -> Silence | None:
    """The silence that keeps a rule's alert about `subject` from a subscription, if one does.

    Of several it is the one that ends last: what it holds back is told when none is left.
    """
    holding = [
        s
        for s in silences
        if s.is_active(now)
        and s.subscription_id in {None, subscription_id}
        and _meets(s, subject, rule_id)
    ]
    return max(holding, key=lambda s: (s.ends_at, s.silence_id), default=None)


def story_is_silent(
    silences: Iterable[Silence], story_id: str, subscription_id: str, now: datetime
) -> bool:
    """Whether a subscription is not to hear either that others report the story, too."""
    nothing_else = Subject(story_id, "", "", None)
    stories = (s for s in silences if s.kind is SilenceKind.STORY)
    return silence_over(stories, nothing_else, "", subscription_id, now) is not None


def _meets(silence: Silence, subject: Subject, rule_id: str) -> bool:
    match silence.kind:
        case SilenceKind.RULE:
            return silence.target == rule_id
        case SilenceKind.STORY:
            return silence.target == subject.story_id
        case SilenceKind.SOURCE:
            return _is_source(silence.target, subject)
        case _:
            assert_never(silence.kind)


def _is_source(target: str, subject: Subject) -> bool:
    """A feed by its id or its name, or a site by its host, those below it included."""
    wanted = target.strip().casefold()
    if wanted in {subject.feed_id.casefold(), subject.source.strip().casefold()}:
        return True
    site, host = _site(wanted), (subject.host or "").casefold()
    return "." in site and f".{host}".endswith(f".{site}")


def _site(written: str) -> str:
    """A host as people write it, in the form in which hosts are known: ASCII, without www."""
    return (host_of(f"http://{written}") or written).removeprefix("www.")
