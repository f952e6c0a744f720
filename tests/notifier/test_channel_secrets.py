"""Where secrets come from, and that a missing one is named by its place."""

from pathlib import Path

import pytest

from schemas.folder import ChannelSpec, ConsoleSpec, EmailSpec, SecretRef, SlackSpec
from services.notifier.channels import Surroundings, open_channel
from services.notifier.channels.console import ConsoleChannel
from services.notifier.channels.detail import detail, lacks
from services.notifier.channels.email import EmailChannel
from services.notifier.channels.port import Channel
from services.notifier.channels.slack import SlackChannel
from services.notifier.channels.slack_bot import SlackBotChannel
from services.notifier.outcome import suspends
from services.runtime.secrets import MissingSecret, resolve


def test_a_secret_comes_from_a_variable() -> None:
    assert resolve(SecretRef(env="PASS"), {"PASS": "s3cret\n"}) == "s3cret\n"


@pytest.mark.parametrize("written", ["s3cret", "s3cret\n", "s3cret\r\n"])
def test_a_secret_comes_from_a_file_without_the_final_line_break(
    written: str, tmp_path: Path
) -> None:
    file = tmp_path / "pass"
    file.write_bytes(written.encode())
    assert resolve(SecretRef(file=str(file)), {}) == "s3cret"


@pytest.mark.parametrize("env", [{}, {"PASS": ""}])
def test_a_missing_variable_is_a_value_that_holds_the_channel(env: dict[str, str]) -> None:
    missing = resolve(SecretRef(env="PASS"), env)
    assert isinstance(missing, MissingSecret)
    assert "PASS" in missing.problem
    assert suspends(lacks(missing))


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe"])
def test_an_unusable_file_is_a_value_that_names_the_file(
    content: bytes | None, tmp_path: Path
) -> None:
    file = tmp_path / "pass"
    if content is not None:
        file.write_bytes(content)
    missing = resolve(SecretRef(file=str(file)), {})
    assert isinstance(missing, MissingSecret)
    assert str(file) in missing.problem


def test_a_secret_that_a_server_quotes_is_blotted_out() -> None:
    said = detail("535 no\r\n'hunter2'\x1b[0m nor hunter22" + "." * 500, ("hunter2", "hunter22"))
    assert said.startswith("535 no '[secret]'[0m nor [secret]..")
    assert len(said) == 300


async def test_every_kind_of_specification_opens_its_channel() -> None:
    hook = SecretRef(env="HOOK")
    bot = {"token": hook, "channel": "newsdesk"}
    specs: dict[type[Channel], ChannelSpec] = {
        ConsoleChannel: ConsoleSpec(id="c", type="console"),
        SlackChannel: SlackSpec(id="s", type="slack", webhook_url=hook),
        SlackBotChannel: SlackSpec(id="b", type="slack", **bot),
        EmailChannel: EmailSpec(
            id="e",
            type="email",
            host="mail.example",
            sender="a@b.example",
            recipients=("c@d.example",),
        ),
    }
    for kind, spec in specs.items():
        channel = open_channel(spec, {}, Surroundings(timeout=1))
        assert isinstance(channel, kind)
        await channel.close()
