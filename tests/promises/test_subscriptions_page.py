"""What the page about subscriptions promises: its examples are taken, its table is whole."""

import re
import textwrap
from pathlib import Path

import pytest

from schemas.subscriptions import SubscriptionSpec
from services.config.folder import Folder, read_folder
from services.notifier.message import MOST_ITEMS
from services.runtime.metrics import Metrics
from services.store.held import Why

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "subscriptions.md").read_text()
EXAMPLES = [
    textwrap.dedent(block)
    for block in re.findall(r"((?:^ {4}.*\n|^\n)+)", PAGE, re.MULTILINE)
    if textwrap.dedent(block).strip().startswith("subscriptions:")
]

CHANNELS = """
channels:
  - {id: desk-slack, type: slack, webhook_url: {env: SLACK}}
  - {id: ann-ntfy, type: apprise, url: {env: NTFY}}
  - id: desk-email
    type: email
    host: smtp.example.org
    sender: alerts@example.org
    recipients: [ann@example.org]
"""
RULES = """
rules:
  - {id: oil, query: oil, tags: [energy], severity: urgent}
  - {id: gas, query: gas, tags: [energy]}
"""


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 5


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_folder_check_takes_every_example(example: str, tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "rules.yaml").write_text(RULES)
    (tmp_path / "channels.yaml").write_text(CHANNELS)
    (tmp_path / "feeds.yaml").write_text("feeds:\n  - {id: bbc, url: https://bbc.example/rss}\n")
    (tmp_path / "subscriptions.yaml").write_text(example)
    found = read_folder(tmp_path)
    assert isinstance(found, Folder), found
    warnings = [str(problem) for problem in found.warnings if "channels.yaml" not in str(problem)]
    assert [w for w in warnings if "no subscription selects it" not in w] == []


def test_the_table_has_every_key() -> None:
    named = re.findall(r"^\| `(\w+)` \|", PAGE[: PAGE.index("## Several")], re.MULTILINE)
    assert named == list(SubscriptionSpec.model_fields)


def test_the_page_names_every_reason_to_hold_and_the_metrics() -> None:
    section = PAGE[PAGE.index("## What is held") :]
    assert all(f"`{why.value}`" in section for why in Why)
    exposed = Metrics().exposition().decode()
    for name in re.findall(r"`(wirewatch_held\w+)", section):
        assert name.removesuffix("_total") in exposed
    assert f"shows up to {MOST_ITEMS} " in PAGE
