"""The pages that say why there is nothing to see, and what to do then."""

from services.notifier.actions.page import Shown


def _plain(status: int, title: str, *lines: str) -> Shown:
    return Shown("plain", {"title": title, "lines": lines}, status)


NO_SUCH_LINK = _plain(
    404,
    "This link does not work",
    "It is incomplete or damaged, or it comes from another installation. Mail programs "
    "sometimes cut long links: copy the whole link from the message into the address bar.",
    "If that does not help, ask whoever runs Wirewatch here; they can silence and unsubscribe "
    "by command.",
)
GONE = _plain(
    410,
    "This message is not kept any more",
    "The link is genuine, but what it leads to has been deleted because of its age. "
    "A newer message has links that work.",
)
NOT_NOW = _plain(
    503,
    "Not just now",
    "The database cannot be reached at the moment, so nothing was changed. Please try again in "
    "a minute: the link stays valid.",
)
NOT_SO = _plain(405, "Not this way", "This page can be looked at, and its buttons be pressed.")
UNREADABLE = {
    408: _plain(408, "That took too long", "Nothing was changed. Please try again."),
    413: _plain(413, "That is too much", "Nothing was changed. Please write less."),
    415: _plain(415, "That cannot be read", "Nothing was changed. Forms come uncompressed."),
}
