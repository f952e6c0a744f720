"""The command line, as a person uses it."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from services.embedded import commands
from services.runtime.clock import utc_now
from services.runtime.settings import Settings
from services.store import deliveries, written
from services.store.database import open_database, sqlite_url
from services.store.deliveries import NewDelivery
from services.store.written import Kind
from tests.embedded.command_line import an_empty_place, typed
from tests.notifier.notices import told
from tests.pipeline.inboxes import slack_inbox
from tests.pipeline.stories import REFERENCE

__all__ = ["an_empty_place"]

LOCAL = Settings(allowed_networks="127.0.0.0/8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A good folder with five rules."""
    path = tmp_path / "config"
    (path / "rules").mkdir(parents=True)
    _write(path / "feeds.yaml", {"feeds": [{"id": "wire", "url": "https://example.org/feed"}]})
    rules = [REFERENCE, *({"id": f"r{n}", "query": f"word{n}"} for n in range(5))]
    _write(path / "rules" / "all.yaml", {"rules": rules})
    _write(path / "channels.yaml", {"channels": [{"id": "screen", "type": "console"}]})
    _write(
        path / "subscriptions.yaml",
        {"subscriptions": [{"id": "me", "channel": "screen", "rules": "all"}]},
    )
    return path


def _write(path: Path, content: object) -> None:
    path.write_text(yaml.safe_dump(content))


def test_apply_says_what_it_stored_and_the_second_time_nothing(folder: Path) -> None:
    first = typed("apply", "--config", folder)
    assert first.exit_code == 0
    assert "feeds: 1 added (wire)" in first.stdout
    assert "rules: 6 added" in first.stdout
    second = typed("apply", "--config", folder)
    assert (second.exit_code, second.stdout) == (0, "nothing to change\n")


def test_apply_names_what_changed_and_what_was_removed(folder: Path) -> None:
    typed("apply", "--config", folder)
    rules = [
        {**REFERENCE, "severity": "low"},
        *({"id": f"r{n}", "query": f"word{n}"} for n in range(4)),
    ]
    _write(folder / "rules" / "all.yaml", {"rules": rules})
    said = typed("apply", "--config", folder)
    assert said.stdout == "rules: 1 changed (reference), 1 removed (r4)\n"


def test_removing_more_than_a_fifth_needs_prune(folder: Path) -> None:
    typed("apply", "--config", folder)
    _write(folder / "rules" / "all.yaml", {"rules": [REFERENCE]})
    refused = typed("apply", "--config", folder)
    assert refused.exit_code == 2
    assert "this would remove 5 of 6 rules" in refused.stderr
    assert "--prune" in refused.stderr
    pruned = typed("apply", "--config", folder, "--prune")
    assert (pruned.exit_code, pruned.stdout) == (0, "rules: 5 removed (r0, r1, r2, r3, r4)\n")


def test_lists_are_applied_and_one_that_somebody_elses_rule_needs_stays(folder: Path) -> None:
    _write(folder / "rules" / "lists.yaml", {"lists": {"ports": ["Karvala"], "old": ["x"]}})
    first = typed("apply", "--config", folder, "--state", "state")
    assert "lists: 2 added (old, ports)" in first.stdout
    assert 'rules/lists.yaml:2: warning: list "old": no rule of this folder uses it' in first.stderr
    asyncio.run(_made_elsewhere("theirs", "strike AND @ports"))
    (folder / "rules" / "lists.yaml").unlink()
    refused = typed("apply", "--config", folder, "--state", "state")
    assert refused.exit_code == 2
    assert refused.stderr.splitlines() == [
        "list ports cannot be removed while it is used by rule theirs; "
        "change or remove what uses it first",
        "nothing was applied",
    ]
    _write(folder / "rules" / "lists.yaml", {"lists": {"ports": ["Karvala", "Lindhafen"]}})
    said = typed("apply", "--config", folder, "--state", "state")
    assert said.stdout == "lists: 1 changed (ports), 1 removed (old)\n"


async def _made_elsewhere(rule_id: str, query: str) -> None:
    url = sqlite_url(Path("state") / "wirewatch.sqlite")
    async with open_database(url) as database, database.write() as tx:
        spec = {"id": rule_id, "query": query}
        await written.put(tx, Kind.RULES, {rule_id: spec}, "console", utc_now())


