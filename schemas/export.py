"""Writes `schemas/json/`: a JSON Schema for every message and for every file people write.

    python -m schemas.export

A test fails when the files differ from the models.
"""

import json
from pathlib import Path

from pydantic import BaseModel, create_model

from schemas import folder
from schemas.dead_letter import DeadLetter
from schemas.message import Message
from schemas.topics import TOPICS

JSON = Path(__file__).parent / "json"


def schemas() -> dict[str, str]:
    """The text of every schema file by name."""
    models: dict[str, type[BaseModel]] = {_name(model): model for model in _messages()}
    models |= {
        "feeds-file": create_model("FeedsFile", feeds=(tuple[folder.FeedSpec, ...], ...)),
        "rules-file": create_model(
            "RulesFile",
            rules=(tuple[folder.RuleSpec, ...], ()),
            lists=(dict[folder.ListName, tuple[str, ...]], {}),
        ),
        "channels-file": create_model(
            "ChannelsFile", channels=(tuple[folder.ChannelSpec, ...], ...)
        ),
        "subscriptions-file": create_model(
            "SubscriptionsFile", subscriptions=(tuple[folder.SubscriptionSpec, ...], ...)
        ),
    }
    return {f"{name}.json": _text(model) for name, model in sorted(models.items())}


def _messages() -> list[type[Message]]:
    return [*(model for topic in TOPICS for model in topic.models), DeadLetter]


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
