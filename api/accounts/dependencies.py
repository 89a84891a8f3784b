"""Who may call a route: dependencies that read what the gate found out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import Request

from api.accounts.auth import anonymous
from api.accounts.login import Principal
from api.accounts.scopes import Scope
from api.errors import ForbiddenError, InvalidRequestError
from api.http.query_string import single_values


def principal_of(request: Request) -> Principal:
    """The principal of the request.

    Raises:
        NotAuthenticatedError: there is none.
    """
    principal: Principal | None = request.scope["state"].get("principal")
    if principal is None:
        raise anonymous()
    return principal


def with_scope(request: Request, scope: Scope) -> Principal:
    """The principal, if it has the scope.

    Raises:
        NotAuthenticatedError: there is none.
        ForbiddenError: it lacks the scope.
    """
    principal = principal_of(request)
    if not principal.may(scope):
        raise ForbiddenError(
            f"This needs the scope {scope}. An admin can grant it.",
            code="missing_scope",
            details=[{"scope": scope.value}],
        )
    return principal


# Dependencies are asynchronous: the framework would run others in a thread.
async def authenticated(request: Request) -> Principal:
    """Somebody."""
    return principal_of(request)


def _needs(scope: Scope) -> Callable[[Request], Awaitable[Principal]]:
    async def principal_with_scope(request: Request) -> Principal:
        return with_scope(request, scope)

    return principal_with_scope


Anyone = Annotated[Principal, Depends(authenticated)]
StatsReader = Annotated[Principal, Depends(_needs(Scope.STATS_READ))]
TextsReader = Annotated[Principal, Depends(_needs(Scope.TEXTS_READ))]
Admin = Annotated[Principal, Depends(_needs(Scope.ADMIN))]


async def one_value_each(request: Request, _principal: Anyone) -> None:
    """Refuse repeated arguments where the framework would take the last one.

    Raises:
        InvalidRequestError: one is given more than once, or there are too many.
    """
    try:
        single_values(request.scope["query_string"])
    except ValueError as error:
        raise InvalidRequestError("Too many arguments.", code="invalid_request") from error


def secured(*scopes: Scope) -> dict[str, Any]:
    """What OpenAPI says about a route: both ways of logging in, and the scopes."""
    return {"security": [{"basic": []}, {"bearer": [scope.value for scope in scopes]}]}
