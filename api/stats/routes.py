"""GET /api/v1/stats and its parts. Wiring: validate, name the report, serve."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.accounts.dependencies import secured, with_scope
from api.accounts.login import Principal
from api.accounts.scopes import Scope
from api.answers.export import ExportDesk
from api.answers.formats import MEDIA_TYPES, Format, negotiate
from api.answers.questions import Export, Question, ReportRequest
from api.answers.responses import Desk
from api.http.error_schema import (
    ANSWER_HEADERS,
    ETAG,
    RATE_HEADERS,
    problems,
)
from api.stats import export_reports, reports
from api.stats import schemas as shapes
from api.stats.arguments import (
    CompareQuery,
    DialogsQuery,
    FormatQuery,
    PeriodQuery,
    RetentionQuery,
    StatsQuery,
    TopUsersQuery,
)
from api.stats.query import parameters, validated
from warehouse.periods import Period, PeriodName
from warehouse.snapshot import Snapshot

MOST_QUALITY_DAYS = 366
DIALOGS = (
    "Dialogs with a turn in the period, the latest turn first. Never a text. CSV and Arrow stream"
    " all of them, at most 50,000 (`X-Truncated` tells); with `limit` or `cursor` they are a page."
)
Route = Callable[[Request], Awaitable[Response]]
Make = Callable[[Any, datetime, Snapshot], Question]
"""The question for valid arguments, at a moment, on a snapshot."""


def answers(
    model: type, *statuses: int, arguments: type[FormatQuery] | None = None
) -> dict[str, Any]:
    """What OpenAPI says about a stats route. One without `arguments` is no GET: it has no ETag."""
    headers = RATE_HEADERS | ANSWER_HEADERS | (ETAG if arguments else {})
    unchanged = {
        304: {
            "description": "Unchanged since the ETag in `If-None-Match`. Headers state the age.",
            "headers": headers,
        }
    }
    return {
        "response_model": model,
        "responses": {
            200: {
                "headers": headers,
                "content": {
                    MEDIA_TYPES[Format.CSV].partition(";")[0]: {"schema": {"type": "string"}},
                    MEDIA_TYPES[Format.ARROW]: {"schema": {"type": "string", "format": "binary"}},
                },
            },
            **(unchanged if arguments else {}),
            **problems(401, 403, 422, *statuses),
        },
        "openapi_extra": {
            **secured(Scope.STATS_READ),
            **({"parameters": parameters(arguments)} if arguments else {}),
        },
    }


def stats_routes(*, desk: Desk, export_desk: ExportDesk, default_tz: str) -> APIRouter:
    """The routes under /api/v1/stats."""
    router = APIRouter(prefix="/api/v1/stats", tags=["stats"])
    add_reports(router, Desks(desk, export_desk), default_tz=default_tz)
    add_states(router, Desks(desk, export_desk), default_tz=default_tz)
    return router


@dataclass(frozen=True, slots=True)
class Desks:
    """Who serves answers, and who streams export_reports."""

    answers: Desk
    exports: ExportDesk

    async def serve(
        self,
        request: Request,
        principal: Principal,
        report: ReportRequest,
    ) -> Response:
        """The answer, or the export when there is one in that format."""
        format_ = negotiate(report.asked, request.headers.get("accept", ""))
        if format_ is not Format.JSON:
            question, snapshot = await self.answers.resolve(report)
            if question.export is not None:
                return await self.exports.serve(
                    principal,
                    question,
                    question.export,
                    snapshot=snapshot,
                    format_=format_,
                    has_bom=report.asked.has_bom,
                )
        return await self.answers.serve(request, principal, report)


def add_reports(router: APIRouter, desks: Desks, *, default_tz: str) -> None:
    """Every report about a period."""
    # Path, arguments, shape, report, whether it shows people, what it says.
    table: tuple[tuple[str, type[StatsQuery], type, reports.About[Any], bool, str], ...] = (
        ("", CompareQuery, shapes.Dashboard, reports.dashboard, True,
         "Everything the dashboard shows, from one snapshot. CSV and Arrow carry the activity."),
        ("/summary", CompareQuery, shapes.SummaryAnswer, reports.summary, False,
         "Totals of the period; users are distinct over the whole of it."),
        ("/activity", CompareQuery, shapes.ActivityAnswer, reports.activity, False,
         "One point per bucket, empty ones as zeros."),
        ("/dialogs", DialogsQuery, shapes.DialogsAnswer, reports.dialogs, True,
         DIALOGS),
        ("/users/top", TopUsersQuery, shapes.TopUsersAnswer, reports.top_users, True,
         "Who wrote most, used most tokens or cost most."),
        ("/models", StatsQuery, shapes.ModelsAnswer, reports.models, False,
         "Which models answer, how fast, at what price, and what goes wrong."),
        ("/retention", RetentionQuery, shapes.RetentionAnswer, reports.retention, False,
         "Of those who began on a day (week), how many came on exactly the n-th after it."),
        ("/stickiness", StatsQuery, shapes.StickinessAnswer, reports.stickiness, False,
         "DAU, WAU (7 days) and MAU (30 days) for each day."),
        ("/lifecycle", StatsQuery, shapes.LifecycleAnswer, reports.lifecycle, False,
         "New, returning, resurrected, dormant and churned people."),
        ("/heatmap", StatsQuery, shapes.HeatmapAnswer, reports.heatmap, False,
         "Weekday by hour in the zone, all 168 cells."),
        ("/funnel", StatsQuery, shapes.FunnelAnswer, reports.funnel, False,
         "Source, first turn, third turn, D1, D7, D30, and what they cost."),
        ("/costs", StatsQuery, shapes.CostsAnswer, reports.costs, False,
         "Known cost, per bucket, per active user and per answer."),
        ("/dimensions", StatsQuery, shapes.DimensionsAnswer, reports.dimensions, False,
         "Values to filter by, seen in the period."),
    )  # fmt: skip
    for path, arguments, shape, report, shows_people, description in table:
        make = _about_period(
            _name(path),
            report,
            default_tz=default_tz,
            shows_people=shows_people,
            export=export_reports.dialogs if arguments is DialogsQuery else None,
        )
        _add(
            router,
            path,
            make,
            desks=desks,
            shape=shape,
            arguments=arguments,
            description=description,
        )


def _route(desks: Desks, name: str, arguments: type[FormatQuery], make: Make) -> Route:
    # The principal is read here, not by a dependency: resolving one costs more than the answer.
    async def route(request: Request) -> Response:
        principal = with_scope(request, Scope.STATS_READ)
        raw = request.scope["query_string"]
        report = desks.answers.known((name, raw))
        if report is None:
            query = validated(arguments, raw)
            report = ReportRequest((name, raw), partial(make, query), query.asked)
        return await desks.serve(request, principal, report)

    return route


def _add(
    router: APIRouter,
    path: str,
    make: Make,
    *,
    desks: Desks,
    shape: type,
    arguments: type[FormatQuery],
    description: str,
) -> None:
    router.add_api_route(
        path,
        _route(desks, _name(path), arguments, make),
        methods=["GET"],
        name=_name(path),
        description=description,
        **answers(shape, arguments=arguments),
    )


def _name(path: str) -> str:
    return path.strip("/").replace("/", "_") or "dashboard"


def _about_period(
    name: str,
    report: reports.About[Any],
    *,
    default_tz: str,
    shows_people: bool,
    export: Callable[[Period, Any], Export | None] | None,
) -> Make:
    def make(query: StatsQuery, now: datetime, snapshot: Snapshot) -> Question:
        period = _period(query, now, snapshot, default_tz=default_tz)
        return Question(
            name,
            period,
            query.arguments(),
            report(period, query),
            shows_people=shows_people,
            export=export(period, query) if export else None,
        )

    return make


def _period(query: PeriodQuery, now: datetime, snapshot: Snapshot, *, default_tz: str) -> Period:
    beginning = snapshot.beginning if query.period is PeriodName.ALL else None
    return query.resolved(now=now, default_tz=default_tz, beginning=beginning)


def add_states(router: APIRouter, desks: Desks, *, default_tz: str) -> None:
    """Reports about the numbers themselves."""

    def quality(query: PeriodQuery, now: datetime, snapshot: Snapshot) -> Question:
        period = _period(query, now, snapshot, default_tz=default_tz)
        days = max(1, min(MOST_QUALITY_DAYS, (now - period.since).days + 1))
        return Question("quality", period, (days,), reports.quality(days), is_about_now=True)

    def freshness(*_: object) -> Question:
        return Question("freshness", None, (), reports.freshness, is_about_now=True)

    def catalogue(*_: object) -> Question:
        return Question("catalogue", None, (), reports.catalogue)

    table: tuple[tuple[str, type[FormatQuery], type, Callable[..., Question], str], ...] = (
        ("/quality", PeriodQuery, shapes.QualityAnswer, quality,
         "Latest checks, and PostgreSQL against ClickHouse since the start of the period."),
        ("/freshness", FormatQuery, shapes.FreshnessAnswer, freshness,
         "How old the numbers are, and what holds them back."),
        ("/catalogue", FormatQuery, shapes.CatalogueAnswer, catalogue,
         "Every metric: definition, unit, whether it may be added up, where it comes from."),
    )  # fmt: skip
    for path, arguments, shape, make, description in table:
        _add(
            router,
            path,
            make,
            desks=desks,
            shape=shape,
            arguments=arguments,
            description=description,
        )
