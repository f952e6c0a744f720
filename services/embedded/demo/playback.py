"""Playing a script: the archive at once, the timeline by its clock, then the pool for ever.

Decides when the next piece comes out. The clock of the timeline starts when every feed of
the script has been fetched once, so that nothing is new before the reader saw what was old.
"""

import asyncio
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from services.embedded.demo.desk import entry_of
from services.embedded.demo.house import House
from services.embedded.demo.piece import issue
from services.embedded.demo.script import Cue, Script


@dataclass(frozen=True, slots=True)
class Tempo:
    """How to play: `speed` divides all times of the script; `once` ends with the timeline."""

    speed: float = 1
    once: bool = False


def lay_out(house: House) -> None:
    """Open the script's outlets and fill their feeds with the archive, oldest first."""
    now = house.clock()
    for outlet in house.script.outlets:
        house.desk.open(outlet, now)
    for cue in sorted(house.script.archive, key=lambda cue: -cue.when):
        then = now - timedelta(hours=cue.when)
        outlet = house.desk.shelf(cue.outlet_id).outlet
        entry = entry_of(outlet, cue.slug, cue.piece, then)
        house.desk.publish(replace(entry, archived=True), now)


async def play(house: House, tempo: Tempo) -> None:
    """Publish the timeline and, unless `once`, the pool; only a script without one returns."""
    house.note_first_round()
    await house.first_round.wait()
    await _play_timeline(house, tempo)
    house.script_done = True
    if tempo.once:
        return
    for seconds, cue in rotation(house.script):
        await asyncio.sleep(seconds / tempo.speed)
        _publish(house, cue)


async def _play_timeline(house: House, tempo: Tempo) -> None:
    loop = asyncio.get_running_loop()
    start = loop.time()
    for cue in house.script.timeline:
        await asyncio.sleep(start + cue.when / tempo.speed - loop.time())
        _publish(house, cue)


def _publish(house: House, cue: Cue) -> None:
    now = house.clock()
    outlet = house.desk.shelf(cue.outlet_id).outlet
    house.desk.publish(entry_of(outlet, cue.slug, cue.piece, now), now)


def rotation(script: Script) -> Iterator[tuple[float, Cue]]:
    """The pool over and over, each round a new issue; with the seconds to wait before each."""
    low, high = script.pool_seconds
    for count in itertools.count() if script.pool else ():
        number, place = divmod(count, len(script.pool))
        cue = script.pool[place]
        # Eleven waits in an order that looks irregular, and is the same in every run.
        seconds = low + (high - low) * (count * 7 % 11) / 10
        new = replace(cue, slug=f"{cue.slug}-{number + 1}", piece=issue(cue.piece, number + 1))
        yield seconds, new
