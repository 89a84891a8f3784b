"""Routes for registration and for an account's own data."""

from __future__ import annotations

import hmac

from fastapi import APIRouter
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response

from api.accounts.account_cache import AccountCache
from api.accounts.authenticator import Authenticator
from api.accounts.dependencies import AnyAccount, Person, secured
from api.accounts.passwords import PasswordHasher, check_policy
from api.accounts.routes.schemas import (
    AccountView,
    Identity,
    PasswordChange,
    Registration,
)
from api.accounts.store import AccountRepository
from api.audit.events import AuditKind, act_as
from api.audit.trail import AuditTrail
from api.errors import ForbiddenError, NotAuthenticatedError
from api.http.error_schema import problems

PREFIX = "/api/v1/auth"


def auth_routes(
    *,
    accounts: AccountRepository,
    account_cache: AccountCache,
    authenticator: Authenticator,
    passwords: PasswordHasher,
    trail: AuditTrail,
    registration_token: SecretStr | None,
) -> APIRouter:
    """The routes under /api/v1/auth."""
    router = APIRouter(prefix=PREFIX, tags=["accounts"])

    @router.post(
        "/register", status_code=201, response_model=AccountView, responses=problems(400, 403, 422)
    )
    async def register(body: Registration) -> AccountView:
        """Create an account that may read statistics. Requires the operator's admin token."""
        act_as(body.username)
        if registration_token is None or not hmac.compare_digest(
            body.admin_token.get_secret_value().encode("utf-8", "surrogatepass"),
            registration_token.get_secret_value().encode("utf-8", "surrogatepass"),
        ):
            trail.count(AuditKind.REGISTRATION_FAILED)
            raise ForbiddenError("Invalid admin token.", code="wrong_admin_token")
        password = body.password.get_secret_value()
        check_policy(password, username=body.username)
        account = await accounts.create(body.username, await passwords.hash(password))
        return AccountView.model_validate(account, from_attributes=True)

    @router.get("/me", response_model=Identity, responses=problems(401), openapi_extra=secured())
    async def me(request: Request, principal: AnyAccount) -> Identity:
        """The account of this request and its scopes."""
        account = await account_cache.account(principal.account_id)
        if account is None:
            raise NotAuthenticatedError("This account no longer exists.")
        return Identity(
            id=account.id,
            username=account.username,
            scopes=sorted(account.scopes),
            created_at=account.created_at,
            disabled_at=account.disabled_at,
            method=principal.method,
            granted_scopes=sorted(principal.scopes),
            rate_limit=str(request.state.limit),
        )

    @router.post(
        "/password",
        status_code=204,
        response_class=Response,
        responses=problems(400, 401, 403, 422),
        openapi_extra=secured(),
    )
    async def change_password(
        request: Request, principal: Person, body: PasswordChange
    ) -> Response:
        """Change the password. Tokens and cached credentials become invalid at once."""
        await authenticator.check_password(
            principal.username,
            body.current_password.get_secret_value(),
            address=request.state.address,
            has_token=principal.method != "basic",
        )
        new = body.new_password.get_secret_value()
        check_policy(new, username=principal.username)
        await accounts.change_password(principal.account_id, await passwords.hash(new))
        account_cache.forget(principal.account_id)
        return Response(status_code=204)

    return router
