"""What the demo must tell of the built-in script, no more and no less.

Pairs of rule id and slug, as the timeline brings them; pieces of the pool come later.
"""

EXPECTED: frozenset[tuple[str, str]] = frozenset(
    {
        ("iranian-ground-forces", "troops-cross-frontier"),
        ("harbour-walkouts", "harbour-walkout"),
    }
)
# An agency's copy of the first report, cut to a third: a match, and no news.
COPIES: frozenset[tuple[str, str]] = frozenset({("iranian-ground-forces", "frontier-troops-brief")})
