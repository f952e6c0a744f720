"""A message as the event that a webhook posts (`schemas.webhook`). PURE."""

from datetime import datetime
from typing import assert_never

from schemas.webhook import (
    HookAlert,
    HookExcerpt,
    HookFact,
    HookLinks,
    HookNotice,
    HookPiece,
    HookReport,
    HookRule,
    HookSummary,
    HookText,
    HookTimes,
    WebhookAlert,
    WebhookEvent,
    WebhookNotice,
    WebhookSummary,
)
from services.notifier import clean
from services.notifier.excerpts import Excerpt
from services.notifier.message import (
    LONGEST_QUERY,
    AlertMessage,
    AnyMessage,
    MatchedRule,
    NoticeMessage,
    OtherReport,
    SummaryMessage,
)
from services.notifier.render import others, wording
from services.notifier.render.cleaned import cleaned, cleaned_notice, cleaned_summary
from services.notifier.render.offers import NO_OFFERS, Offers

_MOST_RULES = 100
_MOST_IN_SUMMARIES = 5  # rules and other reports of each alert: a receiver may mind a megabyte


def render_webhook(
    message: AnyMessage, sent_at: datetime, offers: Offers = NO_OFFERS
) -> WebhookEvent:
    """The event that tells of `message`, in the attempt made at `sent_at`."""
    match message:
        case AlertMessage():
            return WebhookAlert(
                type="story.updated" if message.update else "alert",
                timestamp=_happened_at(message),
                data=_alert(cleaned(message), sent_at, offers),
            )
        case SummaryMessage():
            summary = _summary(cleaned_summary(message), sent_at, offers)
            return WebhookSummary(timestamp=message.raised_at, data=summary)
        case NoticeMessage():
            notice = _notice(cleaned_notice(message), offers)
            return WebhookNotice(timestamp=message.raised_at, data=notice)
        case _:
            assert_never(message)


def _happened_at(message: AlertMessage) -> datetime:
    seen = [other.seen_at for other in message.others] if message.update else []
    return max([message.matched_at, *seen])


def _alert(message: AlertMessage, sent_at: datetime, offers: Offers) -> HookAlert:
    return HookAlert(
        delivery_id=message.delivery_id,
        story_id=message.story_id,
        subscription_id=message.subscription_id,
        sequence=message.sequence,
        title=message.title,
        url=message.url,
        source=message.source,
        host=message.host,
        rules=tuple(map(_rule, message.rules[:_MOST_RULES])),
        rules_left_out=len(message.rules[_MOST_RULES:]),
        excerpts=tuple(map(_excerpt, message.excerpts)),
        text=_text(message),
        times=_times(message, sent_at),
        others=tuple(map(_report, message.others)),
        others_left_out=message.others_left_out,
        others_in_words=others.in_a_line(message),
        copied_from=message.copied_from,
        updates=message.updates,
        zone=message.zone,
        test=message.test,
        links=_links(offers),
    )


def _in_short(message: AlertMessage, sent_at: datetime) -> HookAlert:
    most = _MOST_IN_SUMMARIES
    whole = _alert(message, sent_at, NO_OFFERS)
    return whole.model_copy(
        update={
            "rules": tuple(r.model_copy(update={"query": None}) for r in whole.rules[:most]),
            "rules_left_out": whole.rules_left_out + len(whole.rules[most:]),
            "excerpts": whole.excerpts[:1],
            "others": whole.others[:most],
            "others_left_out": whole.others_left_out + len(whole.others[most:]),
        }
    )


def _summary(message: SummaryMessage, sent_at: datetime, offers: Offers) -> HookSummary:
    return HookSummary(
        delivery_id=message.delivery_id,
        subscription_id=message.subscription_id,
        kind=message.kind.value,
        title=message.title,
        lines=message.lines,
        alerts=tuple(_in_short(item, sent_at) for item in message.items),
        alerts_left_out=message.left_out,
        zone=message.zone,
        links=_links(offers),
    )


def _notice(message: NoticeMessage, offers: Offers) -> HookNotice:
    return HookNotice(
        delivery_id=message.delivery_id,
        subscription_id=message.subscription_id,
        kind=message.kind,
        title=message.title,
        lines=message.lines,
        facts=tuple(HookFact(name=name, value=value) for name, value in message.facts),
        zone=message.zone,
        links=_links(offers),
    )


def _rule(rule: MatchedRule) -> HookRule:
    query = clean.line(rule.query, LONGEST_QUERY)
    return HookRule(id=rule.rule_id, name=rule.name, severity=rule.severity, query=query)


def _excerpt(excerpt: Excerpt) -> HookExcerpt:
    return HookExcerpt(
        field=excerpt.field,
        before=excerpt.before,
        sentence=tuple(HookPiece(text=text, hit=hit) for text, hit in excerpt.sentence),
        after=excerpt.after,
        rules=excerpt.rule_ids,
    )


def _text(message: AlertMessage) -> HookText:
    said = wording.what_was_read(message)
    return HookText(origin=message.text, reason=message.text_reason, in_words=said)


def _times(message: AlertMessage, sent_at: datetime) -> HookTimes:
    return HookTimes(
        published_at=message.published_at,
        first_seen_at=message.first_seen_at,
        seen_at=message.seen_at,
        matched_at=message.matched_at,
        sent_at=sent_at,
        in_words=wording.times(message, sent_at),
    )


def _report(other: OtherReport) -> HookReport:
    return HookReport(
        source=other.source,
        host=other.host,
        url=other.url,
        is_copy=other.is_copy,
        copied_from=other.copied_from,
        seen_at=other.seen_at,
    )


def _links(offers: Offers) -> HookLinks:
    return HookLinks(alert=offers.alert, silence=offers.silence, unsubscribe=offers.unsubscribe)
