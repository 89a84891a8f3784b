"""Route that tells pages where else to look."""

from __future__ import annotations

from fastapi import APIRouter

from api.accounts.dependencies import AnyAccount, documented
from api.accounts.scopes import Scope
from api.admin.schemas import About
from api.settings import ServerSettings
from common.version import VERSION


def about_routes(settings: ServerSettings) -> APIRouter:
    """The route /api/v1/about."""
    router = APIRouter(prefix="/api/v1", tags=["accounts"])

    @router.get("/about", response_model=About, **documented()())
    async def about(principal: AnyAccount) -> About:
        """Addresses of Grafana and Dagster, as far as they are set and of use to the account."""
        return About(
            version=VERSION,
            grafana_url=settings.grafana_url,
            dagster_url=settings.dagster_url if principal.may(Scope.DAGSTER_USE) else None,
        )

    return router
