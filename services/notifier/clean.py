"""Text from outside made fit to be shown. PURE.

Decides which characters never reach an output, and where a text is cut. Leaves to the
renderers what their format needs on top (escaping).
"""

import re

# Control characters steer terminals and break mail headers; bidirectional controls make a
# text read differently from what it says (CVE-2021-42574); surrogates and non-characters
# cannot be encoded; tag characters hide text; other letters that nobody sees make a headline of
# nothing. White space is not dropped but becomes a blank. U+200C and U+200D stay, one at a
# time: Persian words and many emoji need them. More than four marks over a letter are no
# language's, and cover the lines above.
_DROPPED = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u034f"
    "\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    "\u2800\u3164\uffa0\ud800-\udfff\ufdd0-\ufdef\ufeff\ufff9-\ufffb\ufffe\uffff"
    "\U000e0000-\U000e0fff]"
)
_HEAPS = re.compile("([\u200c\u200d])[\u200c\u200d]+|([\u0300-\u036f]{4})[\u0300-\u036f]+")
_BLANKS = re.compile(r"[\s\u2028\u2029]+")
_UNSEEN_AT_ENDS = " \u200c\u200d"
_ELLIPSIS = "…"
# Anything longer is no headline or sentence; cutting first keeps a text of megabytes cheap.
_ROOM = 8


def piece(text: str) -> str:
    """`text` without characters that must not be shown, every white space one blank.

    A blank at either end stays, so that pieces can be put together again.
    """
    if text.isascii() and text.isprintable() and "  " not in text:
        return text  # nearly all are: a message is cleaned more than once
    return _BLANKS.sub(" ", _HEAPS.sub(r"\1\2", _DROPPED.sub("", text)))


def line(text: str, limit: int) -> str:
    """`text` as one clean line of at most `limit` characters."""
    return cut(piece(text[: limit * _ROOM]).strip(_UNSEEN_AT_ENDS), limit)


def cut(text: str, limit: int) -> str:
    """`text`, or its beginning and an ellipsis: at most `limit` characters, at a blank if near."""
    if len(text) <= limit:
        return text
    head = text[: limit - 1]
    blank = head.rfind(" ", limit - 1 - min(20, limit // 2))
    return (head if blank <= 0 else head[:blank]).rstrip() + _ELLIPSIS


def cut_front(text: str, limit: int) -> str:
    """`text`, or an ellipsis and its end: at most `limit` characters, at a blank if near."""
    if len(text) <= limit:
        return text
    tail = text[len(text) - limit + 1 :]
    blank = tail.find(" ", 0, min(20, limit // 2))
    return _ELLIPSIS + tail[blank + 1 :].lstrip()
