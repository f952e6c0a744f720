"""What is sent at once and what is held, and which held messages are told together when. PURE."""

from services.notifier.holding.disposition import (
    NOW,
    Disposition,
    Held,
    Now,
    Part,
    disposed,
    hour_of,
    is_urgent,
)
from services.notifier.holding.releases import Release, expected_at, flood_key, releases

__all__ = [
    "NOW",
    "Disposition",
    "Held",
    "Now",
    "Part",
    "Release",
    "disposed",
    "expected_at",
    "flood_key",
    "hour_of",
    "is_urgent",
    "releases",
]
