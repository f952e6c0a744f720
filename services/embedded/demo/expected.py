"""What the demo's rules must find in the built-in script, no more and no less.

Pairs of rule id and slug, as the timeline brings them; pieces of the pool come later.
"""

EXPECTED: frozenset[tuple[str, str]] = frozenset(
    {
        ("iranian-ground-forces", "troops-cross-frontier"),
        ("iranian-ground-forces", "frontier-troops-brief"),
        ("harbour-walkouts", "harbour-walkout"),
    }
)
