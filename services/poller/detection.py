"""What language a text looks like.

Decides which part of a text is looked at and which languages are possible. py3langid is
offline; its model takes 0.5 s and 80 MB to load, once a process and only when first asked.
"""

from functools import cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

# 400 characters are told without a mistake (5,000 English articles); over 5,000 the
# probabilities become flat. Every character costs: the model's tables fit in no cache.
_CHARACTERS = 700
# Other names and close dialects of what the rules and the stemmers know under one name.
_SAME = {"nn": "no", "nb": "no"}


# What is left for real languages where "no language" is all but certain.
_NOTHING = 0.05


def language_chances(text: str) -> dict[str, float]:
    """The probabilities of all languages (ISO 639-1); empty where a text holds no words."""
    chances: dict[str, float] = {}
    for lang, chance in _identifier().rank(text[:_CHARACTERS]):
        name = _SAME.get(lang, lang)
        if len(name) == 2:  # three letters are dialects, pidgins, and "no language at all"
            chances[name] = chances.get(name, 0.0) + float(chance)
    total = sum(chances.values())
    return {lang: chance / total for lang, chance in chances.items()} if total > _NOTHING else {}


@cache
def _identifier() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
