"""Routes for API keys: of the own account, and for admins of all."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response

from api.accounts.account_cache import AccountCache
from api.accounts.dependencies import Admin, Person, documented
from api.accounts.keys.store import KeyRepository, StoredKey
from api.accounts.routes.schemas import KeyList, KeyView, NewKey, NewKeyRequest
from api.accounts.scopes import Principal, Scope
from api.errors import ForbiddenError
from api.http.rate_limit import RateLimiter
from api.settings import parse_limit

MAX_ID = 2**63 - 1
KeyId = Annotated[int, Path(ge=1, le=MAX_ID)]


def key_routes(
    *, keys: KeyRepository, account_cache: AccountCache, limiter: RateLimiter
) -> APIRouter:
    """The routes under /api/v1/keys and /api/v1/admin/keys."""
    router = APIRouter(prefix="/api/v1", tags=["keys"])

    @router.post(
        "/keys", status_code=201, response_model=NewKey, **documented()(400, 403, 422, rated=201)
    )
    async def create_key(response: Response, person: Person, body: NewKeyRequest) -> NewKey:
        """Create an API key. It is shown in this answer and never again."""
        asked = frozenset(scope.value for scope in body.scopes)
        if missing := asked - person.scopes:
            raise ForbiddenError(
                "A key cannot have a scope that its creator does not have.",
                code="missing_scope",
                details=[{"scope": scope} for scope in sorted(missing)],
            )
        _check_limit(body.rate_limit, person, limiter)
        secret, key = await keys.create(
            person.account_id,
            label=body.label,
            scopes=asked,
            lifetime=timedelta(days=body.expires_in_days),
            rate_limit=body.rate_limit,
        )
        response.headers["Cache-Control"] = "no-store"
        return NewKey(key=secret, **_view(key).model_dump())

    @router.get("/keys", response_model=KeyList, **documented()(403, 422))
    async def list_own_keys(person: Person) -> KeyList:
        """The own keys, newest first, without their secrets."""
        return _listed(await keys.every(account_id=person.account_id))

    @router.post("/keys/{key_id}/revoke", response_model=KeyView, **documented()(403, 404, 422))
    async def revoke_own_key(person: Person, key_id: KeyId) -> KeyView:
        """Revoke an own key, in every process within a second."""
        key = await keys.revoke(key_id, account_id=person.account_id)
        account_cache.forget(key.account_id)
        return _view(key)

    @router.get("/admin/keys", response_model=KeyList, **documented(Scope.ADMIN)(422))
    async def list_all_keys(_admin: Admin) -> KeyList:
        """The keys of all accounts, newest first."""
        return _listed(await keys.every())

    @router.post(
        "/admin/keys/{key_id}/revoke", response_model=KeyView, **documented(Scope.ADMIN)(404, 422)
    )
    async def revoke_any_key(_admin: Admin, key_id: KeyId) -> KeyView:
        """Revoke a key of any account, in every process within a second."""
        key = await keys.revoke(key_id)
        account_cache.forget(key.account_id)
        return _view(key)

    return router


def _check_limit(text: str | None, person: Principal, limiter: RateLimiter) -> None:
    """Refuse a limit that only an admin may give."""
    if text is None or person.may(Scope.ADMIN):
        return
    if limiter.is_above_default(parse_limit(text)):
        raise ForbiddenError(
            "Only an admin may create a key with a higher limit than an account has.",
            code="missing_scope",
            details=[{"scope": Scope.ADMIN.value}],
        )


def _view(key: StoredKey) -> KeyView:
    return KeyView.model_validate(key, from_attributes=True)


def _listed(keys: list[StoredKey]) -> KeyList:
    return KeyList(keys=[_view(key) for key in keys])
