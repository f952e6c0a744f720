"""Which story a report belongs to, and how things are called. PURE.

Every article is a story of its own: two outlets with the same text are two stories. All
revisions of an article stay in its story.
"""

import hashlib
from datetime import datetime

from schemas.article import Article


def story_of(article: Article) -> str:
    """The id of the story that a report belongs to."""
    return _name("story", article.article_id)


def alert_id(rule_id: str, story_id: str) -> str:
    """The id of the alert of a rule and a story."""
    return _name("alert", rule_id, story_id)


def delivery_id(story_id: str, subscription_id: str, sequence: int) -> str:
    """The id of a subscription's message number `sequence` about a story.

    The same on every attempt, whoever makes it: channels use it to recognise a repeat.
    """
    return _name("delivery", story_id, subscription_id, str(sequence))


def summary_key(kind: str, *about: str) -> str:
    """What several alerts that are told together have in place of a story."""
    return _name("summary", kind, *about)


def notice_id(kind: str, about: str, since: datetime) -> str:
    """The id of the notice that an episode of a channel has begun or ended, or a subscription."""
    return _name("notice", kind, about, since.isoformat())


def _name(*parts: str) -> str:
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:32]
