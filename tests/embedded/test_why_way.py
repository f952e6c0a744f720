"""Where the way of an article ended, from facts alone."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.article import TextOrigin, TextReason
from schemas.folder import FeedSpec, SubscriptionSpec
from schemas.rule import WatchRule
from services.bus.port import Lag
from services.embedded.why.addresses import address_of, aliases_of, are_related, is_part_of
from services.embedded.why.command import verdicts_of
from services.embedded.why.facts import History, Kept, Progress, World
from services.embedded.why.way import Asked, State, Verdicts, Way, way_of
from services.poller.identity import aliases_of as aliases_of_entries
from services.poller.memory import Memory
from services.poller.parse import FeedEntry
from services.poller.replies import UNCONDITIONAL
from services.poller.schedule import Health
from services.store.feeds import NOT_PUBLISHED, PageRetry, SeenEntry
from services.store.lookups import JudgedRevision, RaisedAlert, StoryDelivery, StoryHeld
from services.store.silences import Silence, SilenceKind
from tests.engine.newsroom import article, rule

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
CAME = NOW - timedelta(hours=1)
NO_LAG = Lag(0, None)
MEMORY = Memory(
    feed_id="coast",
    url="https://example.org/feed",
    validators=UNCONDITIONAL,
    body_hash=None,
    first_fetched_at=NOW - timedelta(days=9),
    next_due_at=NOW,
    health=Health(),
    last_success_at=NOW - timedelta(minutes=3),
)
RULES = {one.rule_id: one for one in (rule("drones", "drones"), rule("ships", "ships"))}
SUBSCRIPTION = SubscriptionSpec(id="desk", channel="slack", rules="all")
WORLD = World(
    {"coast": FeedSpec(id="coast", url="https://example.org/feed", name="Coast Wire")},
    {"coast": MEMORY},
    RULES,
    {},
    dict.fromkeys(RULES, CAME - timedelta(days=1)),
    [SUBSCRIPTION],
)
TOLD = article("Two drones.", article_id="a1", url="https://example.org/a", first_seen_at=CAME)
KEPT = Kept(TOLD, CAME)
ENTRY = SeenEntry("a1", "hash", CAME)
MATCHED = Verdicts({"drones": KEPT}, 2)
DELIVERY = StoryDelivery(
    delivery_id="d1",
    story_id="s1",
    subscription_id="desk",
    channel_id="slack",
    message=b"",
    state="delivered",
    created_at=CAME,
    next_attempt_at=CAME,
    attempts=1,
    reason=None,
    detail=None,
    finished_at=CAME,
)
WHOLE = History(
    "coast",
    "a1",
    ENTRY,
    None,
    (KEPT,),
    frozenset({"drones"}),
    (),
    (JudgedRevision("s1", "r1", CAME),),
    (RaisedAlert("x1", "drones", "s1", 1, CAME),),
    (DELIVERY,),
)


def way(
    history: History = WHOLE,
    verdicts: Verdicts = MATCHED,
    *,
    world: World = WORLD,
    matcher: Lag = NO_LAG,
    judge: Lag = NO_LAG,
    asked_rule: WatchRule | None = None,
) -> Way:
    progress = Progress(matcher, judge, NOW - timedelta(days=30))
    return way_of(Asked(history, world, progress, NOW, asked_rule), verdicts)


def last(found: Way) -> tuple[str, str]:
    return found.steps[-1].name, found.because


def changed(**facts: Any) -> History:
    return replace(WHOLE, **facts)


def test_an_article_that_came_long_after_its_date_alerts_nobody() -> None:
    late = Kept(TOLD.model_copy(update={"late": True}), CAME)
    step, because = last(way(changed(kept=(late,), alerts=(), deliveries=())))
    assert (step, "late: alert" in because) == ("alerts", True)


def test_a_revision_that_waits_for_its_turn_is_named() -> None:
    waiting = PageRetry("a1", "coast", b"", NOT_PUBLISHED, NOW + timedelta(hours=1))
    (page,) = [s for s in way(changed(retry=waiting)).steps if s.name == "page"]
    assert any("newer revision waits until" in line for line in page.lines)


def test_the_whole_way() -> None:
    found = way()
    assert found.told
    assert [step.name for step in found.steps] == [
        *("feed", "entry", "page", "article", "rules", "story", "alerts", "deliveries")
    ]


def test_subscriptions_that_were_not_told_say_why() -> None:
    urgent = SubscriptionSpec.model_validate(
        {"id": "night", "channel": "mail", "rules": {"severities": ["urgent"]}}
    )
    late = SubscriptionSpec(id="late", channel="mail", rules="all")
    found = way(world=replace(WORLD, subscriptions=[SUBSCRIPTION, urgent, late]))
    assert found.steps[-1].lines[1:] == (
        "night: selects none of these rules",
        "late: selects these rules only since then",
    )


HELD = StoryHeld(
    held_id="h1",
    story_id="s1",
    subscription_id="desk",
    message=b"",
    why="silence",
    urgent=False,
    silence_id="q1",
    held_at=CAME,
    released_at=None,
    delivery_id=None,
    state=None,
    told_at=None,
)
SILENCE = Silence(
    "q1", SilenceKind.RULE, "drones", None, "Ann", "a drill", CAME, NOW + timedelta(hours=1)
)


@pytest.mark.parametrize(
    ("why", "silence_id", "says"),
    [
        ("silence", "q1", "until 2026-05-01 13:00:00 UTC by Ann: a drill (q1)"),
        ("silence", "gone", "silenced 2026-05-01 11:00:00 UTC"),
        ("digest", None, "gathered for a digest"),
        ("batch", None, "gathered for a batch"),
        ("quiet", None, "held for the end of quiet hours"),
        ("cap", None, "over the cap of this hour"),
    ],
)
def test_a_message_that_is_held_says_why_and_is_waited_for(
    why: str, silence_id: str | None, says: str
) -> None:
    held = replace(HELD, why=why, silence_id=silence_id)
    found = way(changed(deliveries=(), held=(held,), silences={"q1": SILENCE}))
    assert says in found.because
    assert (found.told, found.steps[-1].state) == (False, State.WAITS)
    assert found.steps[-1].lines == (f"desk: {found.because}",)


def test_what_is_held_says_when_it_is_told() -> None:
    held = replace(HELD, why="digest", silence_id=None)
    digest = SubscriptionSpec.model_validate(
        {"id": "desk", "channel": "slack", "rules": "all", "mode": {"digest": "daily 08:00"}}
    )
    morning = way(
        changed(deliveries=(), held=(held,)), world=replace(WORLD, subscriptions=[digest])
    )
    assert morning.because.endswith("; told 2026-05-02 08:00:00 UTC at the latest")
    gone = way(changed(deliveries=(), held=(held,)), world=replace(WORLD, subscriptions=[]))
    assert "its subscription is not there" in gone.because


def test_what_was_held_and_then_told_with_others_was_told() -> None:
    held = replace(
        HELD, why="quiet", released_at=NOW, delivery_id="d9", state="delivered", told_at=NOW
    )
    found = way(changed(deliveries=(), held=(held,)))
    assert (found.told, found.because) == (True, "told to desk")
    assert found.steps[-1].lines[0].endswith("told with others 2026-05-01 12:00:00 UTC")
    waiting = replace(held, state="pending", told_at=None)
    assert way(changed(deliveries=(), held=(waiting,))).steps[-1].state == State.WAITS


def test_a_subscription_that_somebody_unsubscribed_says_so() -> None:
    left = replace(WORLD, left=frozenset({"desk"}))
    assert "desk is unsubscribed" in way(changed(deliveries=()), world=left).because
    other = SubscriptionSpec(id="night", channel="slack", rules="all")
    both = replace(left, left=frozenset({"night"}), subscriptions=[SUBSCRIPTION, other])
    assert "night: unsubscribed, nobody gets its messages" in way(world=both).steps[-1].lines


def test_a_discarded_message_does_not_wait() -> None:
    found = way(changed(deliveries=(replace(DELIVERY, state="discarded"),)))
    assert (found.because, found.steps[-1].state) == ("the message was discarded", State.ENDED)


NOBODY = {"alerts": (), "deliveries": (), "judged": ()}


@pytest.mark.parametrize(
    ("facts", "ends"),
    [
        ({"kept": ()}, ("article", "it is not on the bus, though its entry is remembered")),
        (
            {"kept": (), "entry": SeenEntry("a1", "h", NOW - timedelta(days=60))},
            ("entry", "it stood in the feed at the first fetch, and was not news then"),
        ),
        ({"judged": ()}, ("story", "the notifier has no record of judging it")),
        (
            {"judged": (), "matched": frozenset()},
            ("story", "no rule matched it when it came: the rule was written or changed later"),
        ),
        (
            {"judged": (), "dead": (("matches", "bad bytes"),)},
            ("story", "its matches were put aside as a dead letter: bad bytes"),
        ),
        (
            {"alerts": (), "deliveries": ()},
            (
                "alerts",
                "no rule has raised an alert for this story: it was written or changed later",
            ),
        ),
        (
            {"deliveries": ()},
            ("deliveries", "no message was made; desk selects the rule only since then"),
        ),
        (
            {"deliveries": (replace(DELIVERY, state="pending", finished_at=None),)},
            ("deliveries", "the message waits to be sent"),
        ),
        (
            {"deliveries": (replace(DELIVERY, state="failed", reason="refused", detail="no"),)},
            ("deliveries", "the message was given up"),
        ),
    ],
)
def test_the_way_ends_where_something_is_missing(
    facts: Mapping[str, Any], ends: tuple[str, str]
) -> None:
    found = way(changed(**facts))
    assert not found.told
    assert last(found) == ends


def test_an_article_older_than_the_bus_keeps_is_told_as_that() -> None:
    old = replace(MEMORY, first_fetched_at=NOW - timedelta(days=90))
    seen = SeenEntry("a1", "h", NOW - timedelta(days=60))
    found = way(changed(kept=(), entry=seen), world=replace(WORLD, memories={"coast": old}))
    assert last(found) == ("article", "the bus does not keep it any more")


def test_steps_that_have_not_come_to_it_yet_are_waited_for() -> None:
    behind = Lag(7, CAME - timedelta(minutes=1))
    found = way(changed(matched=frozenset(), **NOBODY), Verdicts({}, 2), matcher=behind)
    assert last(found) == ("rules", "the matcher has not come to it yet; it is 7 articles behind")
    found = way(changed(**NOBODY), judge=behind)
    assert last(found) == ("story", "the notifier has not come to it yet; it is 7 records behind")


def test_a_summary_only_is_named_with_the_rule_that_did_not_match() -> None:
    short = TOLD.model_copy(
        update={"text": TextOrigin.SUMMARY, "text_reason": TextReason.FORBIDDEN, "body": ""}
    )
    history = changed(kept=(Kept(short, CAME),), matched=frozenset(), **NOBODY)
    found = way(history, Verdicts({}, 2))
    assert last(found) == (
        "rules",
        "none of 2 rules matches it; only the feed's summary could be read",
    )
    assert "the page is not tried again" in found.steps[2].lines
    retry = PageRetry("a1", "coast", b"", 1, NOW)
    again = way(replace(history, retry=retry), Verdicts({}, 2)).steps[2].lines
    assert again[1] == "the page is tried again 2026-05-01 12:00:00 UTC, after 2 tries"


def test_a_rule_that_was_changed_later_is_told_as_that() -> None:
    later = replace(WORLD, rules_changed_at=dict.fromkeys(RULES, NOW))
    found = way(changed(matched=frozenset(), **NOBODY), world=later)
    assert "drones (the drones rule) matches, but stands like this only since" in " ".join(
        found.steps[4].lines
    )
    gone = way(verdicts=Verdicts({}, 2)).steps[4].lines[0]
    assert gone == (
        "drones (the drones rule) matched when the article came; as it stands now it does not"
    )


def test_asked_about_a_rule_only_that_rule_counts() -> None:
    ships = RULES["ships"]
    found = way(verdicts=Verdicts({}, 1), asked_rule=ships)
    assert last(found) == ("rules", "rule ships does not match it")
    broke = way(verdicts=Verdicts({}, 1, {"ships": ZeroDivisionError()}), asked_rule=ships)
    assert last(broke) == ("rules", "rule ships broke on it: ZeroDivisionError()")
    assert way(asked_rule=RULES["drones"]).told


def test_a_rule_that_cannot_be_read_does_not_keep_the_others_from_answering() -> None:
    bad = rule("(drones", "bad")
    world = replace(WORLD, rules={**RULES, "bad": bad})
    verdicts = verdicts_of([KEPT], world, None)
    assert (set(verdicts.matching), verdicts.tried) == ({"drones"}, 2)
    found = way(verdicts=verdicts, world=world)
    assert found.told
    unreadable = 'cannot be read: rule "bad", column 1: this bracket is never closed'
    assert found.steps[4].lines[-1] == unreadable
    alone = way(
        changed(matched=frozenset(), **NOBODY),
        verdicts_of([KEPT], world, bad),
        world=world,
        asked_rule=bad,
    )
    assert last(alone) == ("rules", unreadable)


def test_a_feed_that_fails_says_why() -> None:
    ill = replace(MEMORY, health=Health(failures=3), last_error="forbidden: answered 403")
    (health, error) = way(world=replace(WORLD, memories={"coast": ill})).steps[0].lines
    assert "failing, 3 failures in a row; last answered" in health
    assert error == "last error: forbidden: answered 403"
    ended = replace(MEMORY, health=Health(disabled=True))
    assert "410 Gone" in way(world=replace(WORLD, memories={"coast": ended})).steps[0].lines[0]


# Addresses

URL = "https://www.example.org/world/troops?id=7"


@pytest.mark.parametrize(
    "said",
    [
        URL,
        "http://example.org/world/troops/?id=7",
        "example.org/world/troops?id=7#top",
        "https://WWW.Example.org:443/world/troops?utm_source=x&id=7&fbclid=y",
    ],
)
def test_addresses_are_compared_leniently(said: str) -> None:
    assert address_of(said) == address_of(URL)


@pytest.mark.parametrize(
    "said", ["https://example.org/world/troops", "example.org/World/troops?id=7"]
)
def test_another_path_or_query_is_another_address(said: str) -> None:
    assert address_of(said) != address_of(URL)


@pytest.mark.parametrize("said", ["troops", "example.org/world", "https://www.example.org/", URL])
def test_a_part_of_an_address_will_do(said: str) -> None:
    address = address_of(URL)
    assert address is not None
    assert is_part_of(said, address)


@pytest.mark.parametrize("guid", [None, URL, "http://example.org/world/troops?id=7"])
def test_the_names_of_an_entry_are_found_from_its_link(guid: str | None) -> None:
    entry = FeedEntry(guid=guid, link=URL, title="Troops", summary="", body="")
    (own,) = aliases_of_entries([entry])
    asked = "example.org/world/troops/?id=7&utm_medium=rss"
    assert own & aliases_of(asked, "https://feeds.elsewhere.net/1")


def test_a_path_counts_in_the_publishers_own_feeds_only() -> None:
    entry = FeedEntry(
        guid="https://old.example.org/world/1", link=None, title="", summary="", body=""
    )
    (own,) = aliases_of_entries([entry])
    asked = "https://example.org/world/1"
    assert own & aliases_of(asked, "https://feeds.example.org/rss")
    assert not own & aliases_of(asked, "https://elsewhere.net/rss")


@pytest.mark.parametrize(
    ("host", "other", "related"),
    [
        ("feeds.bbci.co.uk", "bbci.co.uk", True),
        ("rss.dw.com", "www.dw.com", True),
        ("guardian.co.uk", "bbc.co.uk", False),
        ("127.0.0.1:80", "127.0.0.2:80", False),
    ],
)
def test_feeds_of_the_same_publisher_are_related(host: str, other: str, related: bool) -> None:
    assert are_related(host, other) is related
