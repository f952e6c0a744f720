"""The deadline of an exchange: like `asyncio.timeout`, but it can stand still."""

import asyncio

import pytest

from services.poller.deadline import Deadline, deadline_of_task
from tests.servers.patience import until

SOON = 0.05
NEVER = 3600.0


async def test_what_takes_too_long_is_a_timeout() -> None:
    with pytest.raises(TimeoutError):
        async with Deadline(SOON):
            await asyncio.Event().wait()


async def test_what_is_in_time_is_left_alone_and_so_is_what_follows() -> None:
    async with Deadline(SOON):
        pass
    with pytest.raises(TimeoutError):  # a later one has run out: the first did nothing
        async with Deadline(SOON):
            await asyncio.Event().wait()


async def test_each_of_many_has_a_time_of_its_own() -> None:
    waits = asyncio.Event()

    async def work(seconds: float) -> str:
        try:
            async with Deadline(seconds):
                await waits.wait()
        except TimeoutError:
            return "too late"
        return "done"

    patient, hasty = asyncio.create_task(work(NEVER)), asyncio.create_task(work(SOON))
    assert await hasty == "too late"
    waits.set()
    assert await patient == "done"


async def test_it_stands_still_while_the_request_waits_for_a_connection() -> None:
    async def queued() -> None:
        async with Deadline(SOON):
            deadline = deadline_of_task()
            assert deadline is not None
            deadline.stop()
            with pytest.raises(TimeoutError):  # another one, begun later, runs out meanwhile
                async with Deadline(SOON):
                    await asyncio.Event().wait()
            deadline.go_on()
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await queued()


async def test_a_task_that_is_cancelled_is_cancelled_and_not_late() -> None:
    begun = asyncio.Event()

    async def work() -> None:
        async with Deadline(NEVER):
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_errors_pass_through() -> None:
    with pytest.raises(ValueError, match="as it was"):
        async with Deadline(NEVER):
            raise ValueError("as it was")


async def test_nothing_is_looked_at_when_nothing_is_under_way() -> None:
    def timers() -> int:
        scheduled = getattr(asyncio.get_running_loop(), "_scheduled")  # noqa: B009
        return sum("_look" in repr(handle) for handle in scheduled if not handle.cancelled())

    async with Deadline(NEVER):
        assert timers() == 1
        async with Deadline(NEVER):
            assert timers() == 1

    async def none_is_left() -> bool:
        return timers() == 0

    await until(none_is_left, "the last look")
