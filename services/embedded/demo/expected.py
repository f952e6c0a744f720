"""What the demo's rules must find in the built-in script, no more and no less.

Pairs of rule id and slug, as the timeline brings them; pieces of the pool come later. The
agency's copy of the first report, cut to a third, is the same story and raises nothing.
"""

EXPECTED: frozenset[tuple[str, str]] = frozenset(
    {
        ("iranian-ground-forces", "troops-cross-frontier"),
        ("harbour-walkouts", "harbour-walkout"),
    }
)
