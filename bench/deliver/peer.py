"""The peer: a bare loop that hands the same mails to the same mail server, and nothing else."""

import asyncio
import time
from collections.abc import Sequence

import aiosmtplib

CONNECTIONS = 8


async def hand_over(port: int, mails: Sequence[bytes]) -> float:
    """How many seconds it takes, over as many connections as an e-mail channel uses."""
    begun = time.perf_counter()
    await asyncio.gather(*(_some(port, mails[n::CONNECTIONS]) for n in range(CONNECTIONS)))
    return time.perf_counter() - begun


async def _some(port: int, mails: Sequence[bytes]) -> None:
    client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False)
    await client.connect()
    for mail in mails:
        await client.sendmail("wirewatch@bench.example", ["desk@bench.example"], mail)
    await client.quit()
