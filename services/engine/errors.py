"""The one error of the rule language: what is wrong, where, and the way out.

Decides how a mistake is shown. What is a mistake is decided where rules are read.
"""

import unicodedata

_MAX_SHOWN = 60


class RuleError(Exception):
    """A rule that cannot be accepted.

    `offset` counts code points of `query` from 0. `str()` is the message, the line of
    the rule concerned, and a caret under the place.
    """

    def __init__(self, message: str, offset: int, query: str) -> None:
        super().__init__(message, offset, query)
        self.message = message
        self.offset = offset
        self.query = query

    def __str__(self) -> str:
        line, column = _line_at(self.query, self.offset)
        return f"{self.message}\n{line}\n{_padding(line[:column])}^"

    def of_rule(self, rule_id: str) -> "RuleError":
        """The same error, saying whose rule it is and at which column."""
        _, column = _line_at(self.query, self.offset)
        message = f'rule "{rule_id}", column {column + 1}: {self.message}'
        return RuleError(message, self.offset, self.query)


def shortened(text: str) -> str:
    """As much of a text as a message can name, in one line."""
    text = " ".join(text.split())
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"


def _line_at(text: str, offset: int) -> tuple[str, int]:
    start = text.rfind("\n", 0, offset) + 1
    end = text.find("\n", offset)
    return text[start : end if end >= 0 else len(text)], offset - start


def _padding(text: str) -> str:
    return "".join(_blank(char) for char in text)


def _blank(char: str) -> str:
    """White space as wide as `char` on a terminal, so that the caret stands right."""
    if char == "\t":
        return char
    if unicodedata.category(char) in {"Mn", "Me", "Cf"}:
        return ""
    return "  " if unicodedata.east_asian_width(char) in "WF" else " "
