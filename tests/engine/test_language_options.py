"""Options beside the expression: languages and particles (stems: test_engine_stemming)."""

import pytest

from services.engine.errors import RuleError
from services.engine.options import Options
from tests.engine.newsroom import article, does_match

_CLITICS = Options(clitics=True)


@pytest.mark.parametrize(
    ("languages", "lang", "expected"),
    [
        ({"en"}, "en", True),
        ({"en"}, "en-GB", True),
        ({"en"}, "EN_us", True),
        ({"en", "ar"}, "ar", True),
        ({"ar"}, "en", False),
        ({"ar"}, None, False),
        ({"ar"}, "", False),
        ({"ar"}, "arabic", False),
        (set(), None, True),
        (set(), "xx", True),
        ({"zh"}, "zh-Hant-TW", True),
    ],
)
def test_languages_restrict_a_rule(languages: set[str], lang: str | None, expected: bool) -> None:
    options = Options(languages=frozenset(languages))
    told = article("Karvala port", lang=lang)
    assert does_match("karvala", told, options=options) is expected
    assert does_match("karvala -ferry", told, options=options) is expected


@pytest.mark.parametrize("code", ["english", "eng", "", "x", "e n"])
def test_an_unknown_language_is_refused(code: str) -> None:
    with pytest.raises(RuleError, match="no language code"):
        Options(languages=frozenset({code}))


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        # each particle by itself, and the article
        *[("سوريا", f"{particle}سوريا", True) for particle in ("و", "ف", "ب", "ك", "ل", "ال")],
        *[("סוריה", f"{particle}סוריה", True) for particle in "והבלכמש"],
        # … and one behind the other
        *[
            ("بيت", f"{particles}بيت", True)
            for particles in ("وال", "بال", "فبال", "وكال", "ولل", "لل")
        ],
        *[
            ("נמל", f"{particles}נמל", True)
            for particles in ("וה", "וב", "שב", "וש", "מה", "כשה", "ושמה")
        ],
        # what is no particle, or no word behind one
        ("سوريا", "سسوريا", False),
        ("سوريا", "سورياو", False),
        ("סוריה", "תסוריה", False),
        ("السوريا", "سوريا", False),
        ("וסוריה", "סוריה", False),
        # equal words always match
        ("سوريا", "سوريا", True),
        ("وسوريا", "وسوريا", True),
        # letter forms are folded first
        ("إيران", "وايران", True),
        ("مدرسة", "بالمدرسه", True),
        # wherever words are compared
        ('"القوات السورية"', "والقوات السورية", True),
        ('"بيت كبير"', "بالبيت الكبير", True),
        ("سوريا NEAR/0 ايران", "لسوريا وايران", True),
        ("ATLEAST/2 سوريا", "سوريا وسوريا", True),
        ("body:سوريا", "لسوريا", True),
        ("@places", "بدمشق", True),
        ("ايران -سوريا", "ايران وسوريا", False),
        # not in exact:, and other scripts have none
        ("exact:سوريا", "وسوريا", False),
        ("syria", "wsyria", False),
    ],
)
def test_arabic_and_hebrew_words_match_behind_particles(
    query: str, text: str, expected: bool
) -> None:
    assert does_match(query, text, {"places": ["دمشق"]}, _CLITICS) is expected


def test_without_the_option_particles_are_part_of_the_word() -> None:
    assert not does_match("سوريا", "وسوريا لسوريا السوريا")
    assert not does_match("סוריה", "בסוריה לסוריה")


def test_facts_about_an_article_are_compared_without_particles() -> None:
    told = article("x", author=("وسوريا",))
    assert not does_match("author:سوريا", told, options=_CLITICS)
