"""An article page gives its article, whole, and nothing of other articles."""

import re
from pathlib import Path

import pytest

from services.poller.extract import Extracted, NoText, NoTextReason, extract_page
from tests.poller.article_pages import READ_MORE_FORMS, article_page, content_of

URL = "https://courier.example/world/article-1.html"
SOURCE = Path(__file__).parents[2].parent / "shared" / "data" / "source-article.txt"

ARTICLE = (
    "Harbour officials watch the strait from a pier in Port Ellis (NPA)",
    "Harbour officials watch the strait from a pier in Port Ellis (NPA)",
    "Several hundred soldiers crossed the border before dawn on Tuesday, according to two people "
    "who saw the convoy pass the last village on the coastal road.",
    '"The first Iranian ground forces reached the plain in northern Syria at noon," one of them '
    "told the Courier by telephone. The other gave the same account.",
    "Read More: Volcano grounds holiday flights for a second week",
    "The ministry in the capital did not answer written questions. A spokesman said earlier this "
    "week that advisers had been there for years and that nothing else had changed.",
    "Diplomats from three countries said they had expected the move since the spring, when the "
    "government lost the two largest towns of the province within a fortnight.",
    "Read More: Orchestra strike ends after marathon wage talks",
    "Read more books, he said he had told his officers, when the radio fell silent; the war would "
    "be long and the evenings longer still.",
    "Also in the room was the minister, who listened without a word and left before the end.",
    "Aid groups began to move their stores inland. Roads to the north were empty by the evening, "
    "and shops in the market stayed shut for the third day.",
)
TITLE = "Soldiers cross the border into Syria before dawn"
OTHERS = ("Glacier lake drained in secret operation", "Chess prodigy banned from tournament")


def body_of(page: bytes) -> str:
    found = extract_page(page, "text/html; charset=utf-8", URL)
    assert isinstance(found, Extracted), found
    return found.body


def words(text: str) -> set[str]:
    return set(re.findall(r"\w{3,}", text.lower()))


def only_in_links(lines: tuple[str, ...]) -> set[str]:
    links = [line for line in lines if line.startswith("Read More: ")]
    others = [line for line in lines if not line.startswith("Read More: ")]
    return words(" ".join(link.partition(": ")[2] for link in links)) - words(" ".join(others))


@pytest.mark.parametrize("form", READ_MORE_FORMS)
def test_related_links_of_every_form_stay_out_and_all_else_stays(form: str) -> None:
    page = article_page(TITLE, content_of(ARTICLE, form), OTHERS)
    own = [line for line in dict.fromkeys(ARTICLE) if not line.startswith("Read More: ")]
    assert body_of(page).split("\n\n") == [TITLE, *own]


@pytest.mark.parametrize("form", READ_MORE_FORMS)
def test_the_article_the_project_started_from_is_read_without_its_links(form: str) -> None:
    if not SOURCE.exists():
        pytest.skip(f"the source article is not at {SOURCE}")
    lines = tuple(line.strip() for line in SOURCE.read_text().splitlines() if line.strip())
    first = next(i for i, line in enumerate(lines) if line.startswith("A Hezbollah"))
    last = next(i for i, line in enumerate(lines) if line.startswith("Online Editors"))
    article = lines[first:last]
    body = body_of(article_page(lines[1], content_of(article, form), OTHERS))
    assert "The vanguard of Iranian ground forces began arriving in Syria" in body
    assert not only_in_links(article) & words(body)
    own = [line for line in dict.fromkeys(article) if not line.startswith("Read More: ")]
    assert [line for line in own if line not in body] == []
    assert body.count("A Hezbollah fighter looks toward Syria") == 1


def test_furniture_as_text_at_the_end_is_dropped() -> None:
    lines = [line for line in ARTICLE if not line.startswith("Read More: ")]
    tail = ("Editors Choice", "Also in World News", *OTHERS)
    content = "".join(f"<p>{line}</p>" for line in (*lines, *tail))
    body = body_of(article_page(TITLE, content, OTHERS))
    assert body.split("\n\n")[-1] == ARTICLE[-1]


def test_two_line_breaks_end_a_paragraph_and_one_does_not() -> None:
    own = [line for line in dict.fromkeys(ARTICLE) if not line.startswith("Read More: ")]
    first, second, *others = own[1:]
    rest = "<br><br>\n".join(others)
    content = f"<div>{first}<br>{second}<br /> <br />{rest}</div>"
    body = body_of(article_page(TITLE, content, OTHERS))
    assert body.split("\n\n") == [TITLE, f"{first} {second}", *others]


