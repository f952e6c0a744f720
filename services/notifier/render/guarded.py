"""What becomes of a renderer's bug: an error of its own, so that nobody takes it for an outage."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class CannotRenderError(Exception):
    """A message cannot be shown; nothing of it was sent. The text names the error's kind only."""


def guarded(render: Callable[P, T]) -> Callable[P, T]:
    """The same renderer, which raises nothing but CannotRenderError."""

    @wraps(render)
    def rendered(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return render(*args, **kwargs)
        except Exception as error:
            raise CannotRenderError(type(error).__name__) from error

    return rendered
