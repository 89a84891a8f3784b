"""Routes for registration and for an account's own data."""

from __future__ import annotations

import hmac

from fastapi import APIRouter
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response

from api.accounts.account_cache import AccountCache
from api.accounts.dependencies import AnyAccount, Person, documented
from api.accounts.invitations.store import InvalidInvitationError
from api.accounts.passwords import check_policy
from api.accounts.routes.schemas import (
    AccountView,
    CurrentSession,
    Identity,
    PasswordChange,
    Registration,
)
from api.accounts.scopes import Principal
from api.accounts.services import AccountServices
from api.audit.events import AuditKind, act_as
from api.errors import (
    ForbiddenError,
    NotAuthenticatedError,
    RefusedError,
    TooManyAttemptsError,
)
from api.http.error_schema import problems

PREFIX = "/api/v1/auth"


def auth_routes(services: AccountServices, *, registration_token: SecretStr | None) -> APIRouter:
    """The routes under /api/v1/auth."""
    router = APIRouter(prefix=PREFIX, tags=["accounts"])
    accounts, passwords = services.accounts, services.passwords
    account_cache = services.account_cache

    @router.post(
        "/register", status_code=201, response_model=AccountView, responses=problems(400, 403, 422)
    )
    async def register(request: Request, body: Registration) -> AccountView:
        """Create an account, with the operator's admin token or with an invitation.

        With the token it may read statistics, with an invitation it has the scopes of that.
        """
        act_as(body.username)
        invitation = body.invitation.get_secret_value() if body.invitation else None
        try:
            if invitation is None:
                _check_token(body.admin_token, registration_token)
            else:
                async with services.throttle.guess(address=request.state.address) as found:
                    problem = await services.invitations.problem(invitation)
                    found.append(problem is None)
                if problem is not None:
                    raise InvalidInvitationError(problem)
            password = body.password.get_secret_value()
            check_policy(password, username=body.username)
            account = await accounts.create(
                body.username, await passwords.hash(password), invitation=invitation
            )
        except (ForbiddenError, RefusedError, TooManyAttemptsError) as error:
            reason = error.problem if isinstance(error, InvalidInvitationError) else error.code
            services.trail.count(AuditKind.REGISTRATION_FAILED, reason=reason)
            raise
        return AccountView.model_validate(account, from_attributes=True)

    @router.get("/me", response_model=Identity, **documented()())
    async def me(request: Request, principal: AnyAccount) -> Identity:
        """The account of this request and its scopes."""
        return await _identity_of(request, principal, account_cache)

    @router.get("/session", response_model=CurrentSession, responses=problems(401))
    async def current_session(request: Request, response: Response) -> CurrentSession:
        """The account that is logged in; null if none is. For pages that have just been opened."""
        response.headers["Cache-Control"] = "no-store"
        principal: Principal | None = request.state.principal
        if principal is None:
            return CurrentSession(account=None)
        return CurrentSession(account=await _identity_of(request, principal, account_cache))

    @router.post(
        "/password", status_code=204, response_class=Response, **documented()(400, 403, 422)
    )
    async def change_password(
        request: Request, principal: Person, body: PasswordChange
    ) -> Response:
        """Change the password. Tokens and cached credentials become invalid at once."""
        await services.authenticator.check_password(
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


async def _identity_of(
    request: Request, principal: Principal, account_cache: AccountCache
) -> Identity:
    """The account of an authenticated request.

    Raises:
        NotAuthenticatedError: the account was removed meanwhile.
    """
    account = await account_cache.account(principal.account_id)
    if account is None:
        raise NotAuthenticatedError("This account no longer exists.")
    return Identity(
        id=account.id,
        username=account.username,
        scopes=sorted(account.held_scopes),
        created_at=account.created_at,
        disabled_at=account.disabled_at,
        method=principal.method,
        granted_scopes=sorted(principal.scopes),
        rate_limit=str(request.state.limit),
        session_id=principal.session_id,
    )


def _check_token(given: SecretStr | None, known: SecretStr | None) -> None:
    """Refuse a wrong token, and every token if registration by token is closed."""
    if (
        given is None
        or known is None
        or not hmac.compare_digest(
            given.get_secret_value().encode("utf-8", "surrogatepass"),
            known.get_secret_value().encode("utf-8", "surrogatepass"),
        )
    ):
        raise ForbiddenError("Invalid admin token.", code="wrong_admin_token")
