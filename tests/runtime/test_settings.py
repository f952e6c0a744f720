"""Settings: every mistake is named at once, and no value is ever said."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from services.runtime.settings import (
    Settings,
    SettingsError,
    check_names,
    effective,
    example_env_file,
    load_settings,
    variable,
)


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(variable(name), raising=False)


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        setattr(Settings(), "http_port", 1)  # noqa: B010 - mypy knows it, too


def test_a_near_miss_is_refused_with_the_name_that_was_meant() -> None:
    refused, warned = check_names(["WIREWATCH_HTTP_PROT"], Settings.model_fields)
    assert refused == ["WIREWATCH_HTTP_PROT is not a setting; did you mean WIREWATCH_HTTP_PORT?"]
    assert warned == []


def test_an_unknown_name_is_warned_about_and_others_are_nobodys_business() -> None:
    given = ["WIREWATCH_MOOD", "PATH", "WIREWATCH_TEST_KAFKA", "WIREWATCH_HTTP_PORT"]
    refused, warned = check_names(given, Settings.model_fields)
    assert refused == []
    assert warned == ["WIREWATCH_MOOD is not a setting of this version and is ignored"]


def test_all_mistakes_are_named_at_once_and_no_value_is_echoed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WIREWATCH_HTTP_PORT", "hunter2")
    monkeypatch.setenv("WIREWATCH_LOG_LEVEL", "hunter2")
    monkeypatch.setenv("WIREWATCH_CONTACT_URL", "hunter2")
    monkeypatch.setenv("WIREWATCH_TEXT_WORKRES", "hunter2")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    names = [problem.partition(":")[0].partition(" ")[0] for problem in caught.value.problems]
    assert sorted(names) == [
        "WIREWATCH_CONTACT_URL",
        "WIREWATCH_HTTP_PORT",
        "WIREWATCH_LOG_LEVEL",
        "WIREWATCH_TEXT_WORKRES",
    ]
    assert "hunter2" not in str(caught.value)


def test_settings_that_contradict_each_other_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WIREWATCH_POLL_MIN_INTERVAL_SECONDS", "1000")
    with pytest.raises(SettingsError, match="must not exceed WIREWATCH_POLL_MAX_INTERVAL"):
        load_settings()


def test_the_environment_wins_over_the_env_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("WIREWATCH_HTTP_PORT=1\nWIREWATCH_TEXT_WORKERS=3\nWIREWATCH_MOOD=x\n")
    monkeypatch.setenv("WIREWATCH_HTTP_PORT", "2")
    settings, warnings = load_settings(env_file)
    assert (settings.http_port, settings.text_workers) == (2, 3)
    assert len(warnings) == 1


def test_secrets_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WIREWATCH_DATABASE_URL", "sqlite+aiosqlite:///hunter2")
    settings, _ = load_settings()
    assert effective(settings)["WIREWATCH_DATABASE_URL"] == "********"
    assert "hunter2" not in repr(settings)


def test_the_committed_example_is_what_the_model_says() -> None:
    committed = (Path(__file__).parents[2] / ".env.example").read_text()
    assert committed == example_env_file(), "run wirewatch config --example > .env.example"


def test_the_example_with_everything_uncommented_is_valid(tmp_path: Path) -> None:
    lines = example_env_file().splitlines()
    env_file = tmp_path / ".env"
    uncommented = [
        line[1:] for line in lines if line.startswith("#WIREWATCH_") and not line.endswith("=")
    ]
    env_file.write_text("\n".join(uncommented))
    assert load_settings(env_file) == (Settings(), [])


def test_a_network_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WIREWATCH_ALLOWED_NETWORKS", "10.0.0.0/8, intranet")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    (problem,) = caught.value.problems
    assert problem.startswith("WIREWATCH_ALLOWED_NETWORKS: 'intranet' is not a network")
    assert "10.1.0.0/16" in problem
