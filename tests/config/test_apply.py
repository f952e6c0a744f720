"""A folder is applied whole or not at all, and what changed is on its way to the matchers."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from schemas.rule import RulesManifest, Severity, TermList, WatchRule
from services.config.apply import Applied, apply_folder
from services.config.folder import Broken
from services.config.plan import PruneRefused
from services.config.saved_lists import ListInUse
from services.store import feeds, outbox, written
from services.store.database import (
    Database,
    DatabaseUnavailableError,
    open_database,
    sqlite_url,
)
from services.store.feeds import FeedState
from services.store.written import Kind
from tests.config.written_folder import Files, write
from tests.servers.faults import FaultyDatabase

NOW = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)


def rules_file(**queries: str) -> Files:
    """The files of a folder with these rules."""
    lines = [f"  - id: {rule_id}\n    query: {query}\n" for rule_id, query in queries.items()]
    return {"rules/iran.yaml": "rules:\n" + "".join(lines)}


def rules_and_lists(lists: Mapping[str, Sequence[str]], **queries: str) -> Files:
    """The files of a folder with these rules and saved lists."""
    rules = [{"id": rule_id, "query": query} for rule_id, query in queries.items()]
    return {"rules/iran.yaml": json.dumps({"rules": rules, "lists": lists})}


@dataclass
class Installation:
    """A folder and the database it is applied to."""

    folder: Path
    database: Database

    async def apply(
        self, files: Files | None = None, prune: bool = False
    ) -> Applied | Broken | PruneRefused | ListInUse:
        write(self.folder, files or {})
        return await apply_folder(self.database, self.folder, prune, lambda: NOW)

    async def stored(self, kind: Kind) -> dict[str, int]:
        """The versions by id."""
        async with self.database.read() as tx:
            return {i: item.version for i, item in (await written.items(tx, kind)).items()}

    async def generation(self) -> int:
        async with self.database.read() as tx:
            return await written.counter(tx, written.GENERATION)

    async def announced(self) -> list[str]:
        """What waits to be broadcast, in order: `rule 2`, `-rule`, `@list 1`, `manifest 3/1`."""
        async with self.database.read() as tx:
            return [_short(w) for w in await outbox.waiting(tx, 999)]


def _short(waiting: outbox.Waiting) -> str:
    if waiting.key == "manifest":
        manifest = RulesManifest.decode(waiting.value)
        lists = f"+{manifest.lists}" if manifest.lists else ""
        return f"manifest {manifest.generation}/{manifest.rules}{lists}"
    name = waiting.key.replace("list:", "@").removeprefix("rule:")
    if waiting.value is None:
        return f"-{name}"
    if waiting.key.startswith("list:"):
        found = TermList.decode(waiting.value)
        assert found.key == waiting.key
        return f"{name} {found.version}"
    rule = WatchRule.decode(waiting.value)
    assert rule.key == waiting.key
    return f"{rule.rule_id} {rule.version}"


@pytest.fixture
def installation(tmp_path: Path, database: Database) -> Installation:
    return Installation(tmp_path / "config", database)


async def test_a_first_folder_is_stored_and_announced_with_the_manifest_last(
    installation: Installation,
) -> None:
    applied = await installation.apply(rules_file(b="Basra", a="Abadan"))
    assert isinstance(applied, Applied)
    for kind in set(Kind) - {Kind.LISTS}:
        assert await installation.stored(kind)
    assert await installation.announced() == ["a 1", "b 1", "manifest 1/2"]
    assert await installation.generation() == 1


async def test_the_same_folder_again_changes_and_announces_nothing(
    installation: Installation,
) -> None:
    await installation.apply()
    before = await installation.announced()
    again = await installation.apply()
    assert isinstance(again, Applied)
    assert again.plan.empty
    assert await installation.announced() == before
    assert await installation.generation() == 1
    assert set((await installation.stored(Kind.RULES)).values()) == {1}


async def test_only_what_changed_is_announced_under_the_next_version_and_generation(
    installation: Installation,
) -> None:
    await installation.apply(rules_file(a="Abadan", b="Basra"))
    await installation.apply(rules_file(a="Abadan", b="Bandar"))
    assert (await installation.announced())[3:] == ["b 2", "manifest 2/2"]


async def test_a_change_of_anything_else_raises_the_generation_too(
    installation: Installation,
) -> None:
    await installation.apply()
    await installation.apply({"feeds.yaml": "feeds:\n  - id: bbc\n    url: https://b.example/\n"})
    assert (await installation.announced())[2:] == ["manifest 2/1"]


async def test_a_rule_is_announced_with_all_that_the_author_wrote(
    installation: Installation,
) -> None:
    text = (
        "rules:\n  - id: iran\n    name: Ground forces\n    query: Iran\n"
        "    severity: urgent\n    tags: [war, me]\n    languages: [ar, fa]\n"
        "    stem: yes\n    clitics: yes\n    tests: [{title: x, match: no}]\n"
    )
    await installation.apply({"rules/iran.yaml": text})
    async with installation.database.read() as tx:
        first, _ = await outbox.waiting(tx, 2)
    assert WatchRule.decode(first.value) == WatchRule(
        rule_id="iran",
        version=1,
        name="Ground forces",
        query="Iran",
        severity=Severity.URGENT,
        tags=("war", "me"),
        languages=("ar", "fa"),
        stem=True,
        clitics=True,
    )


async def test_lists_go_first_those_that_others_use_before_them(
    installation: Installation,
) -> None:
    lists = {"irgc": ["@zeal", "IRGC"], "zeal": ["Basij"]}
    await installation.apply(rules_and_lists(lists, a="Iran @irgc"))
    assert await installation.announced() == ["@zeal 1", "@irgc 1", "a 1", "manifest 1/1+2"]


async def test_a_changed_list_is_announced_without_the_rules_that_use_it(
    installation: Installation,
) -> None:
    await installation.apply(rules_and_lists({"irgc": ["IRGC"]}, a="@irgc"))
    applied = await installation.apply(rules_and_lists({"irgc": ["IRGC", "Basij"]}, a="@irgc"))
    assert isinstance(applied, Applied)
    assert applied.plan.lines == ("lists: 1 changed (irgc)",)
    assert (await installation.announced())[3:] == ["@irgc 2", "manifest 2/1+1"]


async def test_a_list_goes_after_the_rules_that_stopped_using_it(
    installation: Installation,
) -> None:
    await installation.apply(rules_and_lists({"irgc": ["IRGC"]}, a="Iran @irgc", b="Oman"))
    await installation.apply(rules_and_lists({}, a="Iran", b="Oman"))
    assert (await installation.announced())[4:] == ["a 2", "-@irgc", "manifest 2/2"]


async def test_a_list_that_a_rule_made_elsewhere_uses_stays(installation: Installation) -> None:
    await installation.apply(rules_and_lists({"irgc": ["IRGC"]}, a="@irgc"))
    async with installation.database.write() as tx:
        spec = {"id": "theirs", "query": "Oman @irgc"}
        await written.put(tx, Kind.RULES, {"theirs": spec}, "console", NOW)
    before = await installation.announced()
    refused = await installation.apply(rules_and_lists({}, a="Iran"), prune=True)
    assert isinstance(refused, ListInUse)
    assert refused.lines == (
        "list irgc cannot be removed while it is used by rule theirs; "
        "change or remove what uses it first",
    )
    assert await installation.announced() == before
    assert set(await installation.stored(Kind.LISTS)) == {"irgc"}


async def test_removing_too_much_is_refused_whole_and_done_with_prune(
    installation: Installation,
) -> None:
    six = dict.fromkeys("abcdef", "Iran")
    await installation.apply(rules_file(**six))
    before = await installation.announced()
    fewer = rules_file(a="Abadan", b="Iran", g="Gaza")
    assert isinstance(await installation.apply(fewer), PruneRefused)
    assert await installation.announced() == before
    assert set(await installation.stored(Kind.RULES)) == set(six)
    assert isinstance(await installation.apply(fewer, prune=True), Applied)
    assert (await installation.announced())[len(before) :] == [
        *("-c", "-d", "-e", "-f"),
        *("g 1", "a 2", "manifest 2/3"),
    ]


async def test_one_rule_of_six_may_go_without_prune(installation: Installation) -> None:
    six = dict.fromkeys("abcdef", "Iran")
    await installation.apply(rules_file(**six))
    del six["c"]
    assert isinstance(await installation.apply(rules_file(**six)), Applied)
    assert (await installation.announced())[7:] == ["-c", "manifest 2/5"]


async def test_a_broken_folder_changes_nothing(installation: Installation) -> None:
    await installation.apply()
    before = await installation.announced()
    broken = await installation.apply({"feeds.yaml": "feeds: 3\n", **rules_file(z="Zagros")})
    assert isinstance(broken, Broken)
    assert await installation.announced() == before
    assert set(await installation.stored(Kind.RULES)) == {"iran"}


async def test_what_others_made_stays_and_counts_in_the_manifest(
    installation: Installation,
) -> None:
    async with installation.database.write() as tx:
        spec = {"id": "theirs", "query": "Oman"}
        await written.put(tx, Kind.RULES, {"theirs": spec}, "console", NOW)
    await installation.apply()
    assert set(await installation.stored(Kind.RULES)) == {"iran", "theirs"}
    assert (await installation.announced())[-1] == "manifest 1/2"


async def test_a_removed_feed_loses_its_polling_state(installation: Installation) -> None:
    two = (
        "feeds:\n  - id: bbc\n    url: https://bbc.example/rss\n"
        "  - id: old\n    url: https://old.example/rss\n"
    )
    await installation.apply({"feeds.yaml": two})
    async with installation.database.write() as tx:
        for name in ("bbc", "old"):
            state = FeedState(name, "u", None, None, None, NOW, NOW, {"failures": 0})
            await feeds.save_state(tx, state)
    await installation.apply(prune=True)
    async with installation.database.read() as tx:
        assert set(await feeds.states(tx)) == {"bbc"}


async def test_a_feed_that_comes_back_begins_anew_though_a_poll_outlasted_its_removal(
    installation: Installation,
) -> None:
    both = (
        "feeds:\n  - id: bbc\n    url: https://bbc.example/rss\n"
        "  - id: old\n    url: https://old.example/rss\n"
    )
    await installation.apply({"feeds.yaml": both})
    await installation.apply(prune=True)
    async with installation.database.write() as tx:
        state = FeedState("old", "u", "etag", None, None, NOW, NOW, {"failures": 0})
        await feeds.save_state(tx, state)
        await feeds.schedule_retry(tx, feeds.PageRetry("a", "old", b"", 0, NOW))
    await installation.apply({"feeds.yaml": both})
    async with installation.database.read() as tx:
        assert "old" not in await feeds.states(tx)
        assert await feeds.due_retries(tx, NOW, 9) == []


@pytest.mark.parametrize("after_commit", [False, True])
async def test_an_outage_leaves_all_or_nothing_and_the_next_apply_makes_it_whole(
    installation: Installation, after_commit: bool
) -> None:
    real = installation.database
    installation.database = FaultyDatabase(real, 1, after_commit=after_commit)
    with pytest.raises(DatabaseUnavailableError):
        await installation.apply()
    installation.database = real
    assert await installation.announced() == (["iran 1", "manifest 1/1"] if after_commit else [])
    await installation.apply()
    assert await installation.announced() == ["iran 1", "manifest 1/1"]


@pytest.fixture(params=["sqlite", "postgresql"])
def shared_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "shared.sqlite")
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def two_processes(shared_url: str) -> AsyncIterator[tuple[Database, Database]]:
    async with open_database(shared_url) as one, open_database(shared_url) as two:
        yield one, two


async def test_two_folders_applied_at_once_follow_one_another(
    tmp_path: Path, two_processes: tuple[Database, Database]
) -> None:
    """The later plans on what the earlier has stored: no generation is given twice."""
    installations = [
        Installation(tmp_path / str(n), database) for n, database in enumerate(two_processes)
    ]
    await installations[0].apply(rules_file(a="Abadan"))
    await asyncio.gather(
        installations[0].apply(rules_file(a="Basra")), installations[1].apply(rules_file(a="Qom"))
    )
    announced = await installations[0].announced()
    assert announced[2:] == ["a 2", "manifest 2/1", "a 3", "manifest 3/1"]
    assert await installations[0].generation() == 3


async def test_the_same_folder_applied_by_two_processes_at_once_is_applied_once(
    tmp_path: Path, two_processes: tuple[Database, Database]
) -> None:
    installations = [Installation(tmp_path, database) for database in two_processes]
    await asyncio.gather(*(i.apply() for i in installations))
    assert await installations[0].announced() == ["iran 1", "manifest 1/1"]


async def test_a_folder_that_tells_no_operator_of_broken_feeds_is_applied_with_a_warning(
    installation: Installation,
) -> None:
    applied = await installation.apply()
    assert isinstance(applied, Applied)
    assert [str(warning) for warning in applied.warnings] == [
        "subscriptions.yaml: warning: no subscription is of kind ops: nobody is told when a feed "
        "breaks or goes silent; add one, such as {id: operator, kind: ops, channel: NAME}"
    ]
    subscriptions = (
        "subscriptions:\n  - {id: all, channel: console, rules: all}\n"
        "  - {id: operator, channel: console, kind: ops}\n"
    )
    applied = await installation.apply({"subscriptions.yaml": subscriptions})
    assert isinstance(applied, Applied)
    assert applied.warnings == ()


async def test_an_operator_who_subscribed_elsewhere_is_told_and_needs_no_warning(
    installation: Installation,
) -> None:
    spec = {"id": "me", "kind": "ops", "channel": "console"}
    async with installation.database.write() as tx:
        await written.put(tx, Kind.SUBSCRIPTIONS, {"me": spec}, "console", NOW)
    applied = await installation.apply()
    assert isinstance(applied, Applied)
    assert applied.warnings == ()
