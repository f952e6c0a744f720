"""The kernel reads an article as the analyser does, word by word."""

from collections.abc import Sequence

from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.article import Article
from services.engine.document import Document
from services.engine.index.lexicon import Lexicon
from services.engine.index.reader import Reader
from services.engine.index.reading import Reading, read
from tests.engine.newsroom import article

_SETTINGS = settings(derandomize=True, max_examples=500, deadline=None, database=None)

_PIECES = [
    *("port", "Port’s", "port`s", "port's.", "'port'", '"port"', "US-backed", "U.S.", "J. R.", "s"),
    *("2,000", "1,00,000", "3.5", "a.b", "x,y", "2015.", "'s", "it's", "ﷺ", "㍿", "Zürich", "œuf"),
    *("港口", "부산항", "وميناء", 'צה"ל', "can\u00adal", "a\u200bb", "²", "e\u0301", "🚢", "،٣"),
]
_SPACES = [
    " ",
    "\n",
    "\r\n",
    "\n\n",
    "\r\r",
    "\n \t\n",
    "\u2028",
    "\u00a0",
    "",
    "…",
    "\n\u200b\n",
    "\u200b",
    "\n\u061c",
    "\n\U000e0001\r",
    "(",
    ", ",
    ",",
]
_TEXTS = st.one_of(
    st.lists(st.tuples(st.sampled_from(_PIECES), st.sampled_from(_SPACES)), max_size=20).map(
        lambda pairs: "".join(piece + space for piece, space in pairs)
    ),
    st.text(max_size=40),
)


def _tokens(reading: Reading, numbers: dict[str, int]) -> Sequence[tuple[str, int, int, int]]:
    """Word, start, end and paragraph of each token, paragraphs numbered from 0 as they come."""
    words = {number: word for word, number in numbers.items()}
    size = reading.size
    seen: dict[int, int] = {}
    paragraphs = [seen.setdefault(p, len(seen)) for p in reading.paragraphs[:size].tolist()]
    return [
        (words[number], start, end, paragraph)
        for number, start, end, paragraph in zip(
            reading.words[:size].tolist(),
            reading.starts[:size].tolist(),
            reading.ends[:size].tolist(),
            paragraphs,
            strict=True,
        )
    ]


def _assert_reads_alike(reader: Reader, lexicon: Lexicon, told: Article) -> None:
    compiled = reader.read(told)
    got = _tokens(compiled, lexicon.numbers)
    plain = read(Document(told), lexicon)
    assert got == _tokens(plain, lexicon.numbers)
    assert compiled[-4:] == plain[-4:]


@_SETTINGS
@given(st.lists(st.tuples(_TEXTS, _TEXTS, _TEXTS), min_size=1, max_size=3))
@example([("...", "a\n\nb", "")])
@example([("", " \n", "only a summary\n\nof two paragraphs")])
def test_the_kernel_reads_what_the_analyser_reads(texts: list[tuple[str, str, str]]) -> None:
    lexicon = Lexicon()
    reader = Reader(lexicon)
    for title, body, summary in texts * 2:  # what was learnt the first time is looked up then
        _assert_reads_alike(reader, lexicon, article(body, title=title, summary=summary))


def test_a_long_text_of_ligatures_finds_room() -> None:
    lexicon = Lexicon()
    _assert_reads_alike(Reader(lexicon), lexicon, article("㍿" * 20_000))


def test_what_was_forgotten_is_learnt_again() -> None:
    lexicon = Lexicon()
    reader = Reader(lexicon)
    asked_for = lexicon.asked_for("walked")
    reader.read(article())
    lexicon.forget()
    assert set(lexicon.numbers) == {"walked"}
    _assert_reads_alike(reader, lexicon, article())
    assert lexicon.numbers["walked"] == asked_for


def test_a_pattern_that_comes_after_forgetting_knows_the_words_of_rules() -> None:
    lexicon = Lexicon()
    known = lexicon.asked_for("dockers")
    lexicon.number("docks")
    lexicon.forget()
    pattern = lexicon.asked_for("dock*")
    assert lexicon.patterns_of(known) == [pattern]
    assert lexicon.patterns_of(lexicon.number("docks")) == [pattern]
