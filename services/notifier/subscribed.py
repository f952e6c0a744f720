"""The subscriptions in force, as the database has them: read anew when something was applied.

Of one that cannot be read nobody knows what it asks for, so nobody goes on without it: whoever
needs it waits, visibly, and no record is blamed for it.
"""

from collections.abc import Mapping, Sequence

from pydantic import TypeAdapter, ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.folder import SubscriptionSpec
from services.runtime.dependency import DependencyUnavailableError
from services.store import written
from services.store.written import Kind, StoredItem

_SUBSCRIPTION = TypeAdapter(SubscriptionSpec)


class UnreadableSubscriptionError(DependencyUnavailableError):
    """A stored subscription is none that this version knows; it is to be applied anew."""


class Subscribed:
    """Remembers the subscriptions of the generation that it saw last."""

    def __init__(self) -> None:
        self._seen: tuple[int, Sequence[SubscriptionSpec]] = (0, ())

    async def current(self, tx: AsyncConnection) -> Sequence[SubscriptionSpec]:
        """All subscriptions, as of this transaction."""
        generation = await written.counter(tx, written.GENERATION)
        if generation != self._seen[0]:
            stored = await written.items(tx, Kind.SUBSCRIPTIONS)
            self._seen = (generation, _read(stored))
        return self._seen[1]

    async def to_alerts(self, tx: AsyncConnection, subscription_id: str) -> SubscriptionSpec | None:
        """The subscription of that id, if there is one and it is for alerts."""
        found = (s for s in await self.current(tx) if s.id == subscription_id)
        return next((s for s in found if s.kind == "alerts"), None)


def _read(stored: Mapping[str, StoredItem]) -> Sequence[SubscriptionSpec]:
    specs = []
    for subscription_id, item in stored.items():
        try:
            specs.append(_SUBSCRIPTION.validate_python(dict(item.spec)))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "it"
            raise UnreadableSubscriptionError(
                f"the stored subscription {subscription_id} cannot be read ({where}: "
                f"{first['msg']}); was it written by a later version? Run that version, or apply "
                "the subscription anew"
            ) from error
    return specs
