"""How a page behind a link looks and which headers it carries. PURE, but for reading templates.

A page holds its whole content: it runs no script and loads nothing, is kept by no cache and
no search engine, and tells no other site where it was linked from, for its address is the
permission to act.
"""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

_TEMPLATES = Path(__file__).parents[1] / "templates" / "pages"


@dataclass(frozen=True, slots=True)
class Shown:
    """A page to show: its template without the ending, and what it says."""

    template: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200


class DoneSeeOther:
    """Something was done; the page at the same address says what."""


Answer = Shown | DoneSeeOther


def response_of(answer: Answer, token: str) -> web.Response:
    """The HTTP response to a request for `token`'s page."""
    if isinstance(answer, DoneSeeOther):
        # Relative, because the public address in front of the path is the proxy's business;
        # a page that is loaded again then asks for nothing a second time.
        return web.Response(status=303, headers={**_HEADERS, "Location": token})
    return web.Response(
        text=rendered(answer),
        status=answer.status,
        content_type="text/html",
        headers={**_HEADERS, "Content-Security-Policy": _policy()},
    )


def rendered(shown: Shown) -> str:
    """The HTML of a page."""
    return _environment().get_template(f"{shown.template}.html.j2").render(**shown.facts)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["style"] = Markup(_style())
    return environment


@cache
def _style() -> str:
    return (_TEMPLATES / "page.css").read_text()


@cache
def _policy() -> str:
    digest = b64encode(sha256(_style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )


_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}
