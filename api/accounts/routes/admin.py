"""Admin routes: accounts and scopes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from api.accounts.account_cache import AccountCache
from api.accounts.dependencies import Admin, documented
from api.accounts.routes.schemas import (
    AccountList,
    AccountView,
    ScopesChange,
)
from api.accounts.scopes import Scope
from api.accounts.store import AccountRepository, ApiAccount
from api.errors import RefusedError

MAX_ID = 2**63 - 1
AccountId = Annotated[int, Path(ge=1, le=MAX_ID)]


def admin_routes(*, accounts: AccountRepository, account_cache: AccountCache) -> APIRouter:
    """The routes under /api/v1/admin."""
    router = APIRouter(prefix="/api/v1/admin", tags=["admin"])
    answers = documented(Scope.ADMIN)

    @router.get("/accounts", response_model=AccountList, **answers())
    async def list_accounts(_admin: Admin) -> AccountList:
        """All accounts, oldest first."""
        return AccountList(accounts=[_view(account) for account in await accounts.every()])

    @router.put(
        "/accounts/{account_id}/scopes", response_model=AccountView, **answers(400, 404, 422)
    )
    async def set_scopes(admin: Admin, account_id: AccountId, body: ScopesChange) -> AccountView:
        """Replace the scopes of an account. Applies from its next request on."""
        if account_id == admin.account_id and Scope.ADMIN not in body.scopes:
            raise RefusedError(
                "You cannot remove the admin scope from your own account.", code="self_change"
            )
        account = await accounts.set_scopes(account_id, {scope.value for scope in body.scopes})
        account_cache.forget(account_id)
        return _view(account)

    @router.post(
        "/accounts/{account_id}/disable", response_model=AccountView, **answers(400, 404, 422)
    )
    async def disable(admin: Admin, account_id: AccountId) -> AccountView:
        """Disable an account. Its password and tokens become invalid at once."""
        if account_id == admin.account_id:
            raise RefusedError("You cannot disable your own account.", code="self_change")
        account = await accounts.set_disabled(account_id, is_disabled=True)
        account_cache.forget(account_id)
        return _view(account)

    @router.post(
        "/accounts/{account_id}/enable", response_model=AccountView, **answers(400, 404, 422)
    )
    async def enable(_admin: Admin, account_id: AccountId) -> AccountView:
        """Enable a disabled account."""
        account = await accounts.set_disabled(account_id, is_disabled=False)
        account_cache.forget(account_id)
        return _view(account)

    return router


def _view(account: ApiAccount) -> AccountView:
    return AccountView.model_validate(account, from_attributes=True)
