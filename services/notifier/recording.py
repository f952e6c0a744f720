"""What has become of deliveries, written down: many in one transaction, with what it means for
their channel.

A channel whose credentials are refused is suspended for all notifiers, and the operator told in
that very transaction; a trial that works ends it. What is given up is counted by its reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.notice import Notice, NoticeKind
from services.notifier.attempting import Ended
from services.notifier.names import notice_id
from services.notifier.outcome import Reason
from services.notifier.steps import Again, Done, Dropped, Held, Over
from services.store import deliveries, failures, notices, suspensions
from services.store.notices import StoredNotice
from services.store.suspensions import Suspension

TRIAL_EVERY = timedelta(minutes=5)
"""How often a suspended channel is tried, by one delivery of one notifier."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the record changed for the channel: None, or why it is suspended; and its end."""

    suspended_for: str | None = None
    works_again: bool = False


async def record(tx: AsyncConnection, channel_id: str, ended: Sequence[Ended]) -> Recorded:
    """Record how these attempts of a channel ended."""
    done = [
        (end.row.delivery_id, end.step.receipt, end.at)
        for end in ended
        if isinstance(end.step, Done)
    ]
    await deliveries.record_all_delivered(tx, done)
    suspended_for: str | None = None
    works_again = False
    for end in sorted(ended, key=_in_whose_turn):
        suspended_for = await _record_other(tx, channel_id, end) or suspended_for
        if end.trial:
            works_again = await _conclude_trial(tx, channel_id, end)
    return Recorded(suspended_for, works_again)


def _in_whose_turn(end: Ended) -> tuple[bool, str]:
    """What is given up comes last, by its reason: two notifiers count in the same rows."""
    match end.step:
        case Over(reason=reason):
            return True, reason.value
        case _:
            return False, ""


async def _record_other(tx: AsyncConnection, channel_id: str, end: Ended) -> str | None:
    row, step = end.row, end.step
    if end.progress is not None:
        await deliveries.record_progress(tx, row, end.progress)
    match step:
        case Done():
            return None
        case Again(reason, detail, at, _, uncertain):
            await deliveries.record_retry(
                tx, row, reason.value, detail, at, uncertain=uncertain, failed_at=end.at
            )
            return None
        case Held(reason, detail):
            # Due at once: it is the channel that waits, not the delivery.
            await deliveries.record_retry(tx, row, reason.value, detail, end.at)
            return detail if await _suspend(tx, channel_id, detail, end.at) else None
        case Over(reason, detail):
            if await deliveries.record_failed(tx, row, reason.value, detail, end.at):
                said = deliveries.text_of(detail)
                await failures.note(tx, channel_id, reason.value, said, end.at)
            return None
        case Dropped(detail):
            await deliveries.record_dropped(tx, row, detail, end.at)
            return None
        case _:
            assert_never(step)


async def _conclude_trial(tx: AsyncConnection, channel_id: str, end: Ended) -> bool:
    """Whether the trial ends the suspension."""
    match end.step:
        case Done() | Over(reason=Reason.REFUSED):
            # A message that is refused for its own sake was read by somebody who let us in.
            return await _end_suspension(tx, channel_id, end.at)
        case Over() | Dropped():
            # Perhaps nobody was asked: the message was unwanted, or could not be put in words.
            await suspensions.take_trial(tx, channel_id, end.at, end.at, at_once=True)
            return False
        case Again() | Held():
            return False
        case _:
            assert_never(end.step)


async def _suspend(tx: AsyncConnection, channel_id: str, detail: str, now: datetime) -> bool:
    reason = Reason.BAD_CREDENTIALS.value
    new = Suspension(channel_id, now, reason, deliveries.text_of(detail), now + TRIAL_EVERY)
    begun = await suspensions.begin(tx, new)
    if begun:
        told = Notice(
            notice_id=notice_id(NoticeKind.CHANNEL_SUSPENDED, channel_id, now),
            kind=NoticeKind.CHANNEL_SUSPENDED,
            raised_at=now,
            since=now,
            channel_id=channel_id,
            error=new.detail,
        )
        await write_notice(tx, told)
    return begun


async def _end_suspension(tx: AsyncConnection, channel_id: str, now: datetime) -> bool:
    ended = await suspensions.end(tx, channel_id)
    if ended is None:
        return False
    await deliveries.count_age_from(tx, channel_id, now)
    told = Notice(
        notice_id=notice_id(NoticeKind.CHANNEL_WORKS, channel_id, ended.since),
        kind=NoticeKind.CHANNEL_WORKS,
        raised_at=now,
        since=ended.since,
        until=now,
        channel_id=channel_id,
    )
    await write_notice(tx, told)
    return True


async def write_notice(tx: AsyncConnection, notice: Notice) -> None:
    """Write a notice that is about no feed down."""
    stored = StoredNotice(
        notice.notice_id, notice.kind.value, None, notice.raised_at, notice.encode()
    )
    await notices.write(tx, stored)
