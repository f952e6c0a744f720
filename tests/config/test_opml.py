"""OPML: which outlines are feeds, which ids they get, what is refused."""

import random

import pytest

from services.config.opml import Outline, located, read_opml, slug


def opml(*outlines: str) -> bytes:
    body = "\n".join(outlines)
    return f'<?xml version="1.0"?>\n<opml version="2.0"><body>\n{body}\n</body></opml>'.encode()


def feeds(data: bytes) -> list[tuple[object, int]]:
    found, problems = read_opml(data, "f.opml")
    assert problems == ()
    return [(each.value, each.line_of(("url",))) for each in found]


def problems(data: bytes) -> list[str]:
    return [str(problem) for problem in read_opml(data, "f.opml")[1]]


def test_feeds_are_found_under_headings_with_their_lines() -> None:
    data = opml(
        '<outline text="World">',
        '  <outline type="rss" text="BBC  News: World" xmlUrl=" https://a.example/1 "/>',
        "  <outline",
        '     title="Le Monde – Économie" text="ignored" xmlUrl="https://a.example/2"/>',
        "</outline>",
        '<outline xmlUrl="https://news.example:8000/3"/>',
    )
    assert feeds(data) == [
        ({"id": "bbc-news-world", "url": "https://a.example/1", "name": "BBC News: World"}, 4),
        (
            {
                "id": "le-monde-economie",
                "url": "https://a.example/2",
                "name": "Le Monde – Économie",
            },
            5,
        ),
        ({"id": "news-example", "url": "https://news.example:8000/3", "name": "news.example"}, 8),
    ]


def test_feeds_with_one_title_or_none_in_latin_letters_get_the_digest_of_their_url() -> None:
    ids = [
        item.value["id"]
        for item in located(
            [
                Outline("News", "https://a.example/", 1),
                Outline("news!", "https://b.example/", 2),
                Outline("أخبار", "https://c.example/", 3),
                Outline("Oil", "https://d.example/", 4),
            ]
        )
        if isinstance(item.value, dict)
    ]
    assert ids == ["news-befde4", "news-5d1dd9", "feed-db2b59", "oil"]


def test_ids_do_not_depend_on_the_order_of_the_file() -> None:
    outlines = [Outline(f"Feed {n % 7}", f"https://a.example/{n}", n) for n in range(30)]
    shuffled = random.Random(1).sample(outlines, len(outlines))

    def ids(given: list[Outline]) -> set[tuple[str, str]]:
        values = [item.value for item in located(given)]
        return {(value["id"], value["url"]) for value in values if isinstance(value, dict)}

    assert ids(outlines) == ids(shuffled)
    assert len({feed_id for feed_id, _ in ids(outlines)}) == 30


def test_a_feed_filed_under_two_headings_counts_once() -> None:
    outline = '<outline text="A" xmlUrl="https://a.example/"/>'
    assert len(feeds(opml(outline, outline))) == 1


def test_a_long_title_makes_a_short_id() -> None:
    assert len(slug("very " * 100)) <= 70
    assert not slug("very " * 100).endswith("-")


def test_other_encodings_are_read_as_the_file_declares_them() -> None:
    text = (
        '<?xml version="1.0" encoding="{}"?><opml><outline text="Ö" xmlUrl="https://a.b/"/></opml>'
    )
    for encoding in ("iso-8859-1", "utf-16", "windows-1252"):
        assert feeds(text.format(encoding).encode(encoding))[0][0] == {
            "id": "o",
            "url": "https://a.b/",
            "name": "Ö",
        }


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "f.opml:1: not XML: no element found"),
        (b"feeds:\n- id: x", "f.opml:1: not XML: syntax error"),
        (b"<opml>\n<body></opml>", "f.opml:2: not XML: mismatched tag"),
        (b"<rss>\n<channel/></rss>", "f.opml:1: not OPML: it begins with <rss>"),
        (b"<opml>\n<body/></opml>", "f.opml:1: no feeds in it: no outline has an xmlUrl"),
        (
            opml('<outline type="rss" text="a"/>'),
            "f.opml:3: this outline is a feed, but has no xmlUrl",
        ),
        (
            b'<?xml version="1.0"?>\n<!DOCTYPE opml [<!ENTITY a "x">]>\n<opml/>',
            "f.opml:2: a document type declaration (<!DOCTYPE …>) is not read; remove it",
        ),
        (opml('<outline text="&a;" xmlUrl="x"/>'), "f.opml:3: not XML: undefined entity"),
    ],
)
def test_what_is_not_opml_is_explained(data: bytes, expected: str) -> None:
    assert problems(data) == [expected]


def test_feeds_beside_one_without_a_url_are_still_found() -> None:
    data = opml('<outline type="rss" text="a"/>', '<outline text="b" xmlUrl="https://b.c/"/>')
    found, wrong = read_opml(data, "f.opml")
    assert len(found) == len(wrong) == 1
