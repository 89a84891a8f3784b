"""Routes that reset a password: an admin issues a token, its owner uses it once."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from api.accounts.dependencies import Admin, Person, documented
from api.accounts.passwords import check_policy
from api.accounts.routes.schemas import IssuedReset, PasswordResetUse
from api.accounts.scopes import Scope
from api.accounts.services import AccountServices
from api.accounts.sessions.authentication import SessionAuthenticator
from api.accounts.sessions.resets import reset_link
from api.audit.events import AuditKind
from api.errors import NotAuthenticatedError
from api.http.error_schema import problems

MAX_ID = 2**63 - 1


def reset_routes(services: AccountServices, *, dashboard_url: str | None) -> APIRouter:
    """The routes of resets under /api/v1/admin and /api/v1/auth."""
    router = APIRouter(prefix="/api/v1")
    resets = services.resets

    @router.post(
        "/admin/accounts/{account_id}/reset",
        status_code=201,
        response_model=IssuedReset,
        tags=["admin"],
        **documented(Scope.ADMIN)(400, 404, 422),
    )
    async def issue_reset(
        request: Request,
        response: Response,
        _admin: Admin,
        _person: Person,
        account_id: Annotated[int, Path(ge=1, le=MAX_ID)],
    ) -> IssuedReset:
        """Issue a link with which the account's owner sets a new password within 30 minutes."""
        token, expires_at = await resets.create(account_id)
        response.headers["Cache-Control"] = "no-store"
        base = dashboard_url or own_address(request, services.session_authenticator)
        return IssuedReset(token=token, link=reset_link(base, token), expires_at=expires_at)

    @router.post(
        "/auth/reset",
        status_code=204,
        response_class=Response,
        responses=problems(400, 401, 422),
        tags=["accounts"],
    )
    async def use_reset(request: Request, body: PasswordResetUse) -> Response:
        """Set a new password with a token, once. All sessions and bearer tokens end."""
        secret = body.token.get_secret_value()
        password = body.new_password.get_secret_value()
        async with services.throttle.guess(address=request.state.address) as found:
            try:
                username = await resets.username(secret)
                found.append(True)
                check_policy(password, username=username)
                account_id = await resets.use(secret, await services.passwords.hash(password))
            except NotAuthenticatedError:
                services.trail.count(AuditKind.RESET_FAILED)
                raise
        services.account_cache.forget(account_id)
        return Response(status_code=204)

    return router


def own_address(request: Request, cookies: SessionAuthenticator) -> str:
    """Scheme and host that the request was sent to, as in https://stats.example.org."""
    scheme = "https" if cookies.is_secure(request.scope) else "http"
    return f"{scheme}://{request.base_url.netloc}"
