"""Route that tells pages where else to look, and when versions changed."""

from __future__ import annotations

from fastapi import APIRouter

from api.accounts.dependencies import AnyAccount, documented
from api.accounts.scopes import Scope
from api.admin.schemas import About
from api.audit.reading import AuditReader
from api.settings import ServerSettings
from common.version import VERSION

MAX_RELEASES = 100


def about_routes(settings: ServerSettings, events: AuditReader) -> APIRouter:
    """The route /api/v1/about."""
    router = APIRouter(prefix="/api/v1", tags=["accounts"])

    @router.get("/about", response_model=About, **documented()())
    async def about(principal: AnyAccount) -> About:
        """Addresses of Grafana and Dagster, as far as they are set and of use to the account.

        Also when bots were started with another version, newest first, at most 100.
        """
        return About(
            version=VERSION,
            releases=await events.releases(MAX_RELEASES),
            grafana_url=settings.grafana_url,
            dagster_url=settings.dagster_url if principal.may(Scope.DAGSTER_USE) else None,
        )

    return router
