"""The control API: tests and the demo runner publish, edit, break things, and look.

Decides what an order may say; what it does is the desk's. Like everything else here it
listens on the loopback address only.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Annotated, TypeVar

from aiohttp import web
from pydantic import AwareDatetime, BaseModel, Field, StringConstraints, ValidationError

from schemas.folder import Id, Written
from services.embedded.demo.ailment import Ailment
from services.embedded.demo.desk import Shelf, TakenError, UnknownPlaceError, entry_of
from services.embedded.demo.house import House
from services.embedded.demo.piece import Body, Furniture, Piece
from services.embedded.demo.rendering import Entry, Outlet, PageAnswer, as_html

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$")]
_Order = TypeVar("_Order", bound=BaseModel)
_JsonHandler = Callable[[web.Request], Awaitable[web.Response]]


class Details(Written):
    """What an order may say beside the text; what it does not name stays as it is.

    `guid: null`, `published: null` and `link: false` make an entry without them;
    `content` is HTML that the feed itself carries, or true for the body as HTML.
    """

    guid: str | None = None
    published: AwareDatetime | None = None
    link: bool = True
    content: str | bool | None = None
    page_status: int = Field(default=200, ge=200, le=599)
    page_content_type: str = "text/html"


class PublishOrder(Details):
    """A new entry."""

    feed: Id
    title: str
    summary: str = ""
    body: Body = ()
    furniture: Furniture = Furniture()
    slug: Slug | None = None


class EditOrder(Details):
    """A change of an entry: only the keys given change."""

    feed: Id
    slug: Slug
    title: str = ""
    summary: str = ""
    body: Body = ()
    furniture: Furniture = Furniture()


class Control:
    """The routes under /_control."""

    def __init__(self, house: House) -> None:
        self._house = house

    def routes(self) -> list[web.RouteDef]:
        """The routes; every mistake in an order is answered in plain words as JSON."""
        return [
            web.post("/_control/publish", _explained(self._publish)),
            web.post("/_control/edit", _explained(self._edit)),
            web.post("/_control/feeds", _explained(self._open)),
            web.post("/_control/feed/{feed}", _explained(self._afflict_feed)),
            web.post("/_control/page/{outlet}/{slug}", _explained(self._afflict_page)),
            web.get("/_control/log", self._log),
            web.get("/_control/state", self._state),
        ]

    async def _publish(self, request: web.Request) -> web.Response:
        order = await _order(request, PublishOrder)
        house, now = self._house, self._house.clock()
        shelf = house.desk.shelf(order.feed)
        slug = order.slug or house.desk.free_slug(order.feed, order.title)
        entry = _with_details(entry_of(shelf.outlet, slug, _piece(order, None), now), order)
        house.desk.publish(entry, now)
        return web.json_response(self._shown(entry), status=201)

    async def _edit(self, request: web.Request) -> web.Response:
        order = await _order(request, EditOrder)
        desk, now = self._house.desk, self._house.clock()
        entry = desk.entry(order.feed, order.slug)
        desk.edit(_with_details(replace(entry, piece=_piece(order, entry.piece)), order), now)
        return web.json_response({**self._shown(entry), "updated_at": now.isoformat()})

    async def _open(self, request: web.Request) -> web.Response:
        outlet = await _order(request, Outlet)
        self._house.desk.open(outlet, self._house.clock())
        return web.json_response({"url": self._feed_url(outlet.id)}, status=201)

    async def _afflict_feed(self, request: web.Request) -> web.Response:
        shelf = self._house.desk.shelf(request.match_info["feed"])
        shelf.ailment = await _order(request, Ailment)
        return web.json_response({"mode": shelf.ailment.mode})

    async def _afflict_page(self, request: web.Request) -> web.Response:
        # The page need not exist yet: trouble can be there from its first request on.
        shelf = self._house.desk.shelf(request.match_info["outlet"])
        ailment = await _order(request, Ailment)
        shelf.page_ailments[request.match_info["slug"].removesuffix(".html")] = ailment
        return web.json_response({"mode": ailment.mode})

    async def _log(self, _: web.Request) -> web.Response:
        return web.json_response([visit.as_json() for visit in self._house.visits])

    async def _state(self, _: web.Request) -> web.Response:
        house = self._house
        shelves = list(house.desk.shelves())
        news = [e for s in shelves for e in s.entries.values() if not e.archived]
        news.sort(key=lambda entry: entry.published_at)
        return web.json_response(
            {
                "script_started": house.first_round.is_set(),
                "script_done": house.script_done,
                "published": [self._shown(entry) for entry in news],
                "feeds": {s.outlet.id: self._shown_shelf(s) for s in shelves},
                "all_polled": all(shelf.seen for shelf in shelves),
                "in_flight": house.in_flight,
            }
        )

    def _shown(self, entry: Entry) -> dict[str, object]:
        return {
            "feed": entry.outlet_id,
            "slug": entry.slug,
            "title": entry.piece.title,
            "url": self._house.base_url + entry.path,
            "published_at": entry.published_at.isoformat(),
        }

    def _shown_shelf(self, shelf: Shelf) -> dict[str, object]:
        fetched = shelf.last_fetched_at
        return {
            "url": self._feed_url(shelf.outlet.id),
            "entries": len(shelf.entries),
            "changed_at": shelf.version.changed_at.isoformat(),
            "last_fetched_at": None if fetched is None else fetched.isoformat(),
            "polled": shelf.seen,
            "mode": shelf.ailment.mode,
        }

    def _feed_url(self, outlet_id: str) -> str:
        return f"{self._house.base_url}/feeds/{outlet_id}.xml"


def _piece(order: PublishOrder | EditOrder, old: Piece | None) -> Piece:
    wanted = order.model_fields_set if old is not None else set(Piece.model_fields)
    texts = {key: getattr(order, key) for key in Piece.model_fields if key in wanted}
    return Piece(**texts) if old is None else old.model_copy(update=texts)


def _with_details(entry: Entry, order: Details) -> Entry:
    """The entry with what the order names."""
    given = order.model_fields_set
    named: dict[str, object] = {}
    if "guid" in given:
        named["guid"] = order.guid
    if "published" in given:
        named["claimed_at"] = order.published
    if "link" in given:
        named["linked"] = order.link
    if "content" in given:
        named["content"] = _content(order.content, entry.piece)
    if {"page_status", "page_content_type"} & given:
        named["page"] = PageAnswer(order.page_status, order.page_content_type)
    return replace(entry, **named)  # type: ignore[arg-type]


def _content(content: str | bool | None, piece: Piece) -> str | None:
    if isinstance(content, bool):
        return as_html(piece.body) if content else None
    return content


async def _order(request: web.Request, model: type[_Order]) -> _Order:
    return model.model_validate_json(await request.read())


def _explained(handler: _JsonHandler) -> _JsonHandler:
    """The handler, with its expected failures as JSON answers."""

    async def answer(request: web.Request) -> web.Response:
        try:
            return await handler(request)
        except ValidationError as error:
            return web.json_response({"error": _in_words(error)}, status=400)
        except UnknownPlaceError as error:
            return web.json_response({"error": str(error)}, status=404)
        except TakenError as error:
            return web.json_response({"error": str(error)}, status=409)

    return answer


def _in_words(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(map(str, problem['loc'])) or 'order'}: {problem['msg']}"
        for problem in error.errors(include_url=False)
    )
