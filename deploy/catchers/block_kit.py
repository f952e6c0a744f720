"""What Slack refuses in a message: the limits of Block Kit and of a text. PURE.

Limits are Slack's (docs.slack.dev, reference/block-kit/blocks and composition objects, and
chat.postMessage). Only the blocks that are used here are known.
"""

from collections.abc import Iterator, Mapping
from typing import Any

MOST_BLOCKS = 50
LONGEST_HEADER = 150
LONGEST_TEXT_OBJECT = 3_000
LONGEST_TEXT = 40_000
MOST_ELEMENTS = {"context": 10, "actions": 25}
LONGEST_BUTTON = 75
LONGEST_URL = 3_000
LONGEST_ID = 255

Block = Mapping[str, Any]


def problems_of(payload: Mapping[str, Any]) -> list[str]:
    """Why Slack would not take this message; empty if it would."""
    return [*_of_text(payload), *_of_blocks(payload.get("blocks") or [])]


def error_of(payload: Mapping[str, Any]) -> str | None:
    """Slack's word for the first problem, None if there is none."""
    if list(_of_blocks(payload.get("blocks") or [])):
        return "invalid_blocks"
    texts = list(_of_text(payload))
    return None if not texts else "msg_too_long" if "characters" in texts[0] else "no_text"


def _of_text(payload: Mapping[str, Any]) -> Iterator[str]:
    text = payload.get("text") or ""
    if not text and not payload.get("blocks"):
        yield "neither text nor blocks"
    if len(text) > LONGEST_TEXT:
        yield f"a text of {len(text)} characters, at most {LONGEST_TEXT}"


def _of_blocks(blocks: Any) -> Iterator[str]:
    if not isinstance(blocks, list):
        yield "blocks are a list"
        return
    if len(blocks) > MOST_BLOCKS:
        yield f"{len(blocks)} blocks, at most {MOST_BLOCKS}"
    for place, block in enumerate(blocks):
        for problem in _of_block(block):
            yield f"/blocks/{place}: {problem}"


def _of_block(block: Block) -> Iterator[str]:
    if len(block.get("block_id", "")) > LONGEST_ID:
        yield "a block_id that is too long"
    match block.get("type"):
        case "header":
            yield from _of_text_object(block.get("text"), LONGEST_HEADER, ("plain_text",))
        case "section":
            yield from _of_section(block)
        case "context" | "actions" as kind:
            yield from _of_elements(block.get("elements"), kind)
        case "divider":
            pass
        case other:
            yield f"a block of type {other}"


def _of_section(block: Block) -> Iterator[str]:
    fields = block.get("fields", [])
    if "text" not in block and not fields:
        yield "a section has text or fields"
    if "text" in block:
        yield from _of_text_object(block["text"], LONGEST_TEXT_OBJECT)
    if len(fields) > 10:
        yield f"{len(fields)} fields, at most 10"
    for one in fields:
        yield from _of_text_object(one, 2_000)
    if "accessory" in block:
        yield from _of_element(block["accessory"])


def _of_elements(elements: Any, kind: str) -> Iterator[str]:
    if not isinstance(elements, list) or not 1 <= len(elements) <= MOST_ELEMENTS[kind]:
        yield f"{kind} has 1 to {MOST_ELEMENTS[kind]} elements"
        return
    for one in elements:
        if kind == "context":
            yield from _of_text_object(one, LONGEST_TEXT_OBJECT)
        else:
            yield from _of_element(one)


def _of_element(element: Block) -> Iterator[str]:
    if element.get("type") != "button":
        yield f"an element of type {element.get('type')}"
        return
    yield from _of_text_object(element.get("text"), LONGEST_BUTTON, ("plain_text",))
    if len(element.get("url", "")) > LONGEST_URL:
        yield "a button's url that is too long"


def _of_text_object(
    text: Any, longest: int, kinds: tuple[str, ...] = ("plain_text", "mrkdwn")
) -> Iterator[str]:
    if not isinstance(text, Mapping) or text.get("type") not in kinds:
        yield f"a text object of type {' or '.join(kinds)} is missing"
        return
    said = text.get("text")
    if not isinstance(said, str) or not 1 <= len(said) <= longest:
        yield f"a text of {len(said or '')} characters, 1 to {longest}"
    if "verbatim" in text and text["type"] != "mrkdwn":
        yield "only mrkdwn is verbatim"
