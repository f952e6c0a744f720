"""The sentence that matched, and the ones beside it: what an alert shows.

Decides nothing about matching. Offsets are code points of the text given; a place in
the white space between two sentences belongs to the one before.
"""

from services.engine.sentences import paragraph_spans, sentence_spans

Place = tuple[int, int]


def sentence_around(text: str, start: int, end: int) -> Place:
    """The sentence that holds `[start, end)`, or the several that it runs over."""
    sentences = _sentences_at(text, start)
    first, last = _covering(sentences, start, end)
    if not sentences:
        return (start, end)
    return sentences[first][0], max(end, sentences[last][1])


def neighbours(text: str, start: int, end: int) -> tuple[Place | None, Place | None]:
    """The sentences before and after the one at `[start, end)` within its paragraph."""
    sentences = _sentences_at(text, start)
    first, last = _covering(sentences, start, end)
    before = sentences[first - 1] if first > 0 else None
    after = sentences[last + 1] if last + 1 < len(sentences) else None
    return before, after


def _sentences_at(text: str, place: int) -> list[Place]:
    """The sentences of the paragraph at `place`, else of the one before, else of the first."""
    paragraphs = paragraph_spans(text)
    here = [paragraph for paragraph in paragraphs if paragraph[0] <= place] or paragraphs[:1]
    return sentence_spans(text, *here[-1]) if here else []


def _covering(sentences: list[Place], start: int, end: int) -> tuple[int, int]:
    """The indices of the first and the last sentence that `[start, end)` touches."""
    first = max((i for i, span in enumerate(sentences) if span[0] <= start), default=0)
    last = max((i for i, span in enumerate(sentences) if span[0] < end), default=first)
    return first, max(first, last)
