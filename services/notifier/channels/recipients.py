"""Who has a mail, who does not yet, and who never will. PURE.

A server may accept a mail for some recipients and refuse it for others. Those it accepted
have it, so a repeat goes only to the rest. A recipient refused for good makes the delivery
a failed one, however many others have it: somebody did not get the alert, and an operator
must see that. What is known is kept with the delivery as its progress, and outlives restarts.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any, assert_never

from services.notifier.outcome import Delivered, GaveUp, Outcome, Reason, TryLater, Unwanted


@dataclass(slots=True)
class Recipients:
    """The recipients of one delivery; what was said of those refused, and who was tried last."""

    everybody: tuple[str, ...]
    reached: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)
    waiting: dict[str, TryLater] = field(default_factory=dict)
    _tried_before: list[str] = field(default_factory=list)
    _receipts: list[str] = field(default_factory=list)
    _too_large: bool = False

    def left(self) -> list[str]:
        """Who is to be tried: first those who were not, so that no one holds up the others."""
        left = [r for r in self.everybody if r not in self.reached | self.refused.keys()]
        return sorted(left, key=lambda r: r in self._tried_before)

    def note(self, recipient: str, outcome: Outcome) -> None:
        """Take in how the mail to a recipient fared."""
        match outcome:
            case Delivered(receipt):
                self.reached.add(recipient)
                self._receipts.append(receipt)
            case GaveUp(reason, said):
                self.refused[recipient] = said
                self._too_large = self._too_large or reason is Reason.INVALID_MESSAGE
            case TryLater():
                self.waiting[recipient] = outcome
            case Unwanted():
                pass
            case _:
                assert_never(outcome)

    def outcome(self) -> Outcome:
        """How the attempt ended, where every recipient was tried."""
        if self.waiting:
            return self._later()
        if self.refused:
            said = "; ".join(f"{who}: {said}" for who, said in self.refused.items())
            reason = Reason.INVALID_MESSAGE if self._too_large else Reason.REFUSED
            # Sent again by hand, it is sent because that was mended.
            return GaveUp(reason, f"{self._have_it()}; refused for {said}", self._progress({}))
        return Delivered("; ".join(self._receipts) or self._have_it())

    def broken_off(self, by: TryLater, at: str | None = None) -> Outcome:
        """How the attempt ended, where something ended it for everybody who is left."""
        if at is not None:
            self.waiting[at] = by
        return replace(
            by,
            detail=f"{self._have_it()}; {by.detail}" if self.reached else by.detail,
            uncertain=by.uncertain or self._is_uncertain(),
            progress=self._progress(self.refused),
        )

    def _later(self) -> TryLater:
        said = "; ".join(f"{who}: {later.detail}" for who, later in self.waiting.items())
        return TryLater(
            next(iter(self.waiting.values())).reason,
            None,
            f"{self._have_it()}; not yet {said}",
            uncertain=self._is_uncertain(),
            progress=self._progress(self.refused),
        )

    def _is_uncertain(self) -> bool:
        return any(later.uncertain for later in self.waiting.values())

    def _have_it(self) -> str:
        return f"{len(self.reached)} of {len(self.everybody)} recipients have it"

    def _progress(self, refused: dict[str, str]) -> str | None:
        if not self.reached and not refused and len(self.everybody) == 1:
            return None
        tried = [*self._tried_before, *(r for r in self.waiting if r not in self._tried_before)]
        known = {"reached": sorted(self.reached), "refused": refused, "tried": tried}
        return json.dumps(known, ensure_ascii=False)


def recipients_of(
    everybody: Collection[str], left_out: Collection[str], progress: str | None
) -> Recipients:
    """The recipients of a delivery, with what its last attempt accomplished.

    `left_out` has addresses in lower case. Whoever is written no longer is forgotten.
    """
    wanted = tuple(r for r in dict.fromkeys(everybody) if r.lower() not in left_out)
    known = _known(progress)
    return Recipients(
        wanted,
        reached=set(known.get("reached", ())).intersection(wanted),
        refused={r: said for r, said in known.get("refused", {}).items() if r in wanted},
        _tried_before=[r for r in known.get("tried", ()) if r in wanted],
    )


def _known(progress: str | None) -> dict[str, Any]:
    try:
        known = json.loads(progress or "{}")
    except ValueError:  # of a channel that was another kind before
        return {}
    return known if isinstance(known, dict) else {}
