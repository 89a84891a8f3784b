"""FastAPI dependencies: the authenticated account of a request and the scopes it needs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, get_origin

from fastapi import Depends, params
from fastapi.dependencies.utils import get_flat_params
from fastapi.routing import APIRoute
from starlette.requests import Request

from api.accounts.auth_middleware import credentials_needed
from api.accounts.scopes import Principal, Scope
from api.errors import ForbiddenError
from api.http.error_schema import RATE_HEADERS, problems
from api.http.query_string import refuse_unknown, single_values


def require_principal(request: Request) -> Principal:
    """The principal of the request.

    Raises:
        NotAuthenticatedError: the request has no credentials.
    """
    principal: Principal | None = request.scope["state"].get("principal")
    if principal is None:
        raise credentials_needed(request.headers)
    return principal


def require_scope(request: Request, scope: Scope) -> Principal:
    """The principal, if it has the scope.

    Raises:
        NotAuthenticatedError: the request has no credentials.
        ForbiddenError: the account lacks the scope.
    """
    principal = require_principal(request)
    if not principal.may(scope):
        raise ForbiddenError(
            f"This requires the scope {scope}. An admin can grant it; on the server:"
            f' make account DO="grant NAME {scope}".',
            code="missing_scope",
            details=[{"scope": scope.value}],
        )
    return principal


# Dependencies are async because FastAPI runs the others in a thread.
async def authenticated(request: Request) -> Principal:
    """Any account."""
    return require_principal(request)


async def logged_in(request: Request) -> Principal:
    """An account that logged in itself: what it does here a key must not be able to do.

    Raises:
        ForbiddenError: the request has an API key.
    """
    principal = require_principal(request)
    if principal.method == "key":
        raise ForbiddenError(
            "API keys cannot be used here. Log in with the password.", code="key_not_allowed"
        )
    return principal


def _needs(scope: Scope) -> Callable[[Request], Awaitable[Principal]]:
    async def principal_with_scope(request: Request) -> Principal:
        return require_scope(request, scope)

    return principal_with_scope


AnyAccount = Annotated[Principal, Depends(authenticated)]
Person = Annotated[Principal, Depends(logged_in)]
StatsReader = Annotated[Principal, Depends(_needs(Scope.STATS_READ))]
NamesReader = Annotated[Principal, Depends(_needs(Scope.NAMES_READ))]
TextsReader = Annotated[Principal, Depends(_needs(Scope.TEXTS_READ))]
PeopleManager = Annotated[Principal, Depends(_needs(Scope.PEOPLE_MANAGE))]
Admin = Annotated[Principal, Depends(_needs(Scope.ADMIN))]


async def known_arguments(request: Request) -> None:
    """Refuse arguments that the route does not have, and repeated ones, of which one would count.

    Those that the route declares as a list may be repeated.

    Raises:
        NotAuthenticatedError: the route is not open to everyone, the request has no credentials.
        InvalidRequestError: one is unknown or given more than once, or there are too many.
    """
    route: APIRoute = request.scope["route"]
    if (route.openapi_extra or {}).get("security"):
        require_principal(request)
    if raw := request.scope["query_string"]:
        arguments = _query_arguments(route)
        lists = [name for name, kind in arguments.items() if get_origin(kind) is list]
        refuse_unknown(single_values(raw, repeatable=lists), list(arguments))


def _query_arguments(route: APIRoute) -> dict[str, Any]:
    """A route's arguments and their types. Fields of a model of arguments have no own kind."""
    others = (params.Path, params.Header, params.Cookie)
    return {
        field.alias: field.field_info.annotation
        for field in get_flat_params(route.dependant)
        if not isinstance(field.field_info, others)
    }


def secured(*scopes: Scope) -> dict[str, Any]:
    """The security section of a route in OpenAPI: the ways to log in, and the scopes."""
    granted = [scope.value for scope in scopes]
    return {"security": [{"basic": []}, {"bearer": granted}, {"key": []}, {"session": []}]}


def documented(*scopes: Scope) -> Callable[..., dict[str, Any]]:
    """The parts of OpenAPI for routes that need these scopes, as arguments of their decorators.

    It is called with the statuses of the errors of one route beyond those of a missing login or
    scope, and with `rated`: the status of an answer that states the headers of the rate limit.
    """
    refusals = (401, 403) if scopes else (401,)

    def of_route(*statuses: int, rated: int | None = None) -> dict[str, Any]:
        headers = {} if rated is None else {rated: {"headers": RATE_HEADERS}}
        return {
            "responses": {**headers, **problems(*refusals, *statuses)},
            "openapi_extra": secured(*scopes),
        }

    return of_route
