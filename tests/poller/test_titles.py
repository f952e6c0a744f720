"""A headline is the same headline in a feed and as a link on a page."""

import pytest

from services.poller.titles import title_key

HEADLINE = "Chess prodigy “banned” from tournament"


@pytest.mark.parametrize(
    "same",
    [
        "Chess prodigy 'banned' from tournament",
        "CHESS PRODIGY 'BANNED' FROM TOURNAMENT",
        "  Chess  prodigy: banned from\u00a0tournament. ",
        "▸ Chess prodigy banned from tournament…",
        "Chess prodigy ｂａｎｎｅｄ from tournament",
    ],
)
def test_case_punctuation_width_and_spacing_do_not_count(same: str) -> None:
    assert title_key(same) == title_key(HEADLINE) is not None


def test_other_words_are_another_title() -> None:
    assert title_key("Chess prodigy banned from tournaments") != title_key(HEADLINE)
    assert title_key("Storm kills 12 in Port Ellis") != title_key("Storm kills 21 in Port Ellis")


@pytest.mark.parametrize("short", ["", "…", "Market wrap", "The morning briefing", "北京新闻"])
def test_a_title_of_a_few_words_names_no_article(short: str) -> None:
    assert title_key(short) is None


@pytest.mark.parametrize(
    "title",
    [
        "伊朗地面部队周二进入叙利亚北部",
        "กองกำลังภาคพื้นดินเข้าสู่ซีเรีย",
        "イラン地上軍がシリア北部に入った",
        "이란 지상군 시리아 북부 진입",
        "ईरान की सेना सीरिया में",
    ],
)
def test_headlines_of_every_script_have_a_name(title: str) -> None:
    key = title_key(title)
    assert key is not None
    assert len(key) == 32


def test_vowel_signs_tell_words_apart() -> None:
    assert title_key("ईरान की सेना सीरिया में") != title_key("ईरान का सेना सीरिया में")
