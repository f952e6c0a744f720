"""Random rules over few words, and texts of these words: they meet often."""

from hypothesis import strategies as st

LISTS = {"all": ("alpha", "charl*")}

_WORDS = [
    "alpha",
    "bravo",
    "charlie",
    "alph*",
    '"alpha bravo"',
    "exact:Alpha",
    "@all",
    "title:bravo",
]
RULES = st.recursive(
    st.sampled_from(_WORDS),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" AND ", " OR ", " "]), inner).map(
            lambda three: f"({''.join(three)})"
        ),
        inner.map(lambda one: f"(NOT {one})"),
        st.tuples(
            st.sampled_from(["alpha", "(bravo OR charlie)", '"alpha bravo"']),
            st.sampled_from([" NEAR/1 ", " ONEAR/2 ", " NEAR/S ", " NEAR/P ", " NOT NEAR/0 "]),
            st.sampled_from(["bravo", "charlie", "@all"]),
        ).map(lambda three: f"({''.join(three)})"),
        st.tuples(st.integers(1, 3), st.sampled_from(["alpha", "@all"])).map(
            lambda two: f"(ATLEAST/{two[0]} {two[1]})"
        ),
    ),
    max_leaves=6,
)
TEXTS = st.lists(
    st.sampled_from(["alpha", "Alpha", "bravo", "charlie", "delta.", "delta,", "\n\n"]), max_size=12
).map(" ".join)
