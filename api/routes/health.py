"""/health, /ready, /metrics: what machines ask about this process. Wiring only."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any, Literal

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, Field, SecretStr
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.accounts.directory import Directory
from api.answers.snapshots import Snapshots
from api.errors import Forbidden
from api.metrics import Metrics
from api.patience import Patience
from common.client_address import may_read_metrics
from common.health import Uptime, is_database_up, pool_use
from warehouse.errors import QueryFailedError, WarehouseError
from warehouse.reading import Reader
from warehouse.reports import freshness

SCHEMA = "0010"
"""The PostgreSQL revision that this code needs, or a later one."""
WAREHOUSE_SCHEMA = "0002"
"""The same of ClickHouse."""
UNKNOWN_TABLE = 60


class Pool(BaseModel):
    checked_out: int
    checked_in: int
    most: int


class Health(BaseModel):
    """How the process is."""

    status: Literal["healthy", "unhealthy", "draining"]
    uptime_seconds: float
    process_id: int = Field(description="Which of several workers answered.")
    database: Literal["connected", "disconnected"]
    pool: Pool
    hears_account_changes: bool


class Readiness(BaseModel):
    """Whether the process should get requests, and why not."""

    ready: bool
    checks: dict[str, str]


class Lifecycle:
    """Whether the process is on its way out."""

    def __init__(self) -> None:
        self.is_draining = False
        self.uptime = Uptime()


def health_routes(
    *,
    engine: AsyncEngine,
    reader: Reader,
    snapshots: Snapshots,
    directory: Directory,
    lifecycle: Lifecycle,
    metrics: Metrics,
    metrics_token: SecretStr | None,
    trusted_hops: int,
    patience: Patience,
) -> APIRouter:
    """The routes for supervisors and Prometheus."""
    router = APIRouter(tags=["operations"])

    @router.get(
        "/health",
        response_model=Health,
        responses={503: {"model": Health, "description": "PostgreSQL does not answer."}},
    )
    async def health() -> Response:
        """Is the process well: uptime, PostgreSQL, its pool."""
        is_up = await is_database_up(engine, seconds=patience.health_seconds)
        use = pool_use(engine)
        state = Health(
            status="draining" if lifecycle.is_draining else ("healthy" if is_up else "unhealthy"),
            uptime_seconds=round(lifecycle.uptime.seconds, 1),
            process_id=os.getpid(),
            database="connected" if is_up else "disconnected",
            pool=Pool(checked_out=use.checked_out, checked_in=use.checked_in, most=use.most),
            hears_account_changes=directory.is_listening,
        )
        return JSONResponse(state.model_dump(), status_code=200 if is_up else 503)

    @router.get(
        "/ready",
        response_model=Readiness,
        responses={503: {"model": Readiness, "description": "Not now."}},
    )
    async def ready() -> Response:
        """Should it get requests: schemas, PostgreSQL, a real aggregate in ClickHouse."""
        seconds = patience.ready_seconds
        postgres, warehouse = await asyncio.gather(
            _check(lambda: _postgres(engine), seconds=seconds),
            _check(lambda: _warehouse(reader, snapshots), seconds=seconds),
        )
        checks = {
            "postgres": postgres,
            "warehouse": warehouse,
            "lifecycle": "draining" if lifecycle.is_draining else "ok",
        }
        is_ready = all(value == "ok" for value in checks.values())
        return JSONResponse(
            {"ready": is_ready, "checks": checks}, status_code=200 if is_ready else 503
        )

    @router.get("/metrics", include_in_schema=False)
    async def prometheus(request: Request) -> Response:
        peer = request.client.host if request.client else "unknown"
        if not may_read_metrics(
            peer, request.headers.items(), token=metrics_token, trusted_hops=trusted_hops
        ):
            raise Forbidden("Metrics are for this machine, or for METRICS_TOKEN.")
        return Response(metrics.render(), media_type=CONTENT_TYPE_LATEST)

    return router


async def _check(work: Callable[[], Any], *, seconds: float) -> str:
    try:
        async with asyncio.timeout(seconds):
            return str(await work())
    except TimeoutError:
        return f"no answer within {seconds:g} s"
    except (SQLAlchemyError, OSError):
        return "does not answer"
    except WarehouseError as error:
        return str(error)


async def _postgres(engine: AsyncEngine) -> str:
    async with engine.connect() as connection:
        try:
            revision = await connection.scalar(text("SELECT version_num FROM alembic_version"))
        except ProgrammingError:
            revision = None
    return _state_of_schema(revision, SCHEMA, store="postgres")


async def _warehouse(reader: Reader, snapshots: Snapshots) -> str:
    try:
        # Of several rows the highest counts: ClickHouse updates none in place.
        rows = await reader.rows(
            "schema", "SELECT max(version_num) AS revision FROM alembic_version", {}
        )
        revision = rows[0]["revision"] or None
    except QueryFailedError as error:
        if error.code != UNKNOWN_TABLE:
            raise
        revision = None
    state = _state_of_schema(revision, WAREHOUSE_SCHEMA, store="clickhouse")
    if state == "ok":
        await freshness(reader, snapshot=await snapshots.current(is_wanted_again=False))
    return state


def _state_of_schema(revision: str | None, needed: str, *, store: str) -> str:
    if revision is not None and revision >= needed:
        return "ok"
    found = f"schema {revision} is older than {needed}" if revision else "there is no schema"
    return f"{found}: run python -m migrations {store}"
