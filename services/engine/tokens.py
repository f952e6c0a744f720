"""Splits a rule into tokens: operators, brackets, fields, quoted and bare words.

Decides what each character sequence is. What may stand where is the parser's business,
what a word's letters mean is `terms`'.
"""

import re
from enum import Enum, auto
from typing import NamedTuple, NoReturn

from services.engine.characters import IGNORABLE, is_hebrew_letter, is_mark
from services.engine.errors import RuleError, shortened
from services.engine.query import MetaField, TextField


class Kind(Enum):
    """What a token is."""

    __hash__ = object.__hash__  # an enum's own takes Python code, and kinds are looked up a lot

    OPEN = auto()
    CLOSE = auto()
    AND = auto()
    OR = auto()
    NOT = auto()
    NEAR = auto()
    ATLEAST = auto()
    PLUS = auto()
    MINUS = auto()
    FIELD = auto()
    META = auto()
    EXACT = auto()
    LIST = auto()
    WORD = auto()
    PHRASE = auto()
    VALUE = auto()
    END = auto()


class Token(NamedTuple):
    """A token at `[start, end)`; `text` is the operator, name, word or quoted content.

    `inside` is where `text` begins in the rule.
    """

    kind: Kind
    start: int
    end: int
    text: str = ""
    inside: int = 0

    @property
    def name(self) -> str:
        """The text as a message names it."""
        return shortened(self.text)


_ASCII_FORMS = str.maketrans("（）｜：", "()|:")
_DASHES = frozenset("-‐‑‒–—―−﹘﹣－")
_PLUSES = frozenset("+﹢＋")
# Which quotes close the one that opened: German „…“, Swedish ”…”, Danish »…«; a straight
# and a curly one meet where an editor corrected only one of them.
_CLOSES = {
    '"': '"＂”',
    "＂": '"＂”',
    "“": '”"＂',
    "”": '”"＂',
    "„": '“”"＂',
    "«": "»",
    "»": "«»",
    "「": "」",
    "」": "」",
}
_FIELD = re.compile(r"([^\W\d_]+):")
# Invisible characters around words and operators, as copying from a right-to-left page
# leaves them: they must not make AND a word, or keep a minus from excluding.
_LOOSE = re.compile(
    rf"(?<![^\s()|]){IGNORABLE.pattern}++|(?<!{IGNORABLE.pattern}){IGNORABLE.pattern}++(?![^\s()|])"
)
_INVISIBLE = re.compile(f"{IGNORABLE.pattern}++")
_OPERATOR = re.compile(r"(AND|OR|NOT)|(O?NEAR)(?:/.*)?|(ATLEAST)(?:/.*)?", re.DOTALL)
_KINDS = {kind.name: kind for kind in (Kind.AND, Kind.OR, Kind.NOT, Kind.ATLEAST)}
_EXACT = "exact"
# Only what stands by itself; everything else is looked at character by character.
_COMMON = re.compile(
    r"""\s*(?:((?!O?NEAR\b|ATLEAST\b)[A-Za-z0-9]+)"""
    r"""|("[A-Za-z0-9 ]*[A-Za-z0-9][A-Za-z0-9 ]*"))(?=[\s)]|\Z)"""
)


def tokens_of(query: str) -> list[Token]:
    """The tokens of a rule, END last; raises RuleError."""
    return _Lexer(query).run()


