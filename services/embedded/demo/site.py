"""What readers see: feeds, pages, the index and robots.txt, and the record of their visits.

Decides nothing about content; it puts the desk's state through rendering, conditional
requests and whatever trouble the control API asked for.
"""

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from services.embedded.demo.ailment import Ailment
from services.embedded.demo.desk import Shelf, UnknownPlaceError
from services.embedded.demo.freshness import Condition, Version, etag_of, has_this_version
from services.embedded.demo.house import House, Visit
from services.embedded.demo.rendering import Entry, render_feed, render_index, render_page
from services.embedded.demo.trouble import Honest, reply

CONTROL_PREFIX = "/_control/"


class Site:
    """The public routes of the newsroom."""

    def __init__(self, house: House) -> None:
        self._house = house

    def routes(self) -> list[web.RouteDef]:
        """The routes; HEAD is not served, so that a fetch always is a reading."""
        return [
            web.get("/", self._index, allow_head=False),
            web.get("/robots.txt", self._robots, allow_head=False),
            web.get("/feeds/{feed}.xml", self._feed, allow_head=False),
            web.get("/{outlet}/{slug}.html", self._page, allow_head=False),
        ]

    async def _index(self, _: web.Request) -> web.Response:
        shelves = [(s.outlet, s.newest_first()[:10]) for s in self._house.desk.shelves()]
        return web.Response(body=render_index(shelves), content_type="text/html", charset="utf-8")

    async def _robots(self, _: web.Request) -> web.Response:
        return web.Response(text="User-agent: *\nAllow: /\n")

    async def _feed(self, request: web.Request) -> web.StreamResponse:
        shelf = self._house.desk.shelf(request.match_info["feed"])
        media_type = shelf.outlet.format.media_type
        honest = Honest(lambda: self._feed_answer(request, shelf), media_type)
        return await reply(request, shelf.ailment, honest)

    def _feed_answer(self, request: web.Request, shelf: Shelf) -> web.Response:
        house, version = self._house, shelf.version
        body = render_feed(shelf.outlet, shelf.newest_first(), version.changed_at, house.base_url)
        house.desk.fetched(shelf.outlet.id, version, house.clock())
        house.note_first_round()
        return _conditional(request, body, version, shelf.outlet.format.media_type)

    async def _page(self, request: web.Request) -> web.StreamResponse:
        outlet_id, slug = request.match_info["outlet"], request.match_info["slug"]
        shelf = self._house.desk.shelf(outlet_id)
        ailment = shelf.page_ailments.get(slug, Ailment())
        entry = self._house.desk.entry(outlet_id, slug)
        honest = Honest(lambda: self._page_answer(request, shelf, entry), "text/html")
        return await reply(request, ailment, honest)

    def _page_answer(self, request: web.Request, shelf: Shelf, entry: Entry) -> web.Response:
        if entry.page.status != 200:
            return web.Response(status=entry.page.status, text=f"status {entry.page.status}")
        body = render_page(shelf.outlet, entry, self._house.base_url)
        return _conditional(request, body, entry.version, entry.page.content_type)


def _conditional(
    request: web.Request, body: bytes, version: Version, media_type: str
) -> web.Response:
    etag = etag_of(body)
    unchanged = has_this_version(condition_of(request), etag, version)
    response = web.Response(status=304) if unchanged else web.Response(body=body)
    if not unchanged:
        response.headers["Content-Type"] = f"{media_type}; charset=utf-8"
    response.etag = etag
    response.last_modified = version.changed_at
    return response


def condition_of(request: web.Request) -> Condition:
    """What the client says it has."""
    tags = request.if_none_match
    return Condition(
        if_none_match=None if tags is None else [tag.value for tag in tags],
        if_modified_since=request.if_modified_since,
    )


def recording(house: House) -> Middleware:
    """A middleware that keeps every visit, also those that end without an answer.

    Visits to the control API are left out: they are not the outlets' readers.
    """

    @web.middleware
    async def record(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith(CONTROL_PREFIX):
            return await handler(request)
        house.in_flight.append(request.path)
        status: int | None = None
        try:
            status, response = await _answer(request, handler)
            return response
        finally:
            house.in_flight.remove(request.path)
            house.visits.append(_visit(house, request, status))

    return record


async def _answer(request: web.Request, handler: Handler) -> tuple[int | None, web.StreamResponse]:
    """The handler's answer and its status; None where the connection is over."""
    try:
        response = await handler(request)
    except (UnknownPlaceError, web.HTTPException) as error:
        status = error.status if isinstance(error, web.HTTPException) else 404
        return status, web.Response(status=status, text=str(error))
    except ConnectionError:  # the client went away, or trouble hangs up
        if request.transport is not None:
            request.transport.abort()
        return None, web.Response()
    return response.status, response


def _visit(house: House, request: web.Request, status: int | None) -> Visit:
    return Visit(
        path=request.path,
        status=status,
        conditional=condition_of(request).given,
        user_agent=request.headers.get("User-Agent"),
        time=house.clock(),
    )
