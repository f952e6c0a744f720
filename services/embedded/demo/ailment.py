"""What can be wrong with a server: a closed set, each bounded in time and size.

How an ailment shows in an answer is `trouble`'s business.
"""

from enum import StrEnum

from pydantic import Field

from schemas.folder import Written

LONGEST_SECONDS = 60.0
LARGEST_BYTES = 60_000_000


class Mode(StrEnum):
    """What is wrong."""

    OK = "ok"
    DOWN = "down"  # the connection ends without an answer
    SLOW = "slow"  # the answer is right and comes late
    HUGE = "huge"  # the answer does not end
    NOT_A_FEED = "not_a_feed"  # a consent page with status 200
    ERROR = "500"
    DRIP = "drip"  # a byte now and then


class Ailment(Written):
    """A mode, and after how long a slow answer comes or an endless one is cut off."""

    mode: Mode = Mode.OK
    seconds: float = Field(default=LONGEST_SECONDS, gt=0, le=LONGEST_SECONDS)
