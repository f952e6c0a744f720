"""How messages name alternatives: near misses and short lists."""

import difflib
from collections.abc import Iterable, Sequence

_SHOWN = 80


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean "query"?`, or nothing where no known word is near."""
    near = nearest(word, known)
    return f'; did you mean "{near}"?' if near else ""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that is most like `word`, if one is like it at all."""
    close = difflib.get_close_matches(word.casefold(), list(known), n=1)
    return close[0] if close else None


def listed(words: Sequence[str], joint: str = "and") -> str:
    """`a, b and c`."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {joint} {words[-1]}"


def quoted(text: str) -> str:
    """`text` in double quotes on one line, cut where it is long."""
    flat = " ".join(text.split())
    return f'"{flat}"' if len(flat) <= _SHOWN else f'"{flat[:_SHOWN]}…"'
