"""What a writer hands in: a piece with its furniture, as a text file or over the control API.

Decides which keys a piece may have and how a file of front matter and paragraphs is read.
How a page looks is the templates' business, when a piece comes out the script's.
"""

import re
from enum import StrEnum
from typing import Annotated

import yaml
from pydantic import BeforeValidator, Field, ValidationError

from schemas.folder import Written


class PieceError(Exception):
    """A text cannot be read as a piece; the message says what to change."""


class Template(StrEnum):
    """The houses' page designs; `bare` is a page without furniture."""

    COURIER = "courier"
    WIRE = "wire"
    LANTERN = "lantern"
    BARE = "bare"


class ReadMoreForm(StrEnum):
    """How outlets write a "Read more" link into a body; each of these is in use out there."""

    LABEL = "label"  # <p>Read more: <a>…</a></p>
    STRONG = "strong"  # <p><strong>Read More:</strong> <a>…</a></p>
    TWO_LINES = "two_lines"  # <p>Read more:</p> <p><a>…</a></p>
    LINK = "link"  # <p><a>…</a></p>


class ReadMore(Written):
    """A link to another article, `after` so many paragraphs of the body."""

    title: str
    after: int = Field(default=1, ge=0)
    form: ReadMoreForm = ReadMoreForm.LABEL


class Furniture(Written):
    """What stands around the text of a page without being part of it."""

    template: Template | None = Field(default=None, description="None means the outlet's own")
    caption: str = "A picture from the archive"
    read_more: tuple[ReadMore, ...] = ()
    also_in: tuple[str, ...] = ("Islanders vote on a new ring road", "Lake ice measured by drone")
    editors_choice: tuple[str, ...] = ("A recipe for quince that takes three days",)
    tags: tuple[str, ...] = ("News",)
    # Pages are re-dated when a site moves house; a date far off the event is no rarity.
    dated_days_later: int = 913


def _paragraphs(value: object) -> object:
    return split_paragraphs(value) if isinstance(value, str) else value


Body = Annotated[tuple[str, ...], BeforeValidator(_paragraphs)]


class Piece(Written):
    """The text of an article; `body` is its paragraphs, or one text with blank lines between."""

    title: str
    summary: str = ""
    body: Body = ()
    furniture: Furniture = Furniture()


def split_paragraphs(text: str) -> tuple[str, ...]:
    """The paragraphs of a text in which blank lines separate them."""
    return tuple(" ".join(part.split()) for part in re.split(r"\n\s*\n", text) if part.strip())


def parse_piece(text: str) -> Piece:
    """Read front matter between two `---` lines and the paragraphs below it."""
    parts = re.split(r"^---$\n?", text, maxsplit=2, flags=re.MULTILINE)
    if len(parts) != 3 or parts[0].strip():
        raise PieceError("start with a line of ---, then title and furniture, then --- again")
    try:
        front = yaml.safe_load(parts[1])
        return Piece.model_validate({**front, "body": parts[2]})
    except (yaml.YAMLError, ValidationError, TypeError) as error:
        raise PieceError(f"the part between the --- lines is wrong: {error}") from error


def issue(piece: Piece, number: int) -> Piece:
    """The `number`th issue (from 1) of a piece that is published again and again.

    `{n}` and `{figure}` in its texts become numbers that differ from issue to issue, so
    that the story is news again and not a copy of the last one.
    """
    figures = {"{n}": str(number + 2), "{figure}": str(180 + 17 * number)}

    def fill(text: str) -> str:
        for placeholder, figure in figures.items():
            text = text.replace(placeholder, figure)
        return text

    return piece.model_copy(
        update={
            "title": fill(piece.title),
            "summary": fill(piece.summary),
            "body": tuple(map(fill, piece.body)),
        }
    )
