"""Whether a window that is suddenly new holds old entries under other names. PURE.

A publisher that changes its system gives all its entries new guids and addresses. They
are the old ones only if most of them carry a title or a text that was seen in this feed;
otherwise it is what came during an outage or a burst, exactly what must not be muted.

Titles repeat: "Magnitude 4.5 off Fiji", "Statement on the situation". An entry dated after
the article with its title was first seen cannot be that article, however alike they are.
Where in doubt it is new: a repeat is better than a silence. What that means on real feeds:
`bench/reidentified.py`.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from services.poller.identity import published_at
from services.poller.news import Sighted, Sorted
from services.poller.titles import title_key
from services.store.entry_titles import Articles, Past
from services.store.feeds import SeenEntry

_SEEN_SHARE = 0.6
# A shorter text may be a phrase that stands below every title; a longer one tells by itself,
# for a feed may bear the date of its move on all entries.
_TELLING_CHARACTERS = 200
_CLOCKS_DIFFER = timedelta(minutes=10)
# An article is seen soon after its date; of several with one title that tells which.
_SEEN_SOON = timedelta(days=1)


def title_of(sighted: Sighted) -> str | None:
    """What the title of an entry is remembered by; None for a title that says too little."""
    return title_key(sighted.entry.title)


def set_reidentified_apart(found: Sorted, past: Past, now: datetime) -> Sorted:
    """The same document, in which entries under new names are no news.

    They are remembered as the articles they were, where that is beyond doubt. What was seen
    under no name is news as ever.
    """
    if not found.suddenly_new:
        return found
    still_there = {s.remembered.article_id for s in found.everything}
    alike = [(s, _alike(s, past, still_there, now)) for s in found.unseen]
    old = [(sighted, articles) for sighted, articles in alike if articles]
    if len(old) < _SEEN_SHARE * len(alike):
        return found
    gone = {sighted.remembered.article_id for sighted, _ in old}
    return replace(
        found,
        news=tuple(s for s in found.news if s.remembered.article_id not in gone),
        muted=tuple(s for s in found.muted if s.remembered.article_id not in gone),
        reidentified=tuple(_as_what_it_was(old)),
    )


def _alike(
    sighted: Sighted, past: Past, still_there: Collection[str], now: datetime
) -> Sequence[SeenEntry]:
    """The articles that an entry may be; one only, where that is clear."""
    entry = sighted.entry
    same_text = _other(past.by_text.get(sighted.remembered.text_hash, {}), still_there)
    if len(same_text) == 1 and len(entry.summary) + len(entry.body) >= _TELLING_CHARACTERS:
        return list(same_text.values())
    date = _latest_possible(published_at(entry, now))
    if date is None:
        return ()
    same_title = _other(past.by_title.get(title_of(sighted) or "", {}), still_there)
    articles = {**same_text, **same_title}.values()
    possible = [a for a in articles if date <= a.first_seen_at + _CLOCKS_DIFFER]
    soon = [a for a in possible if a.first_seen_at - date <= _SEEN_SOON]
    return soon if len(soon) == 1 else possible


def _other(articles: Articles, still_there: Collection[str]) -> Articles:
    """Those that the document does not show under the names they had."""
    return {i: article for i, article in articles.items() if i not in still_there}


def _latest_possible(date: datetime | None) -> datetime | None:
    """A day without a time ends when the day does."""
    if date is None or date.hour or date.minute or date.second:
        return date
    return date + timedelta(days=1)


def _as_what_it_was(
    old: Sequence[tuple[Sighted, Sequence[SeenEntry]]],
) -> Sequence[Sighted]:
    uses = Counter(articles[0].article_id for _, articles in old if len(articles) == 1)
    return [
        _known_again(sighted, articles[0])
        if len(articles) == 1 and uses[articles[0].article_id] == 1
        else sighted
        for sighted, articles in old
    ]


def _known_again(sighted: Sighted, was: SeenEntry) -> Sighted:
    now_seen = sighted.remembered
    kept = replace(now_seen, article_id=was.article_id, first_seen_at=was.first_seen_at)
    return replace(sighted, remembered=kept)
