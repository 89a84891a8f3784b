"""Routes for the sessions of the dashboard: log in, list, end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from api.accounts.dependencies import Person, documented
from api.accounts.routes.registration import PREFIX
from api.accounts.routes.schemas import SessionList, SessionLogin, SessionView
from api.accounts.services import AccountServices
from api.accounts.sessions.cookie import find_cookies, make_cookie
from api.accounts.sessions.store import StoredSession
from api.audit.events import act_as
from api.http.error_schema import problems

MAX_ID = 2**63 - 1
Id = Annotated[int, Path(ge=1, le=MAX_ID)]


def session_routes(
    services: AccountServices, *, hours: int, clock: Callable[[], datetime]
) -> APIRouter:
    """The routes of sessions under /api/v1/auth."""
    router = APIRouter(prefix="/api/v1", tags=["sessions"])
    sessions, cookies = services.login_sessions, services.session_authenticator
    auth = PREFIX.removeprefix("/api/v1")

    def remove_cookie(request: Request, response: Response) -> None:
        secure = cookies.is_secure(request.scope)
        response.headers["Set-Cookie"] = make_cookie("", seconds=0, secure=secure)

    @router.post(
        f"{auth}/session",
        status_code=201,
        response_model=SessionView,
        responses=problems(400, 401, 422),
    )
    async def open_session(request: Request, response: Response, body: SessionLogin) -> SessionView:
        """Log in and get a cookie, which all tabs share until API_SESSION_HOURS have passed."""
        account = await services.authenticator.check_password(
            body.username, body.password.get_secret_value(), address=request.state.address
        )
        act_as(account.username, account.id)
        secure = cookies.is_secure(request.scope)
        before = find_cookies(request.scope["headers"], secure=secure)
        lifetime = timedelta(hours=hours)
        secret, opened = await sessions.create(
            account.id,
            credentials_version=account.credentials_version,
            lifetime=lifetime,
            now=clock(),
            address=request.state.address,
            user_agent=request.headers.get("user-agent"),
            replaced=before.pop() if len(before) == 1 else None,
        )
        response.headers["Cache-Control"] = "no-store"
        response.headers["Set-Cookie"] = make_cookie(
            secret, seconds=int(lifetime.total_seconds()), secure=secure
        )
        return SessionView.model_validate(opened, from_attributes=True)

    @router.get(f"{auth}/sessions", response_model=SessionList, **documented()(403))
    async def list_sessions(person: Person) -> SessionList:
        """The own sessions, newest first."""
        return listed_sessions(
            await sessions.of_account(person.account_id, now=clock()), current=person.session_id
        )

    @router.post(
        f"{auth}/sessions/end", status_code=204, response_class=Response, **documented()(403)
    )
    async def end_all_sessions(request: Request, person: Person) -> Response:
        """Log out everywhere: end all sessions and bearer tokens. API keys stay."""
        await sessions.end_all(person.account_id)
        services.account_cache.forget(person.account_id)
        response = Response(status_code=204)
        remove_cookie(request, response)
        return response

    @router.post(
        f"{auth}/sessions/{{session_id}}/end",
        status_code=204,
        response_class=Response,
        **documented()(403, 404, 422),
    )
    async def end_session(request: Request, person: Person, session_id: Id) -> Response:
        """End one own session, in every process within a second."""
        await sessions.end(session_id, account_id=person.account_id)
        services.account_cache.forget(person.account_id)
        response = Response(status_code=204)
        if session_id == person.session_id:
            remove_cookie(request, response)
        return response

    return router


def listed_sessions(found: Sequence[StoredSession], *, current: int | None) -> SessionList:
    """The sessions; `current` is the one of this request."""
    views = [SessionView.model_validate(each, from_attributes=True) for each in found]
    for view in views:
        view.is_current = view.id == current
    return SessionList(sessions=views)
