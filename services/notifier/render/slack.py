"""A message as the payload of a Slack incoming webhook: Block Kit and a text fallback. PURE.

A message has at most 50 blocks (docs.slack.dev, reference/block-kit). Leaves to `slack_blocks`
what a block may hold, to `slack_summary` several alerts in one message.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from services.notifier.excerpts import Excerpt
from services.notifier.message import AlertMessage, AnyMessage, NoticeMessage, SummaryMessage
from services.notifier.render import others, wording
from services.notifier.render.cleaned import cleaned, cleaned_notice, cleaned_summary
from services.notifier.render.offers import NO_OFFERS, Offers, offers_in_words
from services.notifier.render.slack_blocks import (
    LONGEST_SECTION,
    SIGN,
    Block,
    context,
    escaped,
    linked,
    section,
    titled,
    with_hits,
)
from services.notifier.render.slack_summary import summary_blocks, summary_in_short


def render_slack(message: AnyMessage, now: datetime, offers: Offers = NO_OFFERS) -> dict[str, Any]:
    """The JSON payload; without its `blocks` it is still a whole, plain message."""
    payload = _rendered(message, now)
    payload["blocks"] += _offered(message, offers)
    return payload


def _rendered(message: AnyMessage, now: datetime) -> dict[str, Any]:
    match message:
        case NoticeMessage():
            notice = cleaned_notice(message)
            return _payload(notice, _notice_in_short(notice), _notice_blocks(notice))
        case SummaryMessage():
            summary = cleaned_summary(message)
            return _payload(summary, summary_in_short(summary), summary_blocks(summary))
        case AlertMessage():
            alert = cleaned(message)
            return _payload(alert, _fallback(alert), _blocks(alert, now))


def render_slack_reply(message: AlertMessage) -> dict[str, Any]:
    """What an update says in the thread of a message that cannot be changed any more."""
    said = escaped(others.also_reported(cleaned(message)) or "Reported by others, too")
    payload = _payload(message, said, [section(said)])
    identity = {"delivery_id": f"{message.delivery_id}/others", "story_id": message.story_id}
    return {**payload, "metadata": {**payload["metadata"], "event_payload": identity}}


def _payload(message: AnyMessage, text: str, blocks: Iterable[Block]) -> dict[str, Any]:
    return {
        "text": text,
        "blocks": list(blocks),
        "unfurl_links": False,
        "unfurl_media": False,
        "metadata": {
            "event_type": f"wirewatch_{message.type}",
            "event_payload": {"delivery_id": message.delivery_id, "story_id": message.story_id},
        },
    }


def _notice_blocks(message: NoticeMessage) -> Iterator[Block]:
    severity = wording.NOTICE_SEVERITY[message.kind]
    yield titled(SIGN[severity] + " ", message.title)
    for line in filter(None, message.lines):
        yield section(escaped(line))
    facts = [f"{escaped(name)}: {escaped(said, 600)}" for name, said in message.facts[:4]]
    yield context("\n".join(facts) or wording.NOTICE)


def _notice_in_short(message: NoticeMessage) -> str:
    lines = [f"*{escaped(message.title, 500)}*", *(escaped(li, 500) for li in message.lines[:3])]
    return "\n".join(lines)


def _blocks(message: AlertMessage, now: datetime) -> Iterator[Block]:
    yield _header(message)
    yield section(f"{linked(message.title, message.url)}\n{escaped(wording.origin(message), 400)}")
    for excerpt in message.excerpts:
        yield from _excerpt(excerpt, message)
    yield context(_rules(message))
    if message.others:
        yield context(_others(message))
    yield context(_times(message))
    yield context(f"{wording.what_was_read(message)}. {_capital(wording.latency(message, now))}.")


def _offered(message: AnyMessage, offers: Offers) -> list[Block]:
    shown = [
        f"<{url.replace('&', '&amp;')}|{words}>" for words, url in offers_in_words(message, offers)
    ]
    return [context(" · ".join(shown))] if shown else []


def _header(message: AlertMessage) -> Block:
    sign = SIGN[message.rules[0].severity] + " " if message.rules else ""
    test = "Test · " if message.test else ""
    return titled(sign, test + wording.rules_in_short(message))


def _excerpt(excerpt: Excerpt, message: AlertMessage) -> Iterator[Block]:
    lead_in = wording.lead_in(excerpt, message)
    before = f"_{lead_in}:_ " if lead_in else ""
    before += escaped(excerpt.before, LONGEST_SECTION - len(before))
    if before.strip():
        yield context(before.strip())
    yield section("> " + with_hits(excerpt.sentence, LONGEST_SECTION - 2))
    if excerpt.after:
        yield context(escaped(excerpt.after))


def _rules(message: AlertMessage) -> str:
    named, more = wording.named_rules(message)
    lines = [f"{wording.SEVERITY[r.severity]} · *{escaped(r.name, 250)}*" for r in named]
    return "\n".join(lines + ([f"and {more} more"] if more else [])) or "A test of this channel"


def _others(message: AlertMessage) -> str:
    return escaped(others.in_a_line(message), 2_000)


def _times(message: AlertMessage) -> str:
    seen = wording.moment(message.first_seen_at, message.zone)
    return escaped(f"Published {wording.published(message)} · seen {seen}")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _fallback(message: AlertMessage) -> str:
    """What notifications, screen readers and clients without blocks show."""
    test = "Test · " if message.test else ""
    lines = [
        escaped(test + wording.rules_in_short(message), 250),
        f"{linked(message.title, message.url)} ({escaped(wording.origin(message), 400)})",
    ]
    lines += [f"> {with_hits(excerpt.sentence, 800)}" for excerpt in message.excerpts[:1]]
    return "\n".join(lines)
