"""Notices in words, for one subscription and its clock. PURE.

Decides the sentences; what has happened was decided where it was seen (see
`services.poller.health`). Says what to do next, because it may be three in the morning.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Literal, assert_never

from schemas.folder import SubscriptionSpec
from schemas.notice import Notice, NoticeKind
from services.notifier import clean
from services.notifier.message import LONGEST_NAME, LONGEST_TITLE, NoticeMessage
from services.notifier.names import delivery_id
from services.notifier.render.wording import moment, span

LONGEST_LINE = 400
_OfChannel = Literal[
    NoticeKind.CHANNEL_SUSPENDED, NoticeKind.CHANNEL_WORKS, NoticeKind.DELIVERY_FAILED
]
_BEHIND = "What was published meanwhile is read as far as the feed still shows it."


def compose_notice(notice: Notice, subscription: SubscriptionSpec) -> NoticeMessage:
    """The message that tells this subscription of a notice. Never raises for its content."""
    zone = subscription.zone
    return NoticeMessage(
        # A subscription is told of a notice once.
        delivery_id=delivery_id(notice.notice_id, subscription.id, 1),
        story_id=notice.notice_id,
        subscription_id=subscription.id,
        sequence=1,
        kind=notice.kind,
        title=clean.line(_title(notice), LONGEST_TITLE),
        lines=tuple(clean.line(line, LONGEST_LINE) for line in _lines(notice, zone)),
        facts=tuple((name, clean.line(said, LONGEST_LINE)) for name, said in _facts(notice, zone)),
        raised_at=notice.raised_at,
        zone=zone,
    )


def _title(notice: Notice) -> str:  # noqa: PLR0911 - one for each kind
    feed = clean.line(notice.feed_name or notice.feed_id or "a feed", LONGEST_NAME)
    match notice.kind:
        case NoticeKind.BROKEN:
            return f"{feed} {'has ended' if notice.next_poll_at is None else 'cannot be read'}"
        case NoticeKind.ANSWERS_AGAIN:
            return f"{feed} can be read again"
        case NoticeKind.SILENT:
            return f"{feed} has gone silent"
        case NoticeKind.PUBLISHES_AGAIN:
            return f"{feed} publishes again"
        case NoticeKind.CUT_OFF:
            return f"{notice.feeds_failing} of {notice.feeds} feeds cannot be read"
        case NoticeKind.RECONNECTED:
            return "Feeds can be read again"
        case NoticeKind.UNSUBSCRIBED:
            return f"Nobody gets the subscription {_subscription(notice)} any more"
        case (
            NoticeKind.CHANNEL_SUSPENDED
            | NoticeKind.CHANNEL_WORKS
            | NoticeKind.DELIVERY_FAILED as kind
        ):
            return _title_of_channel(kind, notice)
        case _:
            assert_never(notice.kind)


def _title_of_channel(kind: _OfChannel, notice: Notice) -> str:
    channel = f"channel {clean.line(notice.channel_id or 'unknown', LONGEST_NAME)}"
    match kind:
        case NoticeKind.CHANNEL_SUSPENDED:
            return f"Nobody is told through {channel}: its credentials are refused"
        case NoticeKind.CHANNEL_WORKS:
            return f"C{channel[1:]} works again"
        case NoticeKind.DELIVERY_FAILED:
            one = notice.failures == 1
            number = "A message" if one else f"{notice.failures} messages"
            return f"{number} through {channel} could not be delivered"
        case _:
            assert_never(kind)


def _lines(notice: Notice, zone: str) -> Iterator[str]:
    since = moment(notice.since, zone)
    match notice.kind:
        case NoticeKind.BROKEN:
            yield from _broken(notice, since, zone)
        case NoticeKind.SILENT:
            yield from _silent(notice, since)
        case NoticeKind.ANSWERS_AGAIN:
            yield f"It answers again since {_end(notice, zone)}, after {_length(notice)}. {_BEHIND}"
        case NoticeKind.PUBLISHES_AGAIN:
            yield f"It showed a new entry {_end(notice, zone)}, the first for {_length(notice)}."
        case NoticeKind.CUT_OFF:
            yield f"Since {since}. So many at once are rather our network than the feeds."
            yield "Nothing that they publish alerts until they are read again: look now."
        case NoticeKind.RECONNECTED:
            yield f"Since {_end(notice, zone)}, after {_length(notice)}. {_BEHIND}"
        case NoticeKind.CHANNEL_SUSPENDED:
            yield f"Its credentials are not accepted since {since}. All its messages wait."
            yield (
                "Put the right secret where channels.yaml refers to; where that is a variable, "
                "restart. It is tried every five minutes; then what waits is sent."
            )
        case NoticeKind.CHANNEL_WORKS:
            yield f"Since {_end(notice, zone)}, after {_length(notice)}. What waited is being sent."
        case NoticeKind.DELIVERY_FAILED:
            yield f"The first {since}. They are not tried again by themselves."
            yield "Mend the cause, then send them again. More of them are not told while it lasts."
        case NoticeKind.UNSUBSCRIBED:
            yield f"Somebody unsubscribed all of it {since}, by the link in a message."
            yield "Its alerts are raised and sent to nobody. If that was not meant, undo it."
        case _:
            assert_never(notice.kind)


def _broken(notice: Notice, since: str, zone: str) -> Iterator[str]:
    polls = f"{notice.failures} poll{'' if notice.failures == 1 else 's'}"
    if notice.last_success_at is None:
        yield f"It has never answered: {polls} failed since {since}."
    else:
        last = moment(notice.last_success_at, zone)
        yield f"{polls} in a row failed since {since}; it last answered {last}."
    if notice.next_poll_at is None:
        yield "It is polled no more. Give it its new address in feeds.yaml, or take it out."
    else:
        following = moment(notice.next_poll_at, zone)
        yield f"It is tried again, next {following}. Until it answers, its news do not alert."


def _silent(notice: Notice, since: str) -> Iterator[str]:
    yield f"Its last new entry came {since}, {_length(notice)} ago, though it answers."
    if notice.usual_gap is not None and notice.longest_gap is not None:
        usual, longest = _span(notice.usual_gap), _span(notice.longest_gap)
        yield f"Usually there is one every {usual}; the longest pause lately was {longest}."
    yield (
        "Open it in a browser: where it shows newer entries, it answers us with an old copy, or "
        "has moved."
    )


def _facts(notice: Notice, zone: str) -> Iterator[tuple[str, str]]:
    if notice.error:
        yield ("Most say" if notice.kind is NoticeKind.CUT_OFF else "Error"), notice.error
    if notice.feed_id is not None:
        yield "Feed", f"{notice.feed_id} · {notice.host}" if notice.host else notice.feed_id
    if notice.kind is NoticeKind.UNSUBSCRIBED:
        yield "More", "wirewatch subscriptions list"
        yield "Undo", f"wirewatch subscriptions restore {_subscription(notice)}"
    elif notice.channel_id is None:
        which = f" {notice.feed_id}" if notice.feed_id is not None else " --failing"
        yield "More", f"wirewatch feeds status{which}"
    else:
        yield from _facts_of_channel(notice, notice.channel_id)
    yield "Noticed", moment(notice.raised_at, zone)


def _facts_of_channel(notice: Notice, channel_id: str) -> Iterator[tuple[str, str]]:
    yield "Channel", channel_id
    if notice.kind is NoticeKind.DELIVERY_FAILED:
        chosen = f"--channel {channel_id} --reason {notice.reason}"
        yield "More", f"wirewatch deliveries list --failed {chosen}"
        yield "Again", f"wirewatch deliveries retry --failed {chosen}"
    else:
        yield "More", f"wirewatch deliveries list --channel {channel_id}"


def _subscription(notice: Notice) -> str:
    return clean.line(notice.subscription or "unknown", LONGEST_NAME)


def _end(notice: Notice, zone: str) -> str:
    return moment(_until(notice), zone)


def _length(notice: Notice) -> str:
    return span(_until(notice) - notice.since)


def _until(notice: Notice) -> datetime:
    return notice.until or notice.raised_at


def _span(seconds: float) -> str:
    return span(timedelta(seconds=seconds))
