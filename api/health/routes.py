"""Routes for supervisors and Prometheus: /health, /ready, /metrics."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any, Literal

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, Field, SecretStr
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.accounts.account_cache import AccountCache
from api.answers.snapshots import Snapshots
from api.errors import ForbiddenError
from api.health.schema_state import (
    OK,
    SchemaState,
    postgres_state,
    warehouse_state,
)
from api.http.timeouts import Timeouts
from api.metrics import ApiMetrics
from common.http.client_address import may_read_metrics
from common.http.health import Uptime, is_database_up, pool_usage
from common.version import VERSION
from warehouse.clickhouse.reader import Reader
from warehouse.errors import WarehouseError
from warehouse.reports import freshness


class Pool(BaseModel):
    checked_out: int
    checked_in: int
    most: int


class Health(BaseModel):
    """State of the process."""

    status: Literal["healthy", "unhealthy", "draining"]
    version: str
    uptime_seconds: float
    process_id: int = Field(description="The worker that answered.")
    database: Literal["connected", "disconnected"]
    pool: Pool
    hears_account_changes: bool


class Readiness(BaseModel):
    """Whether the process accepts requests, by check."""

    ready: bool
    checks: dict[str, str]


class ProcessLifecycle:
    """Uptime, and whether the process is draining."""

    def __init__(self) -> None:
        self.is_draining = False
        self.uptime = Uptime()


def health_routes(
    *,
    engine: AsyncEngine,
    reader: Reader,
    snapshots: Snapshots,
    account_cache: AccountCache,
    lifecycle: ProcessLifecycle,
    metrics: ApiMetrics,
    metrics_token: SecretStr | None,
    trusted_hops: int,
    timeouts: Timeouts,
) -> APIRouter:
    """/health, /ready and /metrics."""
    router = APIRouter(tags=["operations"])
    postgres_schema = SchemaState(lambda: postgres_state(engine))
    warehouse_schema = SchemaState(lambda: warehouse_state(reader))

    @router.get(
        "/health",
        response_model=Health,
        responses={503: {"model": Health, "description": "PostgreSQL does not answer."}},
    )
    async def health() -> Response:
        """Uptime, PostgreSQL and its connection pool."""
        is_up = await is_database_up(engine, seconds=timeouts.health_seconds)
        use = pool_usage(engine)
        state = Health(
            status="draining" if lifecycle.is_draining else ("healthy" if is_up else "unhealthy"),
            version=VERSION,
            uptime_seconds=round(lifecycle.uptime.seconds, 1),
            process_id=os.getpid(),
            database="connected" if is_up else "disconnected",
            pool=Pool(
                checked_out=use.checked_out, checked_in=use.checked_in, most=use.max_connections
            ),
            hears_account_changes=account_cache.is_listening,
        )
        return JSONResponse(state.model_dump(), status_code=200 if is_up else 503)

    @router.get(
        "/ready",
        response_model=Readiness,
        responses={503: {"model": Readiness, "description": "Not now."}},
    )
    async def ready() -> Response:
        """Both schemas, a query in PostgreSQL, and an aggregate in ClickHouse."""
        seconds = timeouts.ready_seconds
        postgres, warehouse = await asyncio.gather(
            _check(lambda: _postgres(postgres_schema, engine), seconds=seconds),
            _check(lambda: _warehouse(warehouse_schema, reader, snapshots), seconds=seconds),
        )
        checks = {
            "postgres": postgres,
            "warehouse": warehouse,
            "lifecycle": "draining" if lifecycle.is_draining else OK,
        }
        is_ready = all(value == OK for value in checks.values())
        return JSONResponse(
            {"ready": is_ready, "checks": checks}, status_code=200 if is_ready else 503
        )

    @router.get("/metrics", include_in_schema=False)
    async def prometheus(request: Request) -> Response:
        peer = request.client.host if request.client else "unknown"
        if not may_read_metrics(
            peer, request.headers.items(), token=metrics_token, trusted_hops=trusted_hops
        ):
            raise ForbiddenError("Metrics are available from this machine or with METRICS_TOKEN.")
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


async def _postgres(schema: SchemaState, engine: AsyncEngine) -> str:
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1"))
    return await schema.get()


async def _warehouse(schema: SchemaState, reader: Reader, snapshots: Snapshots) -> str:
    state = await schema.get()
    if state == OK:
        await freshness(reader, snapshot=await snapshots.current(is_wanted_again=False))
    return state
