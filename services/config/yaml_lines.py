"""YAML text as plain values that remember their lines.

Decides which YAML is read: one document of lists, mappings and scalars, the scalars
resolved as PyYAML's SafeLoader does (YAML 1.1), except that dates stay text and keys are
always text as written (`on:` is the key "on"). Keys written twice, anchors, aliases, tags
and deep nesting are refused: an alias repeated in aliases is how a small file becomes
gigabytes. What the values mean is left to others.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import yaml

from services.config.problem import Problem
from services.config.wording import quoted
from services.config.yaml_mistakes import in_plain_words

Path = tuple[str | int, ...]

MAX_DEPTH = 20
"""Lists and mappings inside each other; what the folder's files need is five."""

# libyaml where PyYAML has been built with it: several times faster, the same events.
_PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_LINE_BREAK = re.compile(r"\r\n|\n|\r")
# https://yaml.org/spec/1.1/#c-printable
_NOT_PRINTABLE = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOT_TEXT = {f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float")}


@dataclass(frozen=True, slots=True)
class Scalar:
    """A scalar as written: its text, and the quote or block sign before it, if any."""

    text: str
    sign: Literal["", "'", '"', "|", ">"]


@dataclass(frozen=True, slots=True)
class Located:
    """A value (of dict, list, str, int, float, bool and None) and where its parts stand."""

    value: object
    lines: Mapping[Path, int]
    scalars: Mapping[Path, Scalar] = field(default_factory=dict)

    def line_of(self, path: Path) -> int:
        """The line of the key or list item at `path`, or of the nearest thing around it."""
        while path not in self.lines and path:
            path = path[:-1]
        return self.lines.get(path, 1)

    def below(self, key: str, items: Sequence[object]) -> list["Located"]:
        """Each of the `items` of the list at `key`, with paths that begin in the item."""
        lines: list[dict[Path, int]] = [{} for _ in items]
        scalars: list[dict[Path, Scalar]] = [{} for _ in items]
        for path, line in self.lines.items():
            if path[:1] == (key,) and len(path) > 1:
                lines[int(path[1])][path[2:]] = line
        for path, scalar in self.scalars.items():
            if path[:1] == (key,) and len(path) > 1:
                scalars[int(path[1])][path[2:]] = scalar
        return [Located(*each) for each in zip(items, lines, scalars, strict=True)]

    def below_names(self, key: str, items: Mapping[str, object], inner: str) -> list["Located"]:
        """Each of the `items` of the mapping at `key`, as if it were `{id: NAME, INNER: ITEM}`."""
        lines = {name: dict[Path, int]() for name in items}
        scalars = {name: dict[Path, Scalar]() for name in items}
        for path, line in self.lines.items():
            if path[:1] == (key,) and len(path) > 1:
                place = lines[str(path[1])]
                place[(inner, *path[2:])] = line
                if len(path) == 2:
                    place[()] = place[("id",)] = line
        for path, scalar in self.scalars.items():
            if path[:1] == (key,) and len(path) > 1:
                scalars[str(path[1])][(inner, *path[2:])] = scalar
        return [
            Located({"id": name, inner: item}, lines[name], scalars[name])
            for name, item in items.items()
        ]

    def scalar_at(self, path: Path) -> Scalar | None:
        """The scalar at `path` as it was written."""
        return self.scalars.get(path)


def load(text: str, file: str) -> Located | tuple[Problem, ...]:
    """The value in `text`, or all that is wrong with it as YAML; an empty text is None.

    `file` only names the file in the problems.
    """
    if bad := _NOT_PRINTABLE.search(text):
        line = len(_LINE_BREAK.findall(text, 0, bad.start())) + 1
        code = f"U+{ord(bad.group()):04X}"
        return (Problem(file, line, f"not text: it holds the control character {code}"),)
    builder = _Builder(text)
    try:
        value = builder.document()
    except yaml.YAMLError as error:
        mistake = in_plain_words(error, text)
        builder.refuse(builder.line_at(mistake.index), mistake.message)
        return builder.problems(file)
    except _TooDeepError as error:
        return (Problem(file, error.line, f"nested more than {MAX_DEPTH} levels deep"),)
    return builder.problems(file) or Located(value, builder.lines, builder.scalars)


class _TooDeepError(Exception):
    def __init__(self, line: int) -> None:
        self.line = line


class _Builder:
    """Turns the events of one text into values, noting lines and what is refused."""

    def __init__(self, text: str) -> None:
        self.lines: dict[Path, int] = {}
        self.scalars: dict[Path, Scalar] = {}
        self._refused: list[tuple[int, str]] = []
        # Marks are asked for their index, not their line: YAML 1.1 also counts U+0085,
        # U+2028 and U+2029 as line breaks, editors do not.
        self._ends = [found.end() for found in _LINE_BREAK.finditer(text)]
        self._events: Iterator[Any] = yaml.parse(text, Loader=_PARSER)
        self._scalars: Any = yaml.SafeLoader("")

    def line_at(self, index: int) -> int:
        return bisect_left(self._ends, index + 1) + 1

    def refuse(self, line: int, message: str) -> None:
        self._refused.append((line, message))

    def problems(self, file: str) -> tuple[Problem, ...]:
        return tuple(Problem(file, line, message) for line, message in self._refused)

    def document(self) -> object:
        next(self._events)  # the start of the stream
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return None
        value = self._node((), next(self._events))
        next(self._events)  # the end of the document
        after = next(self._events)
        if isinstance(after, yaml.DocumentStartEvent):
            self.refuse(self._line(after), "a second document (---); write one per file")
        return value

    def _line(self, event: Any) -> int:
        return self.line_at(event.start_mark.index)

    def _node(self, path: Path, event: Any) -> object:
        line = self._line(event)
        self.lines.setdefault(path, line)
        if len(path) > MAX_DEPTH:
            raise _TooDeepError(line)
        self._refuse_extras(event, line)
        build: Callable[[Path, Any], object] | None = self._builders().get(type(event))
        return build(path, event) if build else None

    def _builders(self) -> dict[type, Callable[[Path, Any], object]]:
        return {
            yaml.ScalarEvent: self._scalar,
            yaml.SequenceStartEvent: self._list,
            yaml.MappingStartEvent: self._mapping,
        }

    def _refuse_extras(self, event: Any, line: int) -> None:
        way_out = "write the value out, or put it in quotes if it is meant as text"
        if isinstance(event, yaml.AliasEvent):
            self.refuse(line, f"an alias (*name) is not read here; {way_out}")
        elif event.anchor:
            self.refuse(line, f"an anchor (&name) is not read here; {way_out}")
        elif event.tag is not None:
            self.refuse(line, f"a tag (!name) is not read here; {way_out}")

    def _list(self, path: Path, _start: Any) -> list[object]:
        items: list[object] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node((*path, len(items)), event))
        return items

    def _mapping(self, path: Path, _start: Any) -> dict[str, object]:
        found: dict[str, object] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(path, event, found)
            found[key] = self._node((*path, key), next(self._events))
        return found

    def _key(self, path: Path, event: Any, found: Mapping[str, object]) -> str:
        line = self._line(event)
        if not isinstance(event, yaml.ScalarEvent):
            self._node((*path, ""), event)
            self.refuse(line, "a key must be a word, not a list or a mapping")
            return ""
        self._refuse_extras(event, line)
        key = str(event.value)
        if key in found:
            first = self.lines[(*path, key)]
            self.refuse(line, f"key {quoted(key)} is written twice (first on line {first})")
        self.lines.setdefault((*path, key), line)
        return key

    def _scalar(self, path: Path, event: Any) -> object:
        self.scalars[path] = Scalar(event.value, event.style or "")
        tag: str = self._scalars.resolve(yaml.ScalarNode, event.value, event.implicit)
        if tag not in _NOT_TEXT:
            return event.value
        try:
            return self._scalars.construct_object(yaml.ScalarNode(tag, event.value))
        except ValueError:  # such as `._`, which the pattern of a number lets through
            return event.value
