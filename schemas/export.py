"""Writes `schemas/json/`: a JSON Schema for every message and for every file people write.

    python -m schemas.export

A test fails when the files differ from the models.
"""

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, create_model

from schemas import folder
from schemas.dead_letter import DeadLetter
from schemas.message import Message
from schemas.topics import TOPICS
from schemas.webhook import EVENTS

JSON = Path(__file__).parent / "json"


def schemas() -> dict[str, str]:
    """The text of every schema file by name."""
    models: dict[str, type[BaseModel]] = {_name(model): model for model in _messages()}
    models |= {
        "feeds-file": _file("FeedsFile", feeds=(tuple[folder.FeedSpec, ...], ...)),
        "rules-file": _file(
            "RulesFile",
            rules=(tuple[folder.RuleSpec, ...], ()),
            lists=(
                dict[folder.ListName, tuple[str, ...]],
                Field(default={}, description="saved lists: expressions by the name behind the @"),
            ),
        ),
        "channels-file": _file("ChannelsFile", channels=(tuple[folder.ChannelSpec, ...], ...)),
        "subscriptions-file": _file(
            "SubscriptionsFile", subscriptions=(tuple[folder.SubscriptionSpec, ...], ...)
        ),
    }
    return {f"{name}.json": _text(model) for name, model in sorted(models.items())}


def _file(name: str, **keys: Any) -> type[BaseModel]:
    """A file that people write: its keys, and no others."""
    return create_model(name, __base__=folder.Written, **keys)


def _messages() -> list[type[Message]]:
    return [*(model for topic in TOPICS for model in topic.models), DeadLetter, *EVENTS]


def _name(model: type[BaseModel]) -> str:
    return "".join(f"-{c.lower()}" if c.isupper() else c for c in model.__name__).strip("-")


def _text(model: type[BaseModel]) -> str:
    return json.dumps(model.model_json_schema(), indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write the files, and remove those of models that are gone."""
    JSON.mkdir(exist_ok=True)
    wanted = schemas()
    for old in JSON.glob("*.json"):
        if old.name not in wanted:
            old.unlink()
    for name, text in wanted.items():
        (JSON / name).write_text(text)


if __name__ == "__main__":
    main()
