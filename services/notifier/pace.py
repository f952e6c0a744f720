"""How many attempts a channel bears at a time, and when it wants none. PURE.

A channel that says it is asked too much rests as long as it says, and is then asked carefully:
one attempt, and one more at a time with each that succeeds.
"""

from dataclasses import dataclass
from datetime import datetime

from services.notifier.steps import Again, Done, Held, Step

# Slack wants a message a second and says 429 beyond; mail servers bear a few connections of one
# client (Postfix: 50, many providers: 10); a terminal prints one after the other.
AT_ONCE = {"console": 1, "slack": 4, "email": 8, "webhook": 8, "apprise": 4}


@dataclass(slots=True)
class Pace:
    """The pace of one channel; `most` attempts at a time at best."""

    most: int
    width: int = 0
    rests_until: datetime | None = None
    refused: bool = False  # its credentials are, and that is not recorded yet

    def __post_init__(self) -> None:
        self.width = self.most

    def note(self, step: Step) -> None:
        """An attempt has ended."""
        match step:
            case Done():
                self.width = min(self.most, self.width + 1)
            case Held():
                self.refused = True
            case Again(channel_rests=datetime() as until):
                self.width = 1
                self.rests_until = max(until, self.rests_until or until)
            case _:
                pass

    def recorded(self) -> None:
        """What has ended is recorded: nobody is given a row of a channel that is suspended."""
        self.refused = False

    def allowed(self, now: datetime) -> int:
        """How many attempts may be under way now."""
        resting = self.rests_until is not None and now < self.rests_until
        return 0 if resting or self.refused else self.width
