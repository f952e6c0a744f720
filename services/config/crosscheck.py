"""What the items of a folder say about each other: names taken twice, names of nothing.

Decides what is an error (the folder would mean something else than its author thinks) and
what a warning (alerts that reach nobody). Where a file could not be read, what may stand
in it is not reported as missing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from urllib.parse import urlsplit

from schemas.folder import (
    ChannelSpec,
    FeedSpec,
    ListSpec,
    RuleSelection,
    RuleSpec,
    SubscriptionSpec,
)
from services.config.items import Entry, Item, Listing
from services.config.problem import Problem
from services.config.saved_lists import reached
from services.config.wording import did_you_mean, quoted


@dataclass(frozen=True, slots=True)
class Listings:
    """The items of a folder by kind."""

    feeds: Listing[FeedSpec]
    rules: Listing[RuleSpec]
    lists: Listing[ListSpec]
    channels: Listing[ChannelSpec]
    subscriptions: Listing[SubscriptionSpec]


def cross_problems(listings: Listings) -> list[Problem]:
    """Everything that only shows when all items are looked at together."""
    return list(
        chain(
            repeated_ids(listings.feeds.entries),
            rule_problems(listings.rules, listings.lists),
            repeated_ids(listings.channels.entries),
            repeated_ids(listings.subscriptions.entries),
            _same_urls(listings.feeds.items),
            _unknown_channels(listings),
            _unknown_rules(listings),
            _unused_channels(listings),
            _unused_rules(listings),
            _idle_subscriptions(listings),
        )
    )


def rule_problems(rules: Listing[RuleSpec], lists: Listing[ListSpec]) -> list[Problem]:
    """What shows when rules and lists are looked at together, without the rest of a folder."""
    return list(
        chain(repeated_ids(rules.entries), repeated_ids(lists.entries), _unused_lists(rules, lists))
    )


def repeated_ids(entries: Iterable[Entry]) -> Iterator[Problem]:
    """Every entry whose id an earlier one has."""
    first: dict[str, Entry] = {}
    for entry in entries:
        if entry.declared_id is None:
            continue
        holder = first.setdefault(entry.declared_id, entry)
        if holder is not entry:
            what = "name" if entry.kind == "list" else "id"
            yield entry.problem(f"this {what} is taken by {holder.place}", ("id",))


def _same_urls(feeds: Iterable[Item[FeedSpec]]) -> Iterator[Problem]:
    first: dict[str, Item[FeedSpec]] = {}
    for feed in feeds:
        holder = first.setdefault(same_address(feed.spec.url), feed)
        if holder.spec.id != feed.spec.id:  # the same id twice is a problem already told
            other = f'feed "{holder.spec.id}" ({holder.entry.place})'
            yield feed.entry.problem(f"has the same URL as {other}", ("url",))


def same_address(url: str) -> str:
    """The URL in the form in which equal addresses are equal (RFC 3986, 6.2.2 and 6.2.3)."""
    parts = urlsplit(url)
    return parts._replace(
        netloc=parts.netloc.lower().removesuffix({"http": ":80", "https": ":443"}[parts.scheme]),
        path=parts.path or "/",
        fragment="",
    ).geturl()


def _unknown_channels(listings: Listings) -> Iterator[Problem]:
    known = _ids(listings.channels.entries)
    if not listings.channels.complete:
        return
    for subscription in listings.subscriptions.entries:
        name = subscription.text_at("channel")
        if name is not None and name not in known:
            message = f"unknown channel {quoted(name)}{did_you_mean(name, known)}"
            yield subscription.problem(message, ("channel",))


def _unknown_rules(listings: Listings) -> Iterator[Problem]:
    known = _ids(listings.rules.entries)
    if not listings.rules.complete:
        return
    for subscription in listings.subscriptions.entries:
        chosen = subscription.value_at("rules", "ids")
        for n, name in enumerate(chosen if isinstance(chosen, list) else ()):
            if isinstance(name, str) and name not in known:
                message = f"unknown rule {quoted(name)}{did_you_mean(name, known)}"
                yield subscription.problem(message, ("rules", "ids", n))


def _unused_lists(rules: Listing[RuleSpec], lists: Listing[ListSpec]) -> Iterator[Problem]:
    if not (rules.flawless and lists.flawless):
        return
    items = {item.spec.id: item.spec.items for item in lists.items}
    used = reached(items, (item.spec.query for item in rules.items))
    for item in lists.items:
        if item.spec.id not in used:
            yield item.entry.problem("no rule of this folder uses it", level="warning")


def _unused_channels(listings: Listings) -> Iterator[Problem]:
    used = {subscription.spec.channel for subscription in listings.subscriptions.items}
    if not listings.subscriptions.flawless:
        return
    for channel in listings.channels.items:
        if channel.spec.id not in used:
            yield channel.entry.problem("no subscription uses it", level="warning")


def _unused_rules(listings: Listings) -> Iterator[Problem]:
    if not listings.subscriptions.flawless:
        return
    for rule in listings.rules.items:
        if not any(_gets(each, rule) for each in listings.subscriptions.items):
            message = "no subscription selects it; its alerts reach nobody"
            yield rule.entry.problem(message, level="warning")


def _idle_subscriptions(listings: Listings) -> Iterator[Problem]:
    """Tags that no rule has, and selections that select nothing although every part exists."""
    if not listings.rules.flawless:
        return
    tags = sorted({tag for rule in listings.rules.items for tag in rule.spec.tags})
    known = _ids(listings.rules.entries)
    for subscription, chosen in _selections(listings):
        unknown = [n for n, tag in enumerate(chosen.tags or ()) if tag not in tags]
        for n in unknown:
            yield _unknown_tag(subscription, n, tags)
        whole = not unknown and known.issuperset(chosen.ids or ())
        if whole and not any(_gets(subscription, rule) for rule in listings.rules.items):
            yield subscription.entry.problem("selects no rule", ("rules",), "warning")


def _unknown_tag(item: Item[SubscriptionSpec], n: int, tags: Iterable[str]) -> Problem:
    chosen = item.spec.rules
    tag = chosen.tags[n] if isinstance(chosen, RuleSelection) and chosen.tags else ""
    message = f"no rule has the tag {quoted(tag)}{did_you_mean(tag, tags)}"
    return item.entry.problem(message, ("rules", "tags", n), "warning")


def _selections(listings: Listings) -> Iterator[tuple[Item[SubscriptionSpec], RuleSelection]]:
    for subscription in listings.subscriptions.items:
        if isinstance(subscription.spec.rules, RuleSelection):
            yield subscription, subscription.spec.rules


def _gets(subscription: Item[SubscriptionSpec], rule: Item[RuleSpec]) -> bool:
    spec = rule.spec
    return subscription.spec.selects(spec.id, spec.tags, spec.severity)


def _ids(entries: Iterable[Entry]) -> set[str]:
    return {entry.declared_id for entry in entries if entry.declared_id is not None}
