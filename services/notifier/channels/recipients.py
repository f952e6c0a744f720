"""Who has a mail, who does not yet, and who never will. PURE, but for remembering.

A server may accept a mail for some recipients and refuse it for others. Those it accepted
have it, so a repeat goes only to the rest. A recipient refused for good makes the delivery
a failed one, however many others have it: somebody did not get the alert, and an operator
must see that.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from services.notifier.channels.smtp_answers import is_lasting
from services.notifier.outcome import Delivered, GaveUp, Outcome, Reason, TryLater

Answer = tuple[int, str]

MOST_REMEMBERED = 1000
"""Deliveries with only some recipients reached; far more than are under way at a time."""


@dataclass(slots=True)
class Recipients:
    """The recipients of one delivery."""

    everybody: tuple[str, ...]
    reached: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)

    def left(self) -> list[str]:
        """Who is to be tried."""
        return [r for r in self.everybody if r not in self.reached | self.refused.keys()]

    def note(self, tried: Iterable[str], answers: Mapping[str, Answer], receipt: str) -> Outcome:
        """Take in an attempt: of those `tried`, the ones without an answer have the mail."""
        waiting = []
        for recipient in tried:
            answer = answers.get(recipient)
            if answer is None:
                self.reached.add(recipient)
            elif is_lasting(answer[0]):
                self.refused[recipient] = f"{answer[0]} {answer[1]}"
            else:
                waiting.append(f"{recipient}: {answer[0]} {answer[1]}")
        return self._outcome(waiting, receipt)

    def _outcome(self, waiting: list[str], receipt: str) -> Outcome:
        have_it = f"{len(self.reached)} of {len(self.everybody)} recipients have it"
        if waiting:
            told = f"{have_it}; not yet {'; '.join(waiting)}"
            return TryLater(Reason.SERVER_ERROR, None, told)
        if self.refused:
            refused = "; ".join(f"{who}: {said}" for who, said in self.refused.items())
            return GaveUp(Reason.REFUSED, f"{have_it}; refused for {refused}")
        return Delivered(receipt)


class Memory:
    """The deliveries that reached some recipients and are not done."""

    def __init__(self) -> None:
        self._known: dict[str, Recipients] = {}

    def of(self, delivery_id: str, everybody: tuple[str, ...]) -> Recipients:
        """What is known of a delivery."""
        return self._known.get(delivery_id) or Recipients(everybody)

    def keep(self, delivery_id: str, recipients: Recipients, outcome: Outcome) -> None:
        """Remember who has it, unless the delivery is done; the oldest are forgotten."""
        self._known.pop(delivery_id, None)
        if isinstance(outcome, Delivered) or not recipients.reached:
            return
        if isinstance(outcome, GaveUp):
            recipients.refused.clear()  # sent again by hand, it is sent because that was mended
        self._known[delivery_id] = recipients
        while len(self._known) > MOST_REMEMBERED:
            del self._known[next(iter(self._known))]
