"""Lines of other articles go, lines that merely begin like them stay."""

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from services.poller.markup import readable
from services.poller.prune import prune_related
from services.poller.related import is_credit, is_label, without_related

ARTICLES = Path(__file__).parents[2].parent / "shared" / "data" / "articles.jsonl.gz"
GOOD = "The harbour was closed for a third day, officials said."


def kept(*lines: str) -> tuple[str, ...]:
    return without_related(lines)


@pytest.mark.parametrize(
    "line",
    [
        "Read more: Glacier drained in secret",
        "READ MORE: Glacier drained in secret",
        "Read More - Glacier drained in secret",
        "READ MORE Glacier drained in secret",
        "Read more | Glacier drained",
        "► Read more: Glacier drained",
        "[Read: Abolishing the ferry is unavoidable]",
        "(Read more: Glacier drained)",
        "Also read: Glacier drained",
        "See also: Glacier drained",
        "Related: Glacier drained",
        "RELATED Glacier drained",
        "More: Glacier drained",
        "Watch: Glacier drained",
        "Don’t miss: Glacier drained",
        "More from Sport: Glacier drained",
        "Read more",
        "Read More:",
        "Read more about the glacier here",
        "Also see: Glacier drained",
        "More On: glaciers",
        "More World News",
        "More like this",
        "More from the Courier",
        "Explore more: Glacier drained",
        "Go deeper: Glacier drained",
        "Keep reading: Glacier drained",
        "Full coverage: Glaciers",
        "In other news: Glacier drained",
        "Next story: Glacier drained",
        "Similar articles",
        "Suggested reading",
        "Stories you may like",
        "Click here to read more about the glacier.",
        "ADVERTISEMENT - CONTINUE READING BELOW",
        "Follow @courier on Twitter",
        "Also in World News",
        "ALSO IN WORLD NEWS",
        "Editors Choice",
        "Editor's Picks",
        "Most read",
        "Most Read in World News",
        "Related stories",
        "You may also like",
        "Trending now",
        "More from The Courier",
        "Lesen Sie auch: Gletscher abgelassen",
        "Mehr zum Thema: Gletscher",
        "Lire aussi : Le glacier vidé",
        "À lire aussi Le glacier vidé",
        "Lea también: El glaciar vaciado",
        "Te puede interesar: El glaciar",
        "Leia também: Geleira esvaziada",
        "Saiba mais: Geleira",
        "LEGGI ANCHE: Ghiacciaio svuotato",
        "Lees ook: Gletsjer",
        "Läs också: Glaciären",
        "Czytaj też: Lodowiec",
        "Читайте также: Ледник",
        "Подробнее: Ледник",
        "Читайте також: Льодовик",
        "Διαβάστε επίσης: Παγετώνας",
        "İlgili haber: Buzul",
        "اقرأ أيضاً: نهر جليدي",
        "بیشتر بخوانید: یخچال",
        "קראו גם: קרחון",
        "यह भी पढ़ें: हिमनद",
        "Baca juga: Gletser",
        "Xem thêm: Sông băng",
        "延伸阅读：冰川",
        "相关新闻：冰川",
        "関連記事：氷河",
        "관련기사: 빙하",
        "Advertisement",
        "Story continues below advertisement",
        "Today's news headlines, directly to your inbox every morning.",
        "Sign up for our newsletter",
        "(AP)",
        "Jane Doe/Reuters",
        "© AFP",
        "AP Photo/Jane Doe",
        "Photo: Jane Doe/Getty Images",
        "Photograph by Jane Doe for AFP",
    ],
)
def test_a_line_that_is_not_of_this_article_goes(line: str) -> None:
    assert kept(GOOD, line, GOOD + " Again.") == (GOOD, GOOD + " Again.")


@pytest.mark.parametrize(
    "line",
    [
        "Read more books, he said, and fight fewer wars.",
        "Read more about that, he said, and you will fight fewer wars.",
        "More news came from the front, none of it good.",
        "More in the crowd shouted than sang.",
        "Next story windows broke in the blast.",
        "Check out times were put off by the hotels on the coast.",
        "Full coverage of the border by radar is years away.",
        "Breaking news of the attack reached the ministry at noon.",
        "Background: the ministry denied it in March.",
        "Also in the room was the minister, who listened without a word.",
        "Also in attendance: the minister, two envoys and a general.",
        "Also on Tuesday, Iranian ground forces entered Syria.",
        "More on that decision came out on Friday, when the court met.",
        "More from a sense of duty than from joy, he stayed.",
        "More soldiers crossed the border.",
        "Related attacks killed four people in Aleppo.",
        "Watch towers were built along the border - and torn down again.",
        "Most read the statement as a threat.",
        "Editors chose silence.",
        "See also what the minister left out, she told reporters.",
        "Recommended by the court, the plan was dropped.",
        "Listen to the people, the crowd shouted.",
        "Video of the strike was shown on state television.",
        "Video shows Iranian ground forces near Aleppo.",
        "Photo: soldiers of the Iranian ground forces near Aleppo",
        "Advertisement spending fell by a third.",
        "Subscribe is what the ministry called the scheme.",
        "The letter landed in the inbox of the minister.",
        "Reuters reported that Iranian ground forces were in Syria.",
        "AP reporters saw the convoy.",
        "Ground forces, Syria",
        "Lire la déclaration prit une heure.",
        "Mehr dazu wollte er nicht sagen.",
        "Подробнее о сделке он говорить не стал.",
        "Más información sobre el ataque llegó el martes.",
        "Read more: " + " ".join(["word"] * 30),
    ],
)
def test_a_sentence_that_only_begins_like_one_stays(line: str) -> None:
    assert kept(GOOD, line) == (GOOD, line)


