"""What a YAML parser's complaint means to somebody who writes rules.

Decides the words and the place for the usual mistakes; above all a query that begins
with a quoted phrase, which YAML takes for the whole value. Never repeats the text around
the mistake, because it may hold a secret.
"""

import re
from dataclasses import dataclass

import yaml

_AFTER_QUOTE = re.compile(r"""(?::|-|^)[ ]+(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*')\s*$""")
_QUOTE_WHOLE = "put the whole value in single quotes, or on the lines below a |"


@dataclass(frozen=True, slots=True)
class YamlMistake:
    """A message, and the index of the character where the mistake stands."""

    index: int
    message: str


def in_plain_words(error: yaml.YAMLError, text: str) -> YamlMistake:
    """What to tell the person who wrote `text`."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return YamlMistake(0, _by_problem(""))
    mark = error.problem_mark or error.context_mark
    start = error.context_mark or mark
    index = _index(mark)
    problem, context = error.problem or "", error.context or ""
    if "end of stream" in problem and "quoted" in context:
        return YamlMistake(_index(start), "not YAML: this quote is never closed")
    if "flow" in context:
        return YamlMistake(_index(start), "not YAML: a [ or { has no matching ] or }")
    return YamlMistake(index, _by_place(problem, text, index) or _by_problem(problem))


def _index(mark: yaml.Mark | None) -> int:
    return mark.index if mark else 0


def _by_place(problem: str, text: str, index: int) -> str | None:
    before = text[text.rfind("\n", 0, index) + 1 : index]
    if "cannot start any token" in problem:
        return _wrong_start(text[index : index + 1])
    if _AFTER_QUOTE.search(before):
        return f"not YAML: the value goes on after its closing quote; {_QUOTE_WHOLE}"
    return None


def _wrong_start(character: str) -> str:
    if character == "\t":
        return "not YAML: a tab cannot indent a line; use spaces"
    return f"not YAML: a value cannot begin with {character}; {_QUOTE_WHOLE}"


def _by_problem(problem: str) -> str:
    if "mapping values are not allowed" in problem:
        return f"not YAML: the value holds a colon and a space; {_QUOTE_WHOLE}"
    if "comment or" in problem:
        return "not YAML: text after | or > begins on the next line"
    if "did not find expected" in problem or "expected <block end>" in problem:
        return "not YAML: this does not fit the lines above it; check the indentation and quotes"
    return f"not YAML: {problem or 'it cannot be read'}"
