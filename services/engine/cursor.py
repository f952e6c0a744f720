"""Walks over the tokens of a rule, for the parser."""

from typing import NoReturn

from services.engine.errors import RuleError
from services.engine.query import Span
from services.engine.tokens import Kind, Token, tokens_of


class Cursor:
    """A place among the tokens of one rule; END is never passed."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._tokens = tokens_of(text)
        self._index = 0

    @property
    def now(self) -> Token:
        """The token to be read next."""
        return self._tokens[self._index]

    @property
    def start(self) -> int:
        """Where the token to be read next begins."""
        return self.now.start

    @property
    def before(self) -> Token | None:
        """The token read before the last one."""
        return self._tokens[self._index - 2] if self._index > 1 else None

    def at(self, *kinds: Kind) -> bool:
        """Whether the next token is one of these."""
        return self.now.kind in kinds

    def is_single(self, ends: frozenset[Kind]) -> bool:
        """Whether the next token is a word or phrase with one of `ends` right behind it."""
        kind = self._tokens[self._index].kind
        if kind is not Kind.WORD and kind is not Kind.PHRASE:
            return False
        return self._tokens[self._index + 1].kind in ends

    def at_not_near(self) -> bool:
        """Whether NOT NEAR stands here: two tokens, one operator."""
        return self.at(Kind.NOT) and self._tokens[self._index + 1].kind is Kind.NEAR

    def take(self) -> Token:
        """Read a token."""
        token = self.now
        self._index += 1
        return token

    def since(self, start: int) -> Span:
        """From `start` to the end of the last token read."""
        return Span(start, self._tokens[self._index - 1].end)

    def fail(self, message: str, offset: int) -> NoReturn:
        """Refuse the rule."""
        raise RuleError(message, offset, self.text)
