"""Fuzzes the rule index against trying each rule: `python -m tests.fuzz.index --seconds N`.

Decides what must hold of any set of rules through changes, dumps and loads: NumPy, the
compiled kernel and one rule at a time say the same, with the same proof. Rules are put
together from parts, so that most of them are read; texts as in `rules`.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.fuzz.rules import PIECES, article, instrumented, run, text

with instrumented():
    from schemas.article import Article
    from schemas.rule import WatchRule
    from services.engine.errors import RuleError
    from services.engine.parse import Lists, parse
    from services.engine.ruleset import RuleSet
    from tests.engine.oracle import proofs_one_by_one

if TYPE_CHECKING:
    import atheris

_TERMS = (
    *("karvala", "port", "lind", "a", "b", "port lind", "us", "2000", "3.5", "İı", "zurich"),
    *('"port lind"', '"a b a"', '"lind port lind"', '"2,000 karvala"', '"U.S. port"'),
    *("karv*", "por?", "lin*d", '"karv* lind"', "exact:US", 'exact:"Port lind"', "exact:Karvala"),
    *(
        "港",
        "港口",
        '"港口 port"',
        "부산",
        '"port 부산"',
        "سوريا",
        "والميناء",
        'צה"ל',
        "ที่",
        "ン",
        "ﷺ",
    ),
    *("@one", "@two", "@three", "source:coast-wire", "source:example.org", "author:low", "lang:en"),
    *("url:strike", 'category:"port lind"', "source:80"),
)
_LINKS = ("NEAR/0", "NEAR/2", "ONEAR/1", "ONEAR/9", "NEAR/S", "NEAR/P", "NOT NEAR/1", "NOT ONEAR/2")
_ITEMS = (
    *_TERMS[:33],
    "@three",
    "title:port",
    "port AND lind",
    "port OR lind",
    "NOT port",
    "a NEAR/1 b",
)


def query(data: "atheris.FuzzedDataProvider", depth: int = 3) -> str:
    """An expression, put together."""
    kind = data.ConsumeIntInRange(0, 9) if depth else 0
    if kind <= 2:
        return _TERMS[data.ConsumeIntInRange(0, len(_TERMS) - 1)]
    if kind == 3:
        return _TERMS[data.ConsumeIntInRange(0, 40)] + text(data, 1)
    inner = query(data, depth - 1)
    if kind == 4:
        return f"NOT ({inner})"
    if kind == 5:
        return f"ATLEAST/{data.ConsumeIntInRange(1, 3)} ({inner})"
    if kind == 6:
        return f"{('title', 'body', 'lead')[data.ConsumeIntInRange(0, 2)]}:({inner})"
    other = query(data, depth - 1)
    link = _LINKS[data.ConsumeIntInRange(0, len(_LINKS) - 1)]
    return f"({inner}) {('AND', 'OR', link)[kind - 7]} ({other})"


def _told(data: "atheris.FuzzedDataProvider") -> Article:
    words = [*_TERMS[:30], *PIECES]

    def passage(most: int) -> str:
        parts: list[str] = []
        for _ in range(data.ConsumeIntInRange(0, most)):
            number = data.ConsumeIntInRange(0, len(words))
            parts.append(text(data, 1) if number == len(words) else words[number].strip('"'))
            parts.append(
                (" ", " ", " ", "", "\n\n", ".", "’s ", ", ")[data.ConsumeIntInRange(0, 7)]
            )
        return "".join(parts)

    told = article(passage(6), passage(20))
    lang = (None, "en", "ar", "de-AT")[data.ConsumeIntInRange(0, 3)]
    url = (None, told.url)[data.ConsumeBool()]
    body = told.body if data.ConsumeIntInRange(0, 3) else ""
    summary = told.summary if body else told.body
    return told.model_copy(update={"lang": lang, "url": url, "body": body, "summary": summary})


def _rule(data: "atheris.FuzzedDataProvider", number: int, version: int) -> WatchRule:
    flags = data.ConsumeIntInRange(0, 15)
    plain = flags < 8
    languages: tuple[str, ...] = () if plain or not flags & 4 else ("ar", "en")
    return WatchRule(
        rule_id=f"r{number}",
        version=version,
        name=f"r{number}",
        query=query(data),
        languages=languages,
        stem=not plain and bool(flags & 1),
        clitics=not plain and bool(flags & 2),
    )


def _lists(data: "atheris.FuzzedDataProvider") -> Lists:
    def items() -> tuple[str, ...]:
        count = data.ConsumeIntInRange(1, 3)
        return tuple(_ITEMS[data.ConsumeIntInRange(0, len(_ITEMS) - 1)] for _ in range(count))

    three = tuple(item for item in items() if item != "@three") or ("karvala",)
    return {"one": items(), "two": items(), "three": three}


def usable(rule: WatchRule, lists: Lists) -> bool:
    """Whether the rule can be read."""
    try:
        parse(rule.query, lists)
    except RuleError:
        return False
    return True


@dataclass
class _State:
    """The rules there should be, and the sets that should have them."""

    rules: dict[str, WatchRule]
    lists: Lists
    sets: list[RuleSet]
    earlier: list[tuple[dict[str, WatchRule], Lists, list[RuleSet]]] = field(default_factory=list)

    def compare(self, told: Article) -> int:
        """Raise where a set finds anything else than it should; how many rules match."""
        views = [(self.rules, self.lists, self.sets), *self.earlier]
        for rules, lists, sets in views:
            expected = proofs_one_by_one(rules.values(), told, lists)
            for one in sets:
                result = one.match(told)
                if result.index_error is not None:
                    raise result.index_error
                assert result.failures == ()
                got = {match.rule_id: match.evidence for match in result.matches}
                assert got == expected, (got, expected, rules, lists, told)
                assert (list(one.rules) and len(one) == len(rules)) or not rules
        return len(proofs_one_by_one(self.rules.values(), told, self.lists))


def check(data: "atheris.FuzzedDataProvider") -> str:
    """One history of a set of rules; what came of it, to be counted."""
    lists = _lists(data)
    first = {
        one.rule_id: one
        for one in (_rule(data, n, 1) for n in range(data.ConsumeIntInRange(1, 4)))
        if usable(one, lists)
    }
    sets = [RuleSet.of(first.values(), lists, kernel=kernel) for kernel in (False, True)]
    state = _State(first, lists, sets)
    matched = state.compare(_told(data))
    for version in range(data.ConsumeIntInRange(0, 3)):
        _go_on(data, state, version + 2)
        matched += state.compare(_told(data))
    return "histories with a match" if matched else "histories without"


def _go_on(data: "atheris.FuzzedDataProvider", state: _State, version: int) -> None:
    kind = data.ConsumeIntInRange(0, 3)
    if kind == 0:
        dumps = [{n: a.copy() for n, a in one.dump().items()} for one in state.sets]
        state.sets = [RuleSet.of_dump(d, k) for d, k in zip(dumps, (False, True), strict=True)]
        state.earlier = []
        return
    lists = _lists(data) if kind == 1 else state.lists
    given = [
        _rule(data, data.ConsumeIntInRange(0, 5), version)
        for _ in range(data.ConsumeIntInRange(0, 2))
    ]
    removed = {f"r{data.ConsumeIntInRange(0, 5)}"} if data.ConsumeBool() else set[str]()
    new = {i: r for i, r in state.rules.items() if i not in removed}
    new |= {one.rule_id: one for one in given}
    broken = {i for i, one in new.items() if not usable(one, lists)}
    upserts = [one for one in given if one.rule_id not in broken]
    removed |= broken
    new = {i: r for i, r in new.items() if i not in broken}
    state.earlier = [(state.rules, state.lists, state.sets)]
    state.sets = [one.changed(upserts, removed, lists) for one in state.sets]
    state.rules, state.lists = new, lists


def main(arguments: Sequence[str]) -> int:
    """Run for a while; returns the exit code unless the fuzzer ends the process."""
    return run(arguments, "tests.fuzz.index", __doc__, check)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
