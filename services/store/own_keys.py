"""Keys that this installation made for itself, once, and shares between its processes."""

import secrets

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.store.delivery_tables import own_keys
from services.store.upsert import insert_into

LINKS = "links"
_BYTES = 32


async def own_key(tx: AsyncConnection, purpose: str) -> bytes:
    """The key for a purpose; made where there is none yet."""
    row = {"purpose": purpose, "key": secrets.token_bytes(_BYTES)}
    await tx.execute(insert_into(tx, own_keys).values(row).on_conflict_do_nothing())
    found = await tx.execute(select(own_keys.c.key).where(own_keys.c.purpose == purpose))
    return bytes(found.scalar_one())


async def kept_key(tx: AsyncConnection, purpose: str) -> bytes | None:
    """The key for a purpose; None where none has been made."""
    key: bytes | None = await tx.scalar(select(own_keys.c.key).where(own_keys.c.purpose == purpose))
    return None if key is None else bytes(key)
