"""Whatever happened to the topic, a matcher that remembers comes to hold what the topic says."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.rule import RulesManifest
from schemas.topics import TOMBSTONES_KEPT
from services.bus.port import Record
from services.bus.sqlite_retention import Entry, superseded
from services.matcher.reader import Generation, RuleReader
from services.matcher.trust import Evidence, Remembered, why_not
from tests.matcher.broadcast import NOW, rule, term_list

_STEPS = st.one_of(
    st.tuples(st.just("write"), st.sampled_from("abcd"), st.sampled_from(["ferry", "harbour"])),
    st.tuples(st.just("write list"), st.sampled_from("xy"), st.sampled_from(["ferry", "harbour"])),
    st.tuples(st.just("remove"), st.sampled_from("abcd")),
    st.tuples(st.just("remove list"), st.sampled_from("xy")),
    st.tuples(st.just("half"), st.sampled_from("abcd")),
    st.tuples(st.just("compact")),
    st.tuples(st.just("wait"), st.sampled_from([1, 10, 25])),
    st.tuples(st.just("remember")),
    st.tuples(st.just("replace"), st.sampled_from("abcd"), st.integers(0, 9)),
    st.tuples(st.just("make anew"), st.sampled_from("abcd"), st.sampled_from([1, 25])),
    st.tuples(st.just("lose everything")),
)


@dataclass
class World:
    """A database, the topic that it is broadcast on, and the memory of a matcher."""

    now: datetime = NOW
    rules: dict[str, tuple[int, str]] = field(default_factory=dict)
    lists: dict[str, tuple[int, str]] = field(default_factory=dict)
    generation: int = 0
    announcement: int = 1
    end: int = 0
    log: list[Record] = field(default_factory=list)
    memory: Remembered | None = None

    def append(self, key: str, value: bytes | None) -> None:
        self.now += timedelta(milliseconds=1)
        self.log.append(Record("watch-rules", 0, self.end, key, value, {}, self.now))
        self.end += 1

    def close(self) -> None:
        self.generation += 1
        manifest = RulesManifest(
            generation=self.generation,
            rules=len(self.rules),
            lists=len(self.lists),
            announcement=self.announcement,
        )
        self.append(manifest.key, manifest.encode())

    def send(self, kind: str, name: str) -> None:
        held = self.rules if kind == "rule" else self.lists
        if name not in held:
            self.append(f"{kind}:{name}", None)
            return
        version, text = held[name]
        made = rule(name, text, version) if kind == "rule" else None
        self.append(f"{kind}:{name}", (made or term_list(name, text, version=version)).encode())

    def do(self, step: tuple[str | int, ...]) -> None:
        match step:
            case ("write" | "write list" as what, str(name), str(text)):
                held = self.rules if what == "write" else self.lists
                held[name] = (held.get(name, (0, ""))[0] + 1, text)
                self.send("rule" if what == "write" else "list", name)
                self.close()
            case ("remove" | "remove list" as what, str(name)):
                held = self.rules if what == "remove" else self.lists
                if held.pop(name, None):
                    self.send("rule" if what == "remove" else "list", name)
                    self.close()
            case ("half", str(name)) if name in self.rules:
                self.rules[name] = (self.rules[name][0] + 1, "half")
                self.send("rule", name)
            case ("compact",):
                self.compact()
            case ("wait", int(hours)):
                self.now += timedelta(hours=hours)
            case ("remember",):
                self.memory = self.remembered()
            case ("replace", str(name), int(more)):
                self.rules[name] = (self.rules.get(name, (0, ""))[0] + 1, "replaced")
                self.announce_everything()
                for _ in range(more):  # so that it grows past what is remembered
                    self.do(("write", "d" if name == "a" else "a", "ferry"))
                    self.compact()
            case ("make anew", str(name), int(hours)):
                self.do(("remove", name))
                self.now += timedelta(hours=hours)
                self.compact()
                self.do(("write", name, "made anew"))
            case ("lose everything",):
                self.rules, self.lists, self.generation = {}, {}, 0
                self.announce_everything()

    def compact(self) -> None:
        cutoff = self.now - TOMBSTONES_KEPT
        entries = [
            Entry(r.offset, r.key, int(r.written_at.timestamp()), r.value is None) for r in self.log
        ]
        gone = set(superseded(entries, int(cutoff.timestamp())))
        self.log = [record for record in self.log if record.offset not in gone]

    def announce_everything(self) -> None:
        """On a new topic."""
        self.log, self.end = [], 0
        self.announcement += 1
        for name in self.lists:
            self.send("list", name)
        for name in self.rules:
            self.send("rule", name)
        self.close()

    def remembered(self) -> Remembered | None:
        reader = RuleReader()
        reader.read(self.log)
        whole = reader.whole()
        if whole is None:
            return None
        return Remembered(whole, whole.place.written_at if reader.is_amid else self.now)

    def recalled(self) -> Generation | None:
        """What the memory comes to by reading on; None where it is not believed."""
        if self.memory is None:
            return None
        after = self.memory.reread.get(0, -1)
        if after + 1 > self.end:
            return None
        evidence, reader = (
            Evidence(self.memory.generation.place),
            RuleReader(self.memory.generation),
        )
        behind = [record for record in self.log if record.offset > after]
        evidence.take(behind)
        reader.read(behind)
        if why_not(self.memory, evidence, self.now):
            return None
        whole = reader.whole()
        if whole is None:
            return None if reader.incomplete else self.memory.generation
        return whole


def held(generation: Generation) -> tuple[object, ...]:
    rules = {i: (one.version, one.query) for i, one in generation.rules.rules.items()}
    lists = {name: (one.version, one.items) for name, one in generation.lists.items()}
    return generation.manifest, rules, lists


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(st.lists(_STEPS, max_size=30))
def test_what_is_believed_is_what_reading_from_the_beginning_comes_to(
    steps: list[tuple[str | int, ...]],
) -> None:
    world = World()
    for step in steps:
        world.do(step)
        recalled, fresh = world.recalled(), world.remembered()
        if recalled is not None and fresh is not None:
            assert held(recalled) == held(fresh.generation)
