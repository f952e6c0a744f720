"""The words for who else reports a story: copies, and reports that were written independently.

PURE. What counts as what is `services.notifier.others`' decision.
"""

from services.notifier.message import AlertMessage, OtherReport
from services.notifier.render import wording

MORE_REPORTS = "Reported by others, too"
TOLD_OF = "About a story that you were told of:"

MOST_NAMED = 5


def also_reported(message: AlertMessage) -> str:
    """`Also reported by AP (copy) and Reuters`; empty where nobody else does."""
    if not message.others:
        return ""
    names = [_name(other) for other in message.others[:MOST_NAMED]]
    more = len(message.others) - len(names) + message.others_left_out
    return f"Also reported by {_listed([*names, f'{more} more'] if more else names)}"


def outlets(message: AlertMessage) -> str:
    """`3 outlets, 2 of them copies of AP`; empty where nobody else reports it."""
    if not message.others:
        return ""
    count = 1 + len(message.others) + message.others_left_out
    of = [other.copied_from for other in message.others if other.is_copy]
    of += [message.copied_from] if message.copied_from else []
    if not of:
        return f"{count} outlets, each with a text of its own"
    known = set(of)
    whose = f" of {of[0]}" if len(known) == 1 and of[0] else ""
    them = "a copy" if len(of) == 1 else "copies"
    return f"{count} outlets, {len(of)} of them {them}{whose}"


def in_a_line(message: AlertMessage) -> str:
    """Both: who, and how many of them with a text of their own."""
    return " · ".join(filter(None, (also_reported(message), outlets(message))))


def about(other: OtherReport, zone: str) -> str:
    """What is to be known of another report beside its source: `· news.example · a copy · …`."""
    kind = "a copy" if other.is_copy else "a text of its own"
    seen = f"seen {wording.short_moment(other.seen_at, zone)}"
    return "".join(f"· {said} " for said in (other.host, kind, seen) if said).rstrip()


def _name(other: OtherReport) -> str:
    return f"{other.source} (copy)" if other.is_copy else other.source


def _listed(names: list[str]) -> str:
    if len(names) == 1:
        return names[0]
    return f"{', '.join(names[:-1])} and {names[-1]}"
