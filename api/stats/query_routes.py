"""The route POST /api/v1/query: metrics by dimensions and filters."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import orjson
import pyarrow as pa
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from api.accounts.dependencies import StatsReader
from api.answers.arrow_schema import (
    COUNT,
    DAY,
    DECIMAL,
    MOMENT,
    NUMBER,
    TEXT,
    joined,
)
from api.answers.report_query import Report, ReportQuery, ReportRequest
from api.answers.responses import StatsResponder
from api.stats.arguments import FormatQuery
from api.stats.query_schema import QueryBody
from api.stats.routes import openapi_section
from api.stats.schemas import QueryResult
from warehouse.catalogue import BY_NAME
from warehouse.clickhouse.reader import Reader
from warehouse.periods import Bucket
from warehouse.query import QueryRequest, parse, run
from warehouse.reports.metric_values import COSTS, PERCENTILES
from warehouse.snapshot import Snapshot


def query_routes(*, responder: StatsResponder, default_tz: str) -> APIRouter:
    """The route under /api/v1/query."""
    router = APIRouter(prefix="/api/v1", tags=["stats"])

    @router.post("/query", **openapi_section(QueryResult, 400))
    async def query(
        request: Request,
        principal: StatsReader,
        body: QueryBody,
        arguments: Annotated[FormatQuery, Query()],
    ) -> Response:
        """Any metrics by any dimensions and filters; at most 1,000 rows."""
        written = body.model_dump(mode="json", exclude_unset=True)

        def make_query(now: datetime, snapshot: Snapshot) -> ReportQuery:
            beginning = snapshot.beginning if body.date_range == "all" else None
            parsed = parse(written, now=now, default_tz=default_tz, beginning=beginning)
            return ReportQuery(
                "query",
                parsed.period,
                (orjson.dumps(parsed.normalised, option=orjson.OPT_SORT_KEYS),),
                lambda reader, snapshot: _run(reader, snapshot, parsed),
            )

        # repr, because the body may contain values that cannot be written as JSON.
        report = ReportRequest(("query", repr(written)), make_query, arguments.requested_format)
        return await responder.serve(request, principal, report)

    return router


async def _run(reader: Reader, snapshot: Snapshot, parsed: QueryRequest) -> Report:
    found = await run(reader, parsed, snapshot=snapshot)
    schema = joined(
        ((name, _dimension_type(name, parsed.period.bucket)) for name in parsed.dimensions),
        ((name, _metric_type(name)) for name in parsed.metrics),
    )
    return Report(
        fields={
            "results": found.results,
            "query": found.query,
            "warnings": found.warnings,
            "total_rows": found.total_rows,
            "has_more": found.has_more,
            "time_labels": found.time_labels,
        },
        rows=[
            dict(zip(schema.names, (*row.dimensions, *row.metrics), strict=True))
            for row in found.results
        ],
        schema=schema,
    )


def _dimension_type(name: str, bucket: Bucket) -> pa.DataType:
    if name.startswith("time"):
        return DAY if bucket in (Bucket.DAY, Bucket.WEEK, Bucket.MONTH) else MOMENT
    return COUNT if name in {"bot", "person"} else TEXT


def _metric_type(name: str) -> pa.DataType:
    if name in COSTS:
        return DECIMAL
    is_ratio = name in PERCENTILES or BY_NAME[name].unit == "ratio" or " per " in BY_NAME[name].unit
    return NUMBER if is_ratio else COUNT
