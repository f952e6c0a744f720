"""What stands in Slack's channels, and what Slack answers when it does not do as it is asked."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Answer:
    """An answer other than the usual one. `hangs` gives none, `breaks` drops the connection;
    with `acts` what was asked for is done first, and only the answer is another."""

    status: int = 200
    text: str = "ok"
    error: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    hangs: bool = False
    breaks: bool = False
    acts: bool = False


@dataclass
class Message:
    """A message as it stands in a channel; `channel` is empty for one of a webhook."""

    channel: str
    ts: str
    payload: dict[str, Any]
    thread_ts: str | None = None
    broadcast: bool = False
    edits: int = 0
    deleted: bool = False

    def as_told(self, with_metadata: bool) -> dict[str, Any]:
        """As the API gives it back."""
        told: dict[str, Any] = {"type": "message", "ts": self.ts, "text": self.payload.get("text")}
        told["thread_ts"] = self.thread_ts
        if with_metadata and "metadata" in self.payload:
            told["metadata"] = self.payload["metadata"]
        return {key: value for key, value in told.items() if value is not None}


class Refused(Exception):  # noqa: N818  (an answer, no error of ours)
    """What was asked for is answered with an error of Slack's."""

    def __init__(self, error: str, **more: Any) -> None:
        super().__init__(error)
        self.body = {"ok": False, "error": error, **more}
