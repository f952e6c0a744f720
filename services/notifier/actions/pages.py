"""What is served under `/alerts/`, `/silence/` and `/unsubscribe/`: the pages of signed links.

GET shows and changes nothing, for mail scanners follow every link; only POST acts. Whose link
it is, its signature says: nobody is asked who they are.
"""

import structlog
from aiohttp import web

from services.notifier.actions.form import Fields, Refused, read_form
from services.notifier.actions.page import Answer, response_of
from services.notifier.actions.seeing import show_message
from services.notifier.actions.signed import Act, Grant, grant_of
from services.notifier.actions.silencing_page import show_silencing, silence
from services.notifier.actions.unsubscribing import show_unsubscribing, unsubscribe
from services.notifier.actions.words import NO_SUCH_LINK, NOT_NOW, NOT_SO, UNREADABLE
from services.runtime.clock import Clock
from services.runtime.dependency import DependencyUnavailableError
from services.runtime.http import Routes
from services.store.database import Database
from services.store.own_keys import LINKS, kept_key

log = structlog.get_logger()

_ACTING = (Act.SILENCE, Act.UNSUBSCRIBE)


class Pages:
    """Answers everything under the three paths."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._key: bytes | None = None

    def serve(self, routes: Routes) -> None:
        """Take over the paths."""
        for act in Act:
            routes.serve(act.value, self.answer)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer a person, a mail program or a scanner."""
        act, token = Act(request.match_info["segment"]), request.match_info["rest"]
        try:
            response = response_of(await self._answer(request, act, token), token)
        except DependencyUnavailableError as error:
            log.warning("a page could not be shown", act=act.value, error=str(error))
            response = response_of(NOT_NOW, token)
            response.headers["Retry-After"] = "30"
        if response.status == 405:
            response.headers["Allow"] = "GET, HEAD, POST" if act in _ACTING else "GET, HEAD"
        return response

    async def _answer(self, request: web.Request, act: Act, token: str) -> Answer:
        grant = await self._granted(act, token)
        if grant is None:
            return NO_SUCH_LINK
        if request.method in {"GET", "HEAD"}:
            return await self._show(grant)
        if request.method != "POST" or act not in _ACTING:
            return NOT_SO
        fields = await read_form(request)
        if isinstance(fields, Refused):
            return UNREADABLE[fields.status]
        return await self._act(grant, fields)

    async def _granted(self, act: Act, token: str) -> Grant | None:
        if self._key is None:
            async with self._database.read() as tx:
                self._key = await kept_key(tx, LINKS)
        return None if self._key is None else grant_of(token, act, self._key)

    async def _show(self, grant: Grant) -> Answer:
        match grant.act:
            case Act.ALERT:
                return await show_message(self._database, grant, self._clock())
            case Act.SILENCE:
                return await show_silencing(self._database, grant, self._clock())
            case Act.UNSUBSCRIBE:
                return await show_unsubscribing(self._database, grant)

    async def _act(self, grant: Grant, fields: Fields) -> Answer:
        now = self._clock()
        if grant.act is Act.SILENCE:
            return await silence(self._database, grant, fields, now)
        return await unsubscribe(self._database, grant, fields, now)
