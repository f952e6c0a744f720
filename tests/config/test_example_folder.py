"""The example folder is one that a newcomer can copy."""

from pathlib import Path

from services.config.folder import Folder, read_folder

EXAMPLE = Path(__file__).parents[2] / "deploy" / "examples" / "config"


def test_the_example_folder_is_accepted_without_a_word() -> None:
    found = read_folder(EXAMPLE)
    assert isinstance(found, Folder), found
    assert found.warnings == ()
    assert len(found.feeds) == 6
    assert {channel.type for channel in found.channels} == {"console", "slack", "email"}


def test_the_example_holds_the_reference_rule() -> None:
    found = read_folder(EXAMPLE)
    assert isinstance(found, Folder)
    assert '"Iranian ground forces" NEAR/3 Syria' in {rule.query for rule in found.rules}
