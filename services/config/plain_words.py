"""Why an item does not fit its model, in words for the person who wrote it.

Decides the message and the key for every complaint of pydantic. Values are repeated only
where a near miss helps (a severity, a type); never below a secret, never a URL.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from schemas.folder import SecretRef
from services.config.wording import did_you_mean, listed, nearest, quoted
from services.config.yaml_lines import Located, Path

USE_A_REFERENCE = "put the secret in a variable and write {env: NAME}, or in a file: {file: PATH}"
_KINDS_OF_VALUE = {dict: "keys and values", list: "a list", str: "text", bool: "yes or no"}


@dataclass(frozen=True, slots=True)
class Mistake:
    """A message and the place it is about, as a path inside the item."""

    path: Path
    message: str


def mistakes_in(model: type[BaseModel], item: Located, error: ValidationError) -> list[Mistake]:
    """Everything `error` says about `item.value`, which did not become a `model`."""
    complaints = [_Complaint(model, item, _path(each["loc"]), each) for each in _relevant(error)]
    meant = {path for complaint in complaints for path in complaint.meant()}
    return [
        Mistake(complaint.path, complaint.message())
        for complaint in complaints
        if not (complaint.kind == "missing" and complaint.path in meant)
    ]


def unknown_word(name: str, word: str, known: Sequence[str]) -> str:
    """`unknown severity "hgih"; did you mean "high"? It is one of low, normal and high`."""
    near = did_you_mean(word, known)
    return f"unknown {name} {quoted(word)}{near or ';'} use {listed(known, 'or')}"


def _relevant(error: ValidationError) -> Iterator[Mapping[str, Any]]:
    """Each complaint but the echoes of others.

    `rules: all | {…}` complains twice about one value, and a list whose items are wrong
    also counts as too short.
    """
    for each in error.errors(include_url=False):
        is_other_member = any(str(part).startswith("literal[") for part in each["loc"])
        is_filled = each["type"] == "too_short" and bool(each["input"])
        if not (is_other_member or is_filled):
            yield {**each}


def _path(loc: tuple[int | str, ...]) -> Path:
    """The place in the file: without the member of a union that pydantic puts into it."""
    member = {"headers": 2, "proxy": 1, "url": 1}.get(str(loc[0]) if loc else "")
    return tuple(
        part
        for n, part in enumerate(loc)
        if not (
            (n == 1 and part == "RuleSelection")
            or (n == 1 and loc[0] == "mode" and part in {"instant", "batch", "digest"})
            or (n == member and part in {"text", "reference", "[key]"})
            or (n == 2 and part == "[key]")
        )
    )


@dataclass(frozen=True, slots=True)
class _Complaint:
    """One of pydantic's errors beside the item it is about."""

    model: type[BaseModel]
    item: Located
    path: Path
    error: Mapping[str, Any]

    @property
    def kind(self) -> str:
        return str(self.error["type"])

    @property
    def value(self) -> object:
        return self.error["input"]

    def meant(self) -> Iterator[Path]:
        """The key that an unknown one was probably meant to be."""
        if self.kind == "extra_forbidden" and not self._below_secret():
            near = nearest(str(self.path[-1]), _keys(self._parent()))
            if near:
                yield (*self.path[:-1], near)

    def message(self) -> str:
        if self.kind == "extra_forbidden":
            return f"{_named(self.path[:-1])}{self._unknown_key()}"
        if self.kind == "missing":
            return f"{_quoted_path(self.path)} is missing"
        if self.kind in {"literal_error", "enum"} and isinstance(self.value, str):
            return self._unknown_value()
        if self._below_secret() and self.kind == "string_pattern_mismatch":
            return f"{_named(self.path)}not the name of a variable; {USE_A_REFERENCE}"
        return f"{_named(self.path)}{self._rest()}"

    def _rest(self) -> str:
        context = self.error.get("ctx", {})
        if self.kind == "value_error":
            return str(context["error"])
        if self.kind == "model_type":
            return self._wrong_model(str(context["class_name"]))
        if self.kind in _WRONG_TYPE:
            return self._wrong_type()
        limit = _LIMITS.get(self.kind)
        return limit(context) if limit else "this value does not fit here"

    def _wrong_model(self, name: str) -> str:
        if name == SecretRef.__name__:
            return USE_A_REFERENCE
        if name == "RuleSelection":
            return "write all, or which ones: {ids: […]}, {tags: […]} or {severities: […]}"
        if name == "Quiet":
            return "write when they begin and end, as in {from: 22:00, to: 07:00}"
        return f"must be keys and values, as in id: …, not {_kind_of(self.value)}"

    def _wrong_type(self) -> str:
        scalar = self.item.scalar_at(self.path)
        wanted = _WRONG_TYPE[self.kind]
        if self.value is None:
            return "has no value; write one or leave the key out"
        if scalar and wanted == "text":
            return (
                f"YAML reads {scalar.text} as {_yaml_name(self.value)}; write {_safe(scalar.text)}"
            )
        hint = "; put it in quotes" if wanted == "text" else ""
        return f"must be {wanted}, not {_kind_of(self.value)}{hint}"

    def _unknown_key(self) -> str:
        known = _keys(self._parent())
        key = str(self.path[-1])
        if self._below_secret():
            # `{https://hooks…}` makes the secret a key.
            return f"unknown key; {USE_A_REFERENCE}"
        near = did_you_mean(key, known)
        return f"unknown key {quoted(key)}{near or f'; known keys are {listed(known)}'}"

    def _unknown_value(self) -> str:
        words = _words(self._annotation())
        names = [part for part in self.path if isinstance(part, str)]
        name = {"severities": "severity", "days": "day"}.get(names[-1], names[-1])
        return unknown_word(name, str(self.value), words)

    def _parent(self) -> type[BaseModel]:
        return _model_at(self.model, self.path[:-1])

    def _below_secret(self) -> bool:
        return bool(self.path) and issubclass(self._parent(), SecretRef)

    def _annotation(self) -> object:
        names = [part for part in self.path if isinstance(part, str)]
        return _model_at(self.model, tuple(names[:-1])).model_fields[names[-1]].annotation


