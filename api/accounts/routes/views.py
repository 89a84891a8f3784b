"""Routes for saved views of the dashboard."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Path
from starlette.responses import Response

from api.accounts.dependencies import StatsReader, documented
from api.accounts.routes.schemas import ViewList, ViewRequest
from api.accounts.scopes import Scope
from api.accounts.views.store import StoredView, ViewContent, ViewRepository

MAX_ID = 2**63 - 1
ViewId = Annotated[int, Path(ge=1, le=MAX_ID)]


def view_routes(views: ViewRepository) -> APIRouter:
    """The routes under /api/v1/views."""
    router = APIRouter(prefix="/api/v1/views", tags=["views"])
    answers = documented(Scope.STATS_READ)

    @router.get("", response_model=ViewList, **answers(422))
    async def list_views(response: Response, reader: StatsReader) -> ViewList:
        """The own views and those that others share, by name."""
        response.headers["Cache-Control"] = "no-store"
        return ViewList(views=await views.visible_to(reader))

    @router.post("", status_code=201, response_model=StoredView, **answers(400, 422, rated=201))
    async def save_view(owner: StatsReader, body: Annotated[ViewRequest, Body()]) -> StoredView:
        """Save a view: a name and an address of the dashboard. Sharing is in the audit trail."""
        return await views.create(owner, _content(body))

    @router.put("/{view_id}", response_model=StoredView, **answers(400, 404, 422))
    async def change_view(
        owner: StatsReader, view_id: ViewId, body: Annotated[ViewRequest, Body()]
    ) -> StoredView:
        """Change an own view. Sharing it, or no more, is in the audit trail."""
        return await views.put(view_id, owner, _content(body))

    @router.delete("/{view_id}", status_code=204, **answers(404, 422))
    async def delete_view(account: StatsReader, view_id: ViewId) -> None:
        """Delete an own view; admins also shared ones of others."""
        await views.remove(view_id, account)

    return router


def _content(body: ViewRequest) -> ViewContent:
    return ViewContent(name=body.name, address=body.address, is_shared=body.is_shared)
