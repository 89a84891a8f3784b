"""Admin routes: the sessions of an account."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from fastapi import APIRouter
from starlette.responses import Response

from api.accounts.dependencies import Admin, documented
from api.accounts.routes.schemas import SessionList
from api.accounts.routes.sessions import Id, listed_sessions
from api.accounts.scopes import Scope
from api.accounts.services import AccountServices
from api.errors import NotFoundError


def account_session_routes(
    services: AccountServices, *, clock: Callable[[], datetime]
) -> APIRouter:
    """The routes under /api/v1/admin/accounts that list and end sessions."""
    router = APIRouter(prefix="/api/v1/admin", tags=["sessions"])
    sessions = services.login_sessions
    answers = documented(Scope.ADMIN)

    @router.get("/accounts/{account_id}/sessions", response_model=SessionList, **answers(404, 422))
    async def list_sessions_of(admin: Admin, account_id: Id) -> SessionList:
        """The sessions of an account, newest first."""
        if await services.accounts.by_id(account_id) is None:
            raise NotFoundError("Account not found.")
        return listed_sessions(
            await sessions.of_account(account_id, now=clock()), current=admin.session_id
        )

    @router.post(
        "/accounts/{account_id}/sessions/{session_id}/end",
        status_code=204,
        response_class=Response,
        **answers(404, 422),
    )
    async def end_session_of(_admin: Admin, account_id: Id, session_id: Id) -> Response:
        """End one session of an account, in every process within a second."""
        await sessions.end(session_id, account_id=account_id)
        services.account_cache.forget(account_id)
        return Response(status_code=204)

    @router.post(
        "/accounts/{account_id}/sessions/end",
        status_code=204,
        response_class=Response,
        **answers(404, 422),
    )
    async def end_sessions_of(_admin: Admin, account_id: Id) -> Response:
        """End all sessions and bearer tokens of an account."""
        await sessions.end_all(account_id)
        services.account_cache.forget(account_id)
        return Response(status_code=204)

    return router
