"""Routes that issue bearer tokens: for a password, or for a token that is still valid."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import Response

from api.accounts.authenticator import Authenticator
from api.accounts.dependencies import AnyAccount
from api.accounts.routes.registration import PREFIX
from api.accounts.routes.schemas import TokenAnswer, TokenForm
from api.accounts.tokens import IssuedToken, TokenError, Tokens
from api.audit.events import AuditKind, act_as
from api.audit.trail import AuditTrail
from api.errors import NotAuthenticatedError, RefusedError
from api.http.error_schema import problems
from common.text import clean_text


def token_routes(*, authenticator: Authenticator, tokens: Tokens, trail: AuditTrail) -> APIRouter:
    """The routes under /api/v1/auth that answer with a token."""
    router = APIRouter(prefix=PREFIX, tags=["accounts"])

    @router.post("/token", response_model=TokenAnswer, responses=problems(400, 401, 422))
    async def token(
        request: Request, response: Response, form: Annotated[TokenForm, Form()]
    ) -> TokenAnswer:
        """Exchange a password for a short-lived bearer token (OAuth2 password form)."""
        account = await authenticator.check_password(
            form.username, form.password.get_secret_value(), address=request.state.address
        )
        requested = frozenset(form.scope.split())
        if requested - account.held_scopes:
            raise RefusedError("The account does not have a requested scope.", code="invalid_scope")
        granted = requested or account.held_scopes
        act_as(account.username, account.id)
        await trail.record(AuditKind.LOGIN, method="password", client=clean_text(form.client_id))
        response.headers["Cache-Control"] = "no-store"
        issued = tokens.issue(
            account.id,
            credentials_version=account.credentials_version,
            scopes=granted,
            client=form.client_id,
        )
        return _token_answer(issued, granted)

    @router.post(
        "/renew",
        response_model=TokenAnswer,
        responses=problems(400, 401),
        openapi_extra={"security": [{"bearer": []}]},
    )
    async def renew(response: Response, principal: AnyAccount) -> TokenAnswer:
        """Exchange a valid token for a new one, until API_SESSION_HOURS after the login.

        The new token has the scopes of the old one that the account still has.
        """
        if principal.logged_in_at is None:
            raise RefusedError("Only a bearer token can be renewed.", code="not_renewable")
        account = await authenticator.get_renewable(principal)
        granted = principal.scopes & account.held_scopes
        try:
            issued = tokens.issue(
                account.id,
                credentials_version=account.credentials_version,
                scopes=granted,
                client=principal.client,
                logged_in_at=principal.logged_in_at,
            )
        except TokenError as error:
            raise NotAuthenticatedError(
                "The session has ended. Log in again.",
                code="session_over",
            ) from error
        response.headers["Cache-Control"] = "no-store"
        return _token_answer(issued, granted)

    return router


def _token_answer(issued: IssuedToken, scopes: Collection[str]) -> TokenAnswer:
    return TokenAnswer(
        access_token=issued.token,
        token_type="bearer",  # noqa: S106 # the word, not a password
        expires_in=issued.seconds,
        scope=" ".join(sorted(scopes)),
    )
