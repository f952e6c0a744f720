"""The input of both sides on disk, made once: articles, and rules in three printings.

A folder's name says what is in it, so a second run finds it again.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from bench.match import corpus
from bench.match.corpus import Text
from bench.match.generate import Rules
from bench.match.query import Node, lucene, ours, restored, stored

UPDATES = 1_000


@dataclass(frozen=True, slots=True)
class Setting:
    """How many rules, and of which kind (see `generate`)."""

    rules: int
    common: float = 0.2
    selective: bool = False

    @property
    def name(self) -> str:
        return "selective" if self.selective else f"{self.common:g}"


@dataclass(frozen=True, slots=True)
class Input:
    """A folder with everything that a run reads."""

    folder: Path

    @property
    def articles(self) -> Path:
        """The measured articles."""
        return self.folder / "articles.tsv"

    @property
    def others(self) -> Path:
        """Articles of the same kinds that are not measured."""
        return self.folder / "others.tsv"

    def rules(self, language: str, *, updates: bool = False) -> Path:
        """Lines of id and rule, `language` being `ours`, `lucene` or `neutral`."""
        return self.folder / f"{'updates' if updates else 'rules'}.{language}.tsv"

    def nodes(self, wanted: set[str]) -> dict[str, Node]:
        """The rules with these ids."""
        with self.rules("neutral").open(encoding="utf-8") as lines:
            pairs = (line.split("\t", 1) for line in lines)
            return {key: restored(json.loads(rest)) for key, rest in pairs if key in wanted}


def prepared(
    parent: Path, texts: Sequence[Text], others: Sequence[Text], setting: Setting
) -> Input:
    """The folder for these articles and rules, written unless it is there."""
    name = f"{_digest([*texts, *others])}-{setting.rules}-{setting.name}"
    folder = parent / name
    if not folder.exists():
        beside = parent / f"{name}.new"
        beside.mkdir(parents=True, exist_ok=True)
        _write(Input(beside), texts, others, setting)
        beside.rename(folder)
    return Input(folder)


def _write(target: Input, texts: Sequence[Text], others: Sequence[Text], setting: Setting) -> None:
    corpus.write(target.articles, texts)
    corpus.write(target.others, others)
    if setting.selective:
        # Of articles that are not matched: a rule finds at least the one it was made of.
        rules = Rules(others, selective=True)
    else:
        rules = Rules(texts, common=setting.common)
    _write_rules(target, islice(rules, setting.rules), updates=False)
    changed = islice(rules.updates(), min(setting.rules, UPDATES))
    _write_rules(target, changed, updates=True)


def _write_rules(target: Input, nodes: Iterable[Node], *, updates: bool) -> None:
    paths = [target.rules(name, updates=updates) for name in ("ours", "lucene", "neutral")]
    streams = [path.open("w", encoding="utf-8", newline="\n") for path in paths]
    for number, node in enumerate(nodes):
        printed = (ours(node), lucene(node), json.dumps(stored(node), ensure_ascii=False))
        for stream, text in zip(streams, printed, strict=True):
            stream.write(f"q{number:07}\t{text}\n")
    for stream in streams:
        stream.close()


def read_rules(path: Path, count: int) -> Iterator[tuple[str, str]]:
    """The first `count` ids and rules of a file."""
    with path.open(encoding="utf-8", newline="\n") as lines:
        for line in islice(lines, count):
            key, _, query = line.rstrip("\n").partition("\t")
            yield key, query


def _digest(texts: Sequence[Text]) -> str:
    digest = hashlib.sha256()
    # The generator's own text: other rules than before must not go by the old name.
    for module in ("generate.py", "query.py"):
        digest.update(Path(__file__).with_name(module).read_bytes())
    for text in texts:
        digest.update("\0".join((text.key, text.title, text.body)).encode())
    return digest.hexdigest()[:12]
