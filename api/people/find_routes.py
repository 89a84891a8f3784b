"""The route that finds people by a part of their name. Each name shown is in the audit trail."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from api.accounts.dependencies import NamesReader, documented
from api.accounts.scopes import Scope
from api.http.json import unstored_json
from api.people.finding import SubjectFinder
from api.people.names import with_name
from api.people.schemas import NamedPeople, NameSearch
from api.people.shown_names import ShownNames


def find_routes(*, finder: SubjectFinder, names: ShownNames) -> APIRouter:
    """The routes under /api/v1/people."""
    router = APIRouter(prefix="/api/v1/people", tags=["people"])

    # Posted, so that no log of a server or proxy holds the name.
    @router.post(
        "/find", response_model=NamedPeople, **documented(Scope.NAMES_READ)(400, 422, rated=200)
    )
    async def find_named_people(principal: NamesReader, search: NameSearch) -> Response:
        """The people whose name or @name contains a text, newest first, at most 20."""
        found = await finder.by_name(search.text)
        known = await names.fetch(principal, "people_find", (one.user_key for one in found.people))
        people = [with_name({"user_key": one.user_key}, known) for one in found.people]
        return unstored_json({"people": people, "is_complete": found.is_complete})

    return router
