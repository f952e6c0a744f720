"""Questions that come while others are answered are answered together, each for itself."""

import asyncio
from collections.abc import Sequence

import pytest

from services.poller.together import Together
from services.runtime.dependency import DependencyUnavailableError


class Desk:
    """Doubles numbers; does not know 13, and is `away` at times."""

    def __init__(self) -> None:
        self.asked: list[Sequence[int]] = []
        self.away = False
        self.open = asyncio.Event()
        self.open.set()
        self.together = Together(self.answer, 3)

    async def answer(self, numbers: Sequence[int]) -> Sequence[int]:
        self.asked.append(list(numbers))
        await self.open.wait()
        if self.away:
            raise DependencyUnavailableError("away")
        if 13 in numbers:
            raise ValueError("13")
        return [2 * number for number in numbers]

    async def begin(self, *numbers: int) -> list[asyncio.Task[int]]:
        """Ask, and let the questions come in."""
        tasks = [asyncio.create_task(self.together.ask(number)) for number in numbers]
        await asyncio.sleep(0)
        return tasks


async def test_one_alone_is_answered_at_once_and_those_that_come_meanwhile_together() -> None:
    desk = Desk()
    desk.open.clear()
    first = await desk.begin(1)
    await asyncio.sleep(0)
    others = await desk.begin(2, 3, 4, 5)
    desk.open.set()
    assert await asyncio.gather(*first, *others) == [2, 4, 6, 8, 10]
    assert desk.asked == [[1], [2, 3, 4], [5]]


async def test_a_question_without_an_answer_fails_no_other() -> None:
    desk = Desk()
    answers = await asyncio.gather(*await desk.begin(12, 13, 14), return_exceptions=True)
    assert [a for a in answers if isinstance(a, int)] == [24, 28]
    assert isinstance(answers[1], ValueError)


async def test_while_the_database_is_away_all_fail_and_none_is_asked_again() -> None:
    desk = Desk()
    desk.away = True
    answers = await asyncio.gather(*await desk.begin(1, 2), return_exceptions=True)
    assert all(isinstance(answer, DependencyUnavailableError) for answer in answers)
    assert desk.asked == [[1, 2]]


async def test_who_gives_up_while_waiting_is_not_asked_for() -> None:
    desk = Desk()
    desk.open.clear()
    first = await desk.begin(1)
    await asyncio.sleep(0)
    (second, third) = await desk.begin(2, 3)
    second.cancel()
    desk.open.set()
    assert await asyncio.gather(*first, third) == [2, 6]
    assert desk.asked == [[1], [3]]
    with pytest.raises(asyncio.CancelledError):
        await second
