"""Fuzzes the rule engine, guided by coverage: `python -m tests.fuzz.rules --seconds N`.

Decides what must hold for any rule and any article; atheris decides what to try. The same
is checked on random input by `tests/engine/test_engine_properties.py`: this one runs for
as long as it is told and finds the paths that chance does not.
"""

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime

try:
    import atheris
except ImportError:
    atheris = None

_MISSING = """\
This needs atheris, which is not among the project's requirements. In an environment of its own:

    python3.11 -m venv /tmp/fuzz
    /tmp/fuzz/bin/pip install -r requirements.lock atheris
    /tmp/fuzz/bin/python -m tests.fuzz.rules --seconds 1200"""


def instrumented() -> AbstractContextManager[object]:
    """Where the engine is to be imported; numba cannot read what atheris writes into it."""
    if atheris is None:
        return nullcontext()
    compiled = ["services.engine.index.kernel"]
    imports: AbstractContextManager[object] = atheris.instrument_imports(
        include=["services.engine"], exclude=compiled
    )
    return imports


with instrumented():
    from schemas.article import Article, TextOrigin, TextReason
    from schemas.matches import Clause
    from schemas.rule import WatchRule
    from services.engine.analysis import analyse
    from services.engine.errors import RuleError
    from services.engine.explain import explain
    from services.engine.lint import lint
    from services.engine.options import Options
    from services.engine.parse import parse
    from services.engine.places import Ways, places_of
    from services.engine.printing import written
    from services.engine.query import Query, Term, walk
    from services.engine.ruleset import RuleSet

_LISTS = {
    "ports": ["karvala", '"port lind"', "lind*"],
    "all": ["@ports", "أحمد", "港口", "exact:US"],
    "loop": ["@loop"],
    "mixed": ["a AND b", "title:c"],
}
# What no mutation of bytes comes upon by itself.
PIECES = (
    *(" AND ", " OR ", " NOT ", "NOT NEAR/2 ", " NEAR/3 ", " ONEAR/S ", " NEAR/P ", "ATLEAST/2 "),
    *("title:", "lead:", "body:", "exact:", "source:", "author:", "url:", "lang:en ", "@all "),
    *(' "', '" ', "“", "”", "(", ") ", " -", " +", "|", "*", "?", "’s ", "U.S.", "2,000", "3.5"),
    *("karvala ", "port lind ", "港口", "부산", "صָ", 'צה"ל', "سوريا", "\u200c", "\u0301", "ﬁ"),
    *("\n\n", ". ", "。", "🚢", "İı", "ß", "٣", "\u061c", "ﷺ", "ที่", "a", "b", "@ports ", "Mr. "),
)
_THEN = datetime(2020, 1, 1, tzinfo=UTC)


def check(rule: str, title: str, body: str, options: Options) -> str:
    """What holds of every rule and every article; raises where it does not.

    Returns what came of it, to be counted.
    """
    _check_offsets(title)
    _check_offsets(body)
    query = _query_or_none(rule)
    if query is None:
        return "refused"
    assert parse(written(query.root), _LISTS) == query
    lint(rule, _LISTS)
    told = article(title, body)
    stored = WatchRule(
        rule_id="r",
        version=1,
        name="r",
        query=rule,
        languages=tuple(options.languages),
        stem=options.stem,
        clitics=options.clitics,
    )
    result = RuleSet.of([stored], _LISTS).match(told)
    if result.failures:
        raise result.failures[0].error
    assert explain(query, told, options).held == bool(result.matches)
    ways = Ways(options.clitics, "en" if options.stem else None)
    for match in result.matches:
        for clause in match.evidence:
            assert clause.clause in rule
            _check_hits(clause, told, ways)
    return "matched" if result.matches else "did not match"


def _query_or_none(rule: str) -> Query | None:
    try:
        return parse(rule, _LISTS)
    except RuleError as error:
        assert 0 <= error.offset <= len(rule)
        assert str(error).endswith("^")
        assert "\n" not in error.message
        return None


def _check_offsets(text: str) -> None:
    end = 0
    for word in analyse(text).words:
        assert 0 <= word.start < word.end <= len(text) and word.end >= end
        end = word.end
        inside = analyse(text[word.start : word.end]).words
        assert word.folded in [one.folded for one in inside]