def test_all_mistakes_are_told_at_once_with_file_and_line_and_nothing_is_applied(
    folder: Path,
) -> None:
    (folder / "rules" / "all.yaml").write_text(
        "rules:\n  - id: a\n    query: '(Syria'\n  - id: a\n    query: Iran\n    severity: loud\n"
    )
    (folder / "feeds.yaml").write_text(
        "feeds:\n  - id: wire\n    url: ftp://example.org\n    uri: x\n"
    )
    (folder / "subscriptions.yaml").write_text(
        "subscriptions:\n  - id: me\n    channel: scren\n    rules: all\n"
    )
    said = typed("apply", "--config", folder)
    assert said.exit_code == 2
    for place in (
        "feeds.yaml:3: ",
        "feeds.yaml:4: ",
        "rules/all.yaml:3: ",
        "rules/all.yaml:4: ",
        "rules/all.yaml:6: ",
        "subscriptions.yaml:3: ",
    ):
        assert place in said.stderr, said.stderr
    assert "nothing was applied" in said.stderr
    assert typed("deliveries", "list").exit_code == 1  # there is not even a state folder


def test_a_rule_that_nobody_gets_is_warned_about(folder: Path) -> None:
    (folder / "subscriptions.yaml").write_text(
        "subscriptions:\n  - id: me\n    channel: screen\n    rules: {severities: [urgent]}\n"
    )
    said = typed("apply", "--config", folder)
    assert said.exit_code == 0
    assert 'rule "r0"' in said.stderr
    assert "warning" in said.stderr


def test_run_on_a_folder_that_is_not_there_is_refused() -> None:
    said = typed("run", "--config", "nowhere")
    assert said.exit_code == 2
    assert "nowhere: no such folder" in said.stderr


def test_all_mistakes_in_the_settings_end_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WIREWATCH_HTTP_PORT", "many")
    monkeypatch.setenv("WIREWATCH_LOG_LEVLE", "debug")
    said = typed("config")
    assert said.exit_code == 2
    assert "WIREWATCH_HTTP_PORT" in said.stderr
    assert "did you mean WIREWATCH_LOG_LEVEL?" in said.stderr
    assert "many" not in said.stderr


def test_config_shows_the_settings_in_force_with_secrets_masked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WIREWATCH_DATABASE_URL", "sqlite+aiosqlite:///hunter2")
    monkeypatch.setenv("WIREWATCH_TEXT_WORKERS", "7")
    said = typed("config")
    assert said.exit_code == 0
    assert "hunter2" not in said.stdout
    assert "********" in said.stdout
    lines: Sequence[list[str]] = [line.split() for line in said.stdout.splitlines()]
    assert ["WIREWATCH_TEXT_WORKERS", "7"] in lines


def test_a_console_channel_is_tested_on_the_screen(folder: Path) -> None:
    said = typed("channels", "test", "screen", "--config", folder)
    assert said.exit_code == 0
    assert "Sample" in said.stdout
    assert "screen: delivered" in said.stdout


def test_a_channel_that_is_not_there_is_named_with_those_that_are(folder: Path) -> None:
    said = typed("channels", "test", "scren", "--config", folder)
    assert said.exit_code == 2
    assert "screen" in said.stderr


async def test_a_slack_channel_is_tested_and_a_missing_secret_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(
        folder / "channels.yaml",
        {"channels": [{"id": "screen", "type": "slack", "webhook_url": {"env": "MY_WEBHOOK"}}]},
    )
    missing = await commands.test_channel(folder, "screen", LOCAL)
    assert missing.code == 1
    assert "MY_WEBHOOK" in missing.errors[0]
    async with slack_inbox() as inbox:
        monkeypatch.setenv("MY_WEBHOOK", inbox.url)
        sent = await commands.test_channel(folder, "screen", LOCAL)
        assert sent.code == 0
        assert inbox.holding("Sample")
        inbox.answers.append(500)
        failed = await commands.test_channel(folder, "screen", LOCAL)
        assert failed.code == 1
        assert "secret-part" not in str(failed)


def test_commands_on_an_empty_state_say_so(folder: Path) -> None:
    typed("apply", "--config", folder)
    assert typed("deliveries", "list").stdout == "no deliveries\n"
    assert typed("dlq", "list").stdout == "no dead letters\n"
    assert typed("deliveries", "retry", "nothing").exit_code == 1


def test_a_notice_to_the_operator_is_listed_among_the_deliveries(tmp_path: Path) -> None:
    async def tell() -> None:
        (tmp_path / "var").mkdir()
        url = sqlite_url(tmp_path / "var" / "wirewatch.sqlite")
        async with open_database(url) as database, database.write() as tx:
            message = told()
            new = NewDelivery("d", message.story_id, "operator", 1, "desk", message.encode())
            await deliveries.enqueue(tx, [new], utc_now())

    asyncio.run(tell())
    said = typed("deliveries", "list")
    assert "operator -> desk The Harbour Gazette cannot be read" in said.stdout
