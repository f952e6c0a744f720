"""Lines that belong to other articles: "Read more: …", "Also in World News", captions twice.

Decides line by line what is no text of this article. A rule that matched such a line would
raise an alert for a story the article does not tell. It must stay narrow all the same: a
dropped good line is a lost alert, so no more than 0.2 % of good lines may go
(`bench/extract.py` measures it), and a line over 30 words is always kept.
"""

import re
from collections.abc import Iterable, Iterator

from services.poller.related_labels import BEFORE_COLON, CERTAIN, FURNITURE, SECTIONS

MAX_WORDS = 30
_MAX_CHARACTERS = 300  # for scripts that put no spaces between words
_HEADLINE_WORDS = 20
_CREDIT_CHARACTERS = 120
_BOX_LINES = 10  # how many headlines a box below its heading is thought to have


def _one_of(patterns: Iterable[str]) -> str:
    return "(?:" + "|".join(patterns) + ")"


_DECORATION = r"[\W_]*"  # arrows, bullets, quotation marks, brackets, emoji
_SEPARATOR = r"\s*[:：﹕|»›>→►▶…]|\s+[-–—]+\s"
_TITLE_CASE = r"(?-i:[A-Z0-9&][\w'’&.-]*(?:\s(?:and|of|the|&|[A-Z0-9][\w'’&.-]*)){0,3})"

_CERTAIN = re.compile(rf"{_DECORATION}{_one_of(CERTAIN)}(?!\w)", re.IGNORECASE)
_BEFORE_COLON = re.compile(
    rf"{_DECORATION}{_one_of((*BEFORE_COLON, *SECTIONS))}(?:{_SEPARATOR})", re.IGNORECASE
)
_MORE_FROM = re.compile(
    rf"{_DECORATION}(?:read )?more (?:from|in|on|about) (?:the )?{_TITLE_CASE}"
    rf"(?:{_SEPARATOR}|{_DECORATION}$)",
    re.IGNORECASE,
)
# "READ MORE Minister quits": the label tells itself from the headline by its capitals.
_CAPITALS = re.compile(
    rf"{_DECORATION}(?:READ (?:MORE|ALSO|NEXT)|ALSO READ|SEE ALSO|MUST READ|RELATED|DON['’]T MISS)"
    r"\s(?=.*[a-z])"
)
_ALSO_IN = rf"(?:also|elsewhere) (?:in|on|from) (?:the )?{_TITLE_CASE}"
_LABEL = re.compile(
    rf"{_DECORATION}{_one_of((*CERTAIN, *BEFORE_COLON))}{_DECORATION}", re.IGNORECASE
)
_SECTION = re.compile(rf"{_DECORATION}{_one_of((*SECTIONS, _ALSO_IN))}{_DECORATION}", re.IGNORECASE)
_FURNITURE = re.compile(rf"{_DECORATION}{_one_of(FURNITURE)}{_DECORATION}", re.IGNORECASE)
_NEWSLETTER = re.compile(
    r"(?:sign up|subscribe|register) (?:here |now |today )?(?:for|to) (?:our|the|my|this|all)\b"
    r"|.*\b(?:to|in) your (?:e-?mail )?(?:inbox|mailbox)\b",
    re.IGNORECASE,
)
_AGENCY = (
    r"(?:AP|AFP|ANSA|DPA|dpa|EFE|EPA|PA|TASS|UPI|Xinhua|Reuters|REUTERS|Getty(?: Images)?"
    r"|Shutterstock|Alamy|iStock|Unsplash|Flickr|Bloomberg)"
)
_NAME = r"(?:[A-Z][\w'’.-]*|via|of|de|van|von|&)"
# "(AP)", "Jane Doe/AFP/Getty Images", "© Reuters", "AP Photo/Jane Doe"
_CREDIT = re.compile(
    rf"[(\[©]*\s*(?:{_NAME}(?:\s{_NAME}){{0,4}}(?:\s?/\s?|\svia\s))*{_AGENCY}"
    rf"(?: (?:Photo|Images|File|Archive))?(?:\s?/\s?{_NAME}(?:\s{_NAME}){{0,3}})?[)\].]*"
)
_CREDIT_LABEL = re.compile(
    r"[(\[]?\s*(?:photo(?:graph)?s?|image|picture|foto|bild|crédito)"
    r"(?: (?:credit|by|courtesy(?: of)?|source))*(?:\s*[:：]|(?<=by)|(?<=of))\s*",
    re.IGNORECASE,
)
_CREDIT_NAMES = re.compile(rf"(?:(?:{_NAME}|by|for)(?:[\s/,|.)\]]+|$)){{1,8}}")
_CLOSING = "'\"”’»)]"
_STOPS = tuple(".!。！।…")


def without_related(lines: Iterable[str]) -> tuple[str, ...]:
    """The lines of one article, without those of others, credits and repeated captions."""
    return tuple(_unrepeated(_own_lines(lines)))


def is_label(line: str) -> bool:
    """Whether the line only announces what follows, like "Read more:"."""
    return bool(_LABEL.fullmatch(line) or _SECTION.fullmatch(line) or _MORE_FROM.fullmatch(line))


def is_related(line: str) -> bool:
    """Whether the line points to another article or is furniture."""
    if not _is_short(line):
        return False
    return is_label(line) or any(
        pattern.match(line) for pattern in (_CERTAIN, _BEFORE_COLON, _MORE_FROM, _CAPITALS)
    )


def is_furniture(line: str) -> bool:
    """Whether the line is an advertisement mark, a newsletter's offer or a bare credit."""
    if not _is_short(line):
        return False
    return bool(_FURNITURE.fullmatch(line) or _NEWSLETTER.match(line) or is_credit(line))


def is_credit(line: str) -> bool:
    """Whether the line is nothing but the credit of a photo."""
    if len(line) > _CREDIT_CHARACTERS:
        return False
    if _CREDIT.fullmatch(line):
        return True
    # A label and then names; a lower-case word makes it a caption, and captions are text.
    label = _CREDIT_LABEL.match(line)
    return bool(label and _CREDIT_NAMES.fullmatch(line, label.end()))


def _is_short(line: str) -> bool:
    return len(line) <= _MAX_CHARACTERS and len(line.split()) <= MAX_WORDS


def _own_lines(lines: Iterable[str]) -> Iterator[str]:
    """Drops related lines, and the headlines that stand below a label on lines of their own."""
    headlines_to_drop = 0
    for line in lines:
        if is_related(line):
            headlines_to_drop = _headlines_below(line)
        elif headlines_to_drop and _is_headline(line):
            headlines_to_drop -= 1
        elif not is_furniture(line):
            headlines_to_drop = 0
            yield line


def _headlines_below(line: str) -> int:
    if _SECTION.fullmatch(line) or _MORE_FROM.fullmatch(line):
        return _BOX_LINES
    announces = _LABEL.fullmatch(line) and line.rstrip().endswith((":", "："))
    return 1 if announces else 0


def _is_headline(line: str) -> bool:
    if len(line) > _MAX_CHARACTERS or len(line.split()) > _HEADLINE_WORDS:
        return False
    return not line.rstrip(_CLOSING).endswith(_STOPS)


def _unrepeated(lines: Iterable[str]) -> Iterator[str]:
    previous = None
    for line in lines:
        if line != previous:
            yield line
        previous = line