def _check_hits(clause: Clause, article: Article, ways: Ways) -> None:
    """Each, cut out of the text, is an occurrence of one of the clause's terms."""
    root = parse(f"x OR ({clause.clause})", _LISTS).root if clause.hits else None
    terms = [node for node in walk(root) if isinstance(node, Term)] if root else []
    for hit in clause.hits:
        alone = analyse(getattr(article, hit.field)[hit.start : hit.end])
        assert any(places_of(term, alone, ways) for term in terms)


def article(title: str, body: str) -> Article:
    """One that names what rules may ask for."""
    return Article(
        article_id="a",
        revision="1",
        feed_id="coast-wire",
        source="Coast Wire",
        url="https://news.example.org:8443/strike?id=4",
        title=title,
        body=body,
        summary=title[::-1],
        author=(body[:30], "Ana Low"),
        category=(title[:30],),
        lang="en",
        text=TextOrigin.FULL,
        text_reason=TextReason.PAGE,
        first_seen_at=_THEN,
        seen_at=_THEN,
    )


def text(data: "atheris.FuzzedDataProvider", most: int) -> str:
    """Up to so many pieces of text."""
    parts: list[str] = []
    for _ in range(data.ConsumeIntInRange(0, most)):
        if data.ConsumeBool():
            parts.append(PIECES[data.ConsumeIntInRange(0, len(PIECES) - 1)])
        else:
            parts.append(data.ConsumeUnicodeNoSurrogates(data.ConsumeIntInRange(1, 6)))
    return "".join(parts)


def check_one(data: "atheris.FuzzedDataProvider") -> str:
    """`check` with what the fuzzer made up."""
    flags = data.ConsumeIntInRange(0, 7)
    languages = frozenset({"en"}) if flags & 4 else frozenset()
    options = Options(languages, stem=bool(flags & 1), clitics=bool(flags & 2))
    rule, title, body = (text(data, most) for most in (16, 6, 24))
    try:
        return check(rule, title, body, options)
    except BaseException as error:
        error.add_note(f"with rule {rule!r}, title {title!r}, body {body!r}, {options}")
        raise


class _Run:
    """Counts what was tried and stops in time; a finding is shown before it ends the run."""

    def __init__(
        self, seconds: float, try_one: "Callable[[atheris.FuzzedDataProvider], str]"
    ) -> None:
        self._started = time.monotonic()
        self._seconds = seconds
        self._try_one = try_one
        self._outcomes: Counter[str] = Counter()

    def one_input(self, data: bytes) -> None:
        try:
            self._outcomes[self._try_one(atheris.FuzzedDataProvider(data))] += 1
        except BaseException as error:
            self._say(f"found {' '.join(getattr(error, '__notes__', ()))}")
            raise
        if time.monotonic() - self._started > self._seconds:
            self._say("nothing found")
            os._exit(0)  # libFuzzer takes a SystemExit for a finding

    def _say(self, outcome: str) -> None:
        seconds = time.monotonic() - self._started
        tried = ", ".join(f"{count} {what}" for what, count in self._outcomes.most_common())
        total = self._outcomes.total()
        print(f"{total} inputs in {seconds:.0f} s ({tried}): {outcome}", flush=True)  # noqa: T201


def run(
    arguments: Sequence[str],
    name: str,
    description: str | None,
    try_one: "Callable[[atheris.FuzzedDataProvider], str]",
) -> int:
    """Fuzz for a while; returns the exit code unless the fuzzer ends the process."""
    parser = argparse.ArgumentParser(prog=f"python -m {name}", description=description)
    parser.add_argument("--seconds", type=float, default=60, help="how long to look (60)")
    parser.add_argument("--corpus", default=None, help="a folder to keep telling inputs in")
    given = parser.parse_args(arguments)
    if atheris is None:
        print(_MISSING, file=sys.stderr)  # noqa: T201
        return 2
    going = _Run(given.seconds, try_one)
    corpus = [given.corpus] if given.corpus else []
    found = f"-artifact_prefix={tempfile.gettempdir()}/"
    flags = ["-max_len=1024", "-len_control=0", "-timeout=60", "-verbosity=0", found]
    atheris.Setup([sys.argv[0], *flags, *corpus], going.one_input)
    atheris.Fuzz()
    return 0


def main(arguments: Sequence[str]) -> int:
    """Run for a while."""
    return run(arguments, "tests.fuzz.rules", __doc__, check_one)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