def test_words_marked_up_as_a_time_or_an_abbreviation_stay_in_their_sentence() -> None:
    own = [line for line in dict.fromkeys(ARTICLE) if not line.startswith("Read More: ")]
    marked = "<p>The convoy left at <time>noon on Friday</time> for the <abbr>UN</abbr> base, "
    content = "".join(f"<p>{line}</p>" for line in own) + marked + "witnesses in the town said.</p>"
    body = body_of(article_page(TITLE, content, OTHERS))
    assert "left at noon on Friday for the UN base, witnesses" in body


def test_a_page_tells_its_title_language_and_address() -> None:
    found = extract_page(
        article_page("Soldiers &  sailors", content_of(ARTICLE, "label inside the link"), OTHERS),
        "text/html",
        URL + "?utm_source=feed",
    )
    assert isinstance(found, Extracted)
    assert (found.title, found.lang, found.canonical_url) == ("Soldiers & sailors", "en", URL)


@pytest.mark.parametrize(
    ("page", "content_type", "reason"),
    [
        (b'{"headline": "a <p>b</p>"}', "application/json", NoTextReason.NOT_HTML),
        (b"%PDF-1.7 \x00\x01", "application/pdf", NoTextReason.NOT_HTML),
        (b"%PDF-1.7 \x00\x01", "text/html", NoTextReason.NOT_HTML),
        (b"", "text/html", NoTextReason.NOT_HTML),
        (
            b"<html><title>Soldiers cross the border into Syria</title><body><article>"
            b"<h1>Soldiers cross the border into Syria</h1></article></body></html>",
            "text/html",
            NoTextReason.NO_TEXT,
        ),
        (b"<html><body></body></html>", "text/html", NoTextReason.NO_TEXT),
        (b"<html><body><nav><a href='/'>Home</a></nav></body></html>", None, NoTextReason.NO_TEXT),
    ],
)
def test_what_is_no_article_page_is_named(
    page: bytes, content_type: str | None, reason: NoTextReason
) -> None:
    found = extract_page(page, content_type, URL)
    assert isinstance(found, NoText)
    assert found.reason is reason


@pytest.mark.parametrize(
    ("charset", "declared", "sentence"),
    [
        ("utf-8", "text/html; charset=iso-8859-1", "Die Lage in Köln blieb ruhig – vorerst."),
        ("cp1252", "text/html; charset=iso-8859-1", "Die Lage in Köln blieb “ruhig” – vorerst."),
        ("cp1252", "text/html", "Le président a été reçu à l’Élysée."),
        ("cp1251", "text/html; charset=windows-1251", "Иранские сухопутные войска вошли в Сирию."),
        ("euc-jp", "text/html; charset=EUC-JP", "イラン地上軍がシリアに入った。"),
        ("iso2022_jp", "text/html; charset=iso-2022-jp", "イラン地上軍がシリアに入った。"),
        ("gb18030", "text/html; charset=gb2312", "伊朗地面部队进入叙利亚。"),
        ("utf-16", "text/html", "Iranian ground forces in Syria: “yes”."),
    ],
)
def test_a_page_is_read_in_its_own_character_set(
    charset: str, declared: str, sentence: str
) -> None:
    paragraphs = "".join(f"<p>{sentence} {number}</p>" for number in range(12))
    page = f"<html><body><article><h1>-</h1>{paragraphs}</article></body></html>"
    found = extract_page(page.encode(charset), declared, URL)
    assert isinstance(found, Extracted)
    assert f"{sentence} 7" in found.body


def test_teasers_that_are_headings_and_headings_at_the_end_are_dropped() -> None:
    own = [f"<p>{line}</p>" for line in ARTICLE[2:4]]
    teasers = [f"<h2>{line} again</h2>" for line in (*OTHERS, *OTHERS)]
    content = "".join([*own, *teasers, *own[:1], "<h3>Weather</h3>", *own[1:], "<h3>Sport</h3>"])
    body = body_of(article_page(TITLE, content, ()))
    assert "Weather" in body
    assert not words(" ".join(OTHERS)) & words(body)
    assert "Sport" not in body


def test_of_a_page_without_an_article_only_sentences_are_taken() -> None:
    menu = "".join(f"<span><a href='/{n}'>Menu item {n}</a></span> <br>" for n in range(40))
    page = f"<html><body><form>{menu}<table><tr><td>{ARTICLE[3]}</td></tr></table></form></body>"
    found = extract_page(page.encode(), "text/html", URL)
    assert isinstance(found, Extracted)
    assert "Iranian ground forces" in found.body
    assert "Menu item" not in found.body


def test_nul_bytes_do_not_end_the_page() -> None:
    content = content_of(ARTICLE, "label inside the link").replace("officials", "offi\x00cials")
    assert "stayed shut for the third day" in body_of(article_page("A", content, OTHERS))