class _Lexer:
    def __init__(self, query: str) -> None:
        self.query = query
        self.text = query
        if not query.isascii():  # where there is nothing invisible, and no other form
            self.text = _LOOSE.sub(_blanks, query.translate(_ASCII_FORMS))
        self.place = 0
        self.tokens: list[Token] = []

    def run(self) -> list[Token]:
        while True:
            self._common()
            if not self._skip_white_space():
                break
            self._next()
        self.tokens.append(Token(Kind.END, self.place, self.place))
        return self.tokens

    def _common(self) -> None:
        """What most of a rule is: words and phrases of ASCII letters and digits, AND and OR."""
        text, tokens = self.text, self.tokens
        while found := _COMMON.match(text, self.place):
            word = found[1]
            if word is not None:
                start, end = found.span(1)
                tokens.append(Token(_KINDS.get(word, Kind.WORD), start, end, word, start))
            else:
                start, end = found.span(2)
                tokens.append(Token(Kind.PHRASE, start, end, text[start + 1 : end - 1], start + 1))
            self.place = end

    def _fail(self, message: str, offset: int) -> NoReturn:
        raise RuleError(message, offset, self.query)

    def _skip_white_space(self) -> bool:
        while self.place < len(self.text) and self.text[self.place].isspace():
            self.place += 1
        self.place = self._behind_invisible(self.place)
        return self.place < len(self.text)

    def _behind_invisible(self, place: int) -> int:
        """Where something to be seen stands, between a sign or a colon and its term, say."""
        invisible = _INVISIBLE.match(self.text, place)
        return invisible.end() if invisible else place

    def _visible_at(self, place: int) -> str:
        place = self._behind_invisible(place)
        return self.text[place : place + 1]

    def _add(self, kind: Kind, end: int, text: str = "", inside: int = 0) -> None:
        self.tokens.append(Token(kind, self.place, end, text, inside))
        self.place = end

    def _next(self) -> None:
        char = self.text[self.place]
        if char in "()|":
            kind = {"(": Kind.OPEN, ")": Kind.CLOSE, "|": Kind.OR}[char]
            self._add(kind, self.place + 1, char)
        elif self._at_quote(self.place):
            self._quoted(Kind.PHRASE)
        elif self._at_sign():
            self._sign()
        elif field := _FIELD.match(self.text, self.place):
            self._field(field)
        elif char == "@":
            name = self._behind_invisible(self.place + 1)
            self._add(Kind.LIST, self._end_of_word(), self.query[name : self._end_of_word()])
        else:
            self._word()

    def _at_quote(self, place: int) -> bool:
        """A quote, unless it stands between two Hebrew letters, where it is gershayim."""
        if self.text[place] not in _CLOSES:
            return False
        return not (self.text[place] in '"＂' and self._is_gershayim(place))

    def _is_gershayim(self, place: int) -> bool:
        after = self._visible_at(place + 1)
        if after == "" or not is_hebrew_letter(after):
            return False
        before = place - 1
        while before > 0 and (is_mark(self.text[before]) or IGNORABLE.match(self.text[before])):
            before -= 1
        return before >= 0 and is_hebrew_letter(self.text[before])

    def _quoted(self, kind: Kind) -> None:
        closers = _CLOSES[self.text[self.place]]
        start = self.place + 1
        end = start
        while end < len(self.text) and not (self.text[end] in closers and self._at_quote(end)):
            end += 1
        if end == len(self.text):
            self._fail("this quote is never closed", self.place)
        self._add(kind, end + 1, self.query[start:end], start)

    def _at_sign(self) -> bool:
        if self.text[self.place] not in _DASHES | _PLUSES:
            return False
        before = self.text[self.place - 1 : self.place]
        return before in ("", "(") or before.isspace()

    def _sign(self) -> None:
        char = self.text[self.place]
        following = self._visible_at(self.place + 1)
        is_lone = following == "" or following.isspace() or following in ")|"
        if is_lone or following in _DASHES | _PLUSES or self._at_operator(self.place + 1):
            self._fail(
                f"a lone {char} means nothing; write it directly before a word, as in {char}Syria, "
                "or leave it out",
                self.place,
            )
        kind = Kind.PLUS if char in _PLUSES else Kind.MINUS
        self._add(kind, self.place + 1, char)

    def _at_operator(self, place: int) -> bool:
        """Whether an operator that is no beginning of a term stands here."""
        operator = _OPERATOR.fullmatch(self.text[place : self._end_of_word(place)])
        return operator is not None and operator[3] is None

    def _end_of_word(self, start: int | None = None) -> int:
        end = self.place if start is None else start
        while end < len(self.text) and not self._ends_word(end):
            end += 1
        return end

    def _ends_word(self, place: int) -> bool:
        char = self.text[place]
        return char.isspace() or char in "()|" or self._at_quote(place)

    def _word(self) -> None:
        end = self._end_of_word()
        word = self.query[self.place : end]
        operator = _OPERATOR.fullmatch(word)
        kind = _operator_kind(operator) if operator else Kind.WORD
        self._add(kind, end, word, self.place)

    def _field(self, field: re.Match[str]) -> None:
        name = field[1].casefold()
        if name not in {_EXACT, *TextField, *MetaField}:
            self._fail(self._unknown_field(field[1]), self.place)
        value = self._behind_invisible(field.end())
        following = self.text[value : value + 1]
        if following == "" or following.isspace() or following in ")|":
            self._fail(
                f"{field[0]} needs a value directly after the colon, as in {name}:Syria",
                self.place,
            )
        if name in set(MetaField):
            self._add(Kind.META, value, name)
            self._values()
        else:
            self._add(Kind.EXACT if name == _EXACT else Kind.FIELD, value, name)

    def _unknown_field(self, name: str) -> str:
        known = ", ".join([*TextField, *MetaField, _EXACT])
        return (
            f'there is no field "{shortened(name)}"; the fields are {known}. '
            "To search for a text with a colon, put it in quotes"
        )

    def _values(self) -> None:
        if self.text[self.place] == "(":
            self._bracketed_values()
        else:
            self._value("()")

    def _bracketed_values(self) -> None:
        opened = self.place
        self._add(Kind.OPEN, opened + 1, "(")
        while self._skip_white_space() and self.text[self.place] != ")":
            if self.text[self.place] == "(":
                self._fail("a bracket inside the values of a field", self.place)
            elif self.text[self.place] == "|":
                self._add(Kind.OR, self.place + 1, "|")
            else:
                self._value("()|")
        if self.place == len(self.text):
            self._fail("this bracket is never closed", opened)
        self._add(Kind.CLOSE, self.place + 1, ")")

    def _value(self, stops: str) -> None:
        if self._at_quote(self.place):
            self._quoted(Kind.VALUE)
            return
        end = self.place
        while end < len(self.text) and not self.text[end].isspace() and self.text[end] not in stops:
            end += 1
        word = self.query[self.place : end]
        is_or = word == "OR" and ")" in stops and "|" in stops
        self._add(Kind.OR if is_or else Kind.VALUE, end, word, self.place)


def _blanks(match: re.Match[str]) -> str:
    return " " * len(match.group())


def _operator_kind(operator: re.Match[str]) -> Kind:
    if operator[2]:
        return Kind.NEAR
    return _KINDS[operator[1] or operator[3]]
