"""What is said of each step of an article's way. PURE: words only, nothing is decided."""

from collections.abc import Iterator
from datetime import UTC, datetime

from schemas.article import TextOrigin
from services.embedded.why.facts import History, World
from services.notifier.render.wording import read_in_words, span
from services.poller.memory import Memory, feed_state
from services.store.deliveries import DeliveryState
from services.store.feeds import NOT_PUBLISHED
from services.store.lookups import StoryDelivery


def feed_lines(feed_id: str, world: World, now: datetime) -> Iterator[str]:
    """Which feed it is, and how it fares."""
    spec = world.feeds.get(feed_id)
    name = f" ({spec.name})" if spec and spec.name else ""
    if spec is None:
        yield f"{feed_id}: this feed is not in the folder any more"
    memory = world.memories.get(feed_id)
    if memory is None:
        if spec is not None:
            yield f"{feed_id}{name}: not polled yet"
        return
    yield f"{feed_id}{name}: {_health(memory, now)}"
    if memory.last_error:
        yield f"last error: {memory.last_error}"


def _health(memory: Memory, now: datetime) -> str:
    last = memory.last_success_at
    answered = f"last answered {_ago(last, now)}" if last else "it has never answered"
    if memory.health.disabled:
        return f"ended (410 Gone), polled no more; {answered}"
    failures = memory.health.failures
    state = feed_state(memory)
    failing = f"failing, {counted(failures, 'failure')} in a row" if failures else state
    due = memory.next_due_at
    return f"{failing}; {answered}" + (f"; next poll {at_time(due)}" if due else "")


def entry_lines(history: History) -> Iterator[str]:
    """When the entry was seen."""
    first = history.kept[0].article
    published = first.published_at
    if published is None:
        yield f"first seen {at_time(first.first_seen_at)}; the feed gives no date"
    else:
        late = span(first.first_seen_at - published)
        yield f"first seen {at_time(first.first_seen_at)}, {late} after its date"


def page_lines(history: History) -> Iterator[str]:
    """What of the article was read, and whether its page is tried again."""
    for kept in history.kept:
        article = kept.article
        size = len(article.body) or len(article.summary)
        which = f"{article.revision}: " if len(history.kept) > 1 else ""
        read = read_in_words(article.text, article.text_reason)
        yield f"{which}{read}; {size:,} characters{f', {article.lang}' if article.lang else ''}"
    if history.retry is not None and history.retry.attempt == NOT_PUBLISHED:
        yield f"a newer revision waits until {at_time(history.retry.due_at)}: it is edited often"
    elif history.retry is not None:
        yield f"the page is tried again {at_time(history.retry.due_at)}, after " + counted(
            history.retry.attempt + 1, "try", "tries"
        )
    elif history.kept[-1].article.text is TextOrigin.SUMMARY:
        yield "the page is not tried again"


def article_lines(history: History) -> Iterator[str]:
    """The article as it lies on the bus."""
    title = " ".join(history.kept[-1].article.title.split())
    yield f"“{title}”" if title else "without a headline"
    for kept in history.kept:
        yield f"revision {kept.article.revision} on the bus since {at_time(kept.written_at)}"


def story_lines(history: History) -> Iterator[str]:
    """The stories that the article was placed in."""
    for story_id in dict.fromkeys(one.story_id for one in history.judged):
        first = next(one for one in history.judged if one.story_id == story_id)
        yield f"story {story_id}, judged {at_time(first.judged_at)}"


def delivery_line(delivery: StoryDelivery) -> str:
    """To whom a message was to go, and what became of it."""
    to = f"{delivery.subscription_id} through {delivery.channel_id}"
    tries = counted(delivery.attempts, "try", "tries")
    why = f" ({delivery.reason}: {delivery.detail})" if delivery.reason else ""
    finished = at_time(delivery.finished_at) if delivery.finished_at else ""
    match delivery.state:
        case DeliveryState.DELIVERED.value:
            return f"{to}: delivered {finished}"
        case DeliveryState.FAILED.value:
            way_out = f"wirewatch deliveries retry {delivery.delivery_id}"
            return f"{to}: given up {finished} after {tries}{why}; {way_out}"
        case DeliveryState.DISCARDED.value:
            return f"{to}: discarded {finished}{why}"
        case _:
            return f"{to}: waits, next try {at_time(delivery.next_attempt_at)}, {tries} so far{why}"


def at_time(moment: datetime) -> str:
    """A point in time, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _ago(moment: datetime, now: datetime) -> str:
    return f"{at_time(moment)}, {span(now - moment)} ago"


def counted(count: int, one: str, several: str = "") -> str:
    """`2 tries`."""
    return f"{count:,} {one}" if count == 1 else f"{count:,} {several or one + 's'}"