def test_a_label_takes_the_headline_below_it_along_but_no_sentence() -> None:
    assert kept("Read more:", "Glacier drained in secret", GOOD) == (GOOD,)
    assert kept("Read more:", GOOD) == (GOOD,)
    assert kept("Read more", "A heading of this article", GOOD) == (
        "A heading of this article",
        GOOD,
    )


def test_a_box_takes_all_its_headlines_along() -> None:
    box = ("Also in World News", "Glacier drained", "Chess prodigy banned", "Who pays for rain?")
    assert kept(GOOD, *box) == (GOOD,)
    assert kept(*box, GOOD, "A short line") == (GOOD, "A short line")


def test_a_caption_printed_twice_is_kept_once() -> None:
    caption = "A pier in Port Ellis (NPA)"
    assert kept(caption, caption, GOOD, GOOD) == (caption, GOOD)
    assert kept(caption, GOOD, caption) == (caption, GOOD, caption)


def test_hostile_lines_are_judged_in_no_time() -> None:
    for line in ("AP " * 90 + "x", "A" * 299, "-" * 299, "Photo: " + "Aa" * 140, '"' * 300):
        is_credit(line)
        is_label(line)
        without_related((line, line + "x"))


@pytest.mark.parametrize(
    ("fragment", "lines"),
    [
        ("<p>Read More: <a href='/x'>Glacier drained</a></p>", ()),
        ("<p><a href='/x'>Glacier drained in secret</a></p>", ()),
        ("<p><a href='/x'>Glacier drained in secret</a> [VIDEO]</p>", ()),
        ("<p>» <a href='/x'>Glacier drained in secret</a>.</p>", ()),
        ("<p>Read more:</p><p><a href='/x'>Glacier drained</a> </p><p>No.</p>", ("No.",)),
        ("<p><a href='/x'>Minister quits</a> over it.</p>", ("Minister quits over it.",)),
        ("<p>Sources:</p><ul><li><a href='/x'>CNBC</a></li></ul>", ("Sources:", "CNBC")),
        ("<h2><a href='#s'>What happens next in town</a></h2>", ("What happens next in town",)),
        ("<p><a name='top'>Ships left at noon today</a></p>", ("Ships left at noon today",)),
        (
            "<div><a href='/x'>One two three four</a><p>Text.</p></div>",
            ("One two three four", "Text."),
        ),
        ("a<p><a href='/x'>Glacier drained in secret</a></p>b", ("a", "b")),
        (f"<p><a href='/x'>{'word ' * 31}</a></p>", ("word " * 30 + "word",)),
        ("<p>Read More<br><a href='/x'>Glacier drained</a></p>", ()),
        (
            "<p>Read more: Glacier drained<br>Ships left at noon.</p>",
            ("Read more: Glacier drained", "Ships left at noon."),
        ),
    ],
)
def test_blocks_that_are_only_a_link_are_pruned(fragment: str, lines: tuple[str, ...]) -> None:
    assert readable(fragment, prune_related) == lines


def test_the_filter_drops_almost_no_line_of_real_articles() -> None:
    if not ARTICLES.exists():
        pytest.skip(f"the articles to measure with are not at {ARTICLES}")
    with gzip.open(ARTICLES, "rt", encoding="utf-8") as stream:
        bodies = [json.loads(line)["body"] for line in stream]
    # Sentences only: the texts themselves hold thousands of "Advertisement" and "Read more: …".
    lines = [" ".join(line.split()) for body in bodies for line in body.split("\n")]
    good = [line for line in dict.fromkeys(lines) if len(line) > 60 and line.endswith((".", ".”"))]
    dropped = Counter(good) - Counter(without_related(good))
    assert len(good) > 50_000
    assert dropped.total() < 0.002 * len(good)