_WRONG_TYPE = {
    "string_type": "text",
    "literal_error": "text",
    "enum": "text",
    "int_type": "a whole number",
    "bool_type": "yes or no",
    "tuple_type": "a list, as in [iran, oil]",
    "dict_type": "keys and values, as in name: …",
}
_LIMITS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "string_too_short": lambda _: "must not be empty",
    "too_short": lambda _: "must not be empty",
    "string_too_long": lambda limit: f"longer than {limit['max_length']} characters",
    "too_long": lambda limit: f"more than {limit['max_length']}",
    "greater_than_equal": lambda limit: f"must be at least {limit['ge']}",
    "less_than_equal": lambda limit: f"must be at most {limit['le']}",
}


def _quoted_path(path: Path) -> str:
    """`"rules.ids" item 2`."""
    names = ".".join(str(part) for part in path if isinstance(part, str))
    places = "".join(f" item {part + 1}" for part in path if isinstance(part, int))
    return f'"{names}"{places}'


def _named(path: Path) -> str:
    return f"{_quoted_path(path)}: " if path else ""


def _keys(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_at(model: type[BaseModel], path: Path) -> type[BaseModel]:
    """The model whose key the next part of the path would be."""
    for part in path:
        field = model.model_fields.get(str(part))
        inner = [each for each in _flat(field.annotation) if _is_model(each)] if field else []
        model = inner[0] if inner else model
    return model


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _flat(annotation: Any) -> list[Any]:
    """An annotation and all that it is made of."""
    return [annotation, *(each for part in get_args(annotation) for each in _flat(part))]


def _words(annotation: Any) -> list[str]:
    """The words that a Literal or an enumeration allows, also inside a list."""
    found: list[str] = []
    for each in _flat(annotation):
        if isinstance(each, str):
            found.append(str(each))
        elif isinstance(each, type) and hasattr(each, "__members__"):
            found.extend(str(member.value) for member in each.__members__.values())
    return found


def _kind_of(value: object) -> str:
    if value is None:
        return "nothing"
    return _KINDS_OF_VALUE.get(type(value), "a number")


def _yaml_name(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else "a number"


def _safe(text: str) -> str:
    return f'"{text}"'
