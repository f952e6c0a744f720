"""A good folder to spoil, and the lines its author gets."""

from collections.abc import Mapping
from pathlib import Path

from services.config.folder import Folder, read_folder

Files = Mapping[str, str | bytes | None]

GOOD: Files = {
    "feeds.yaml": "feeds:\n  - id: bbc\n    url: https://bbc.example/rss\n",
    "rules/iran.yaml": "rules:\n  - id: iran\n    query: Iran\n    tags: [me]\n",
    "channels.yaml": "channels:\n  - id: console\n    type: console\n",
    "subscriptions.yaml": "subscriptions:\n  - id: all\n    channel: console\n    rules: all\n",
}


def write(folder: Path, changes: Files) -> Path:
    """A good folder with some files replaced, or left out where they are None."""
    for name, content in {**GOOD, **changes}.items():
        if content is not None:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def told(folder: Path) -> list[str]:
    found = read_folder(folder)
    problems = found.warnings if isinstance(found, Folder) else found.problems
    return "\n".join(map(str, problems)).splitlines()
