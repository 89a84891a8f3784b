"""Routes about the installation: limits of the bill, and the steps of its setup."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime

from fastapi import APIRouter
from starlette.responses import Response

from api.accounts.dependencies import StatsReader, documented
from api.accounts.scopes import Scope
from api.admin.installation import Installation
from api.admin.schemas import BillView, SetupView
from api.http.json import unstored_json
from common.zones import zone_named


def installation_routes(
    installation: Installation, *, report_timezone: str, clock: Callable[[], datetime]
) -> APIRouter:
    """The routes /api/v1/bill and /api/v1/setup."""
    router = APIRouter(prefix="/api/v1", tags=["stats"])
    zone = zone_named(report_timezone)

    @router.get("/bill", response_model=BillView, **documented(Scope.STATS_READ)(rated=200))
    async def bill(_principal: StatsReader) -> Response:
        """The limits of the bill that the bots stated at their last start, and what is spent."""
        limits = await installation.bill(clock().astimezone(zone).date())
        return unstored_json({"limits": [asdict(limit) for limit in limits]})

    @router.get("/setup", response_model=SetupView, **documented(Scope.STATS_READ)(rated=200))
    async def setup(_principal: StatsReader) -> Response:
        """Which steps of the setup are done."""
        return unstored_json(asdict(await installation.setup()))

    return router
