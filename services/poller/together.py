"""Questions to the database that come while others are answered are answered together.

Decides who waits for whom; what is asked and how it is answered is the callers' business. A
busy poller has a dozen polls at the same point: one transaction for all of them costs little
more than one for the first (bench/poll), and a poll that is alone does not wait.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from services.runtime.dependency import DependencyUnavailableError

_Asked = TypeVar("_Asked")
_Answer = TypeVar("_Answer")


class Together(Generic[_Asked, _Answer]):
    """Has `answer` called with at most `most` questions, in the order in which they came.

    `answer` gives an answer for each, in their order. When it raises, all fail; but where not
    the database is to blame, each is asked by itself, so that one fails no other.
    """

    def __init__(
        self,
        answer: Callable[[Sequence[_Asked]], Awaitable[Sequence[_Answer]]],
        most: int,
    ) -> None:
        self._answer = answer
        self._most = most
        self._waiting: deque[tuple[_Asked, asyncio.Future[_Answer]]] = deque()
        self._work: asyncio.Task[None] | None = None

    async def ask(self, question: _Asked) -> _Answer:
        """The answer. Raises what `answer` raises.

        Nobody asks for one that is cancelled while it waits.
        """
        future: asyncio.Future[_Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, future))
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._answer_all())
        return await future

    async def end(self) -> None:
        """Answer nothing more; nobody waits for it."""
        if self._work is not None:
            self._work.cancel()
            await asyncio.wait([self._work])

    async def _answer_all(self) -> None:
        while asked := self._next():
            await self._answer_some(asked)

    def _next(self) -> list[tuple[_Asked, asyncio.Future[_Answer]]]:
        asked: list[tuple[_Asked, asyncio.Future[_Answer]]] = []
        while self._waiting and len(asked) < self._most:
            question, future = self._waiting.popleft()
            if not future.done():
                asked.append((question, future))
        return asked

    async def _answer_some(self, asked: Sequence[tuple[_Asked, asyncio.Future[_Answer]]]) -> None:
        try:
            answers = await self._answer([question for question, _ in asked])
        except DependencyUnavailableError as error:
            _fail(asked, error)
        except Exception as error:
            if len(asked) == 1:
                _fail(asked, error)
                return
            for one in asked:
                await self._answer_some([one])
        except asyncio.CancelledError:
            for _, future in asked:
                future.cancel()
            raise
        else:
            for (_, future), answer in zip(asked, answers, strict=True):
                if not future.done():
                    future.set_result(answer)


def _fail(asked: Sequence[tuple[object, asyncio.Future[_Answer]]], error: Exception) -> None:
    for _, future in asked:
        if not future.done():
            future.set_exception(error)
