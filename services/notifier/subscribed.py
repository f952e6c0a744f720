"""The subscriptions in force, as the database has them: read anew when something was applied."""

from collections.abc import Sequence

from pydantic import TypeAdapter
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.folder import SubscriptionSpec
from services.store import written
from services.store.written import Kind

_SUBSCRIPTION = TypeAdapter(SubscriptionSpec)


class Subscribed:
    """Remembers the subscriptions of the generation that it saw last."""

    def __init__(self) -> None:
        self._seen: tuple[int, Sequence[SubscriptionSpec]] = (0, ())

    async def current(self, tx: AsyncConnection) -> Sequence[SubscriptionSpec]:
        """All subscriptions, as of this transaction."""
        generation = await written.counter(tx, written.GENERATION)
        if generation != self._seen[0]:
            stored = await written.items(tx, Kind.SUBSCRIPTIONS)
            specs = [_SUBSCRIPTION.validate_python(dict(item.spec)) for item in stored.values()]
            self._seen = (generation, specs)
        return self._seen[1]

    async def to_alerts(self, tx: AsyncConnection, subscription_id: str) -> SubscriptionSpec | None:
        """The subscription of that id, if there is one and it is for alerts."""
        found = (s for s in await self.current(tx) if s.id == subscription_id)
        return next((s for s in found if s.kind == "alerts"), None)
