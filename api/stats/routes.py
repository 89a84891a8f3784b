"""Routes of the reports: GET /api/v1/stats and below."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.accounts.dependencies import require_scope, secured
from api.accounts.scopes import Principal, Scope
from api.answers.export import ExportResponder
from api.answers.formats import MEDIA_TYPES, Format, negotiate
from api.answers.report_query import ReportQuery, ReportRequest
from api.answers.responses import StatsResponder
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
    PersonQuery,
    RetentionQuery,
    StatsQuery,
    TopUsersQuery,
    TurnsQuery,
)
from api.stats.query import parameters, validated
from warehouse.periods import Period, PeriodName
from warehouse.reports import end_of_minute
from warehouse.snapshot import Snapshot

MAX_QUALITY_DAYS = 366
DIALOGS = (
    "Dialogs with a turn in the period, without texts, in any order. CSV and Arrow stream all"
    " of them, at most 50,000 (`X-Truncated`); with `limit` or `cursor` they contain one page."
)
TURNS = (
    "Turns one by one, newest first, without texts: those that every count of the period with the"
    " same filters counts."
)
FORECAST = (
    "Known cost of the running month of the report zone, and the cost expected at its end by the"
    " pattern of weekdays, with an interval of 80 %."
)
QueryFactory = Callable[[Any, datetime, Snapshot], ReportQuery]
"""Makes the query from valid arguments, a time and a snapshot."""

# Path, arguments, answer, report, whether it shows users, description.
REPORTS: tuple[tuple[str, type[StatsQuery], type, reports.ReportFunction[Any], bool, str], ...] = (
    ("", CompareQuery, shapes.Dashboard, reports.dashboard, True,
     "Everything the dashboard shows, from one snapshot. CSV and Arrow carry the activity."),
    ("/summary", CompareQuery, shapes.SummaryAnswer, reports.summary, False,
     "Totals of the period. Users are distinct over the whole period."),
    ("/activity", CompareQuery, shapes.ActivityAnswer, reports.activity, False,
     "One point per bucket, empty ones as zeros."),
    ("/dialogs", DialogsQuery, shapes.DialogsAnswer, reports.dialogs, True,
     DIALOGS),
    ("/turns", TurnsQuery, shapes.TurnsAnswer, reports.turns, True,
     TURNS),
    ("/users/top", TopUsersQuery, shapes.TopUsersAnswer, reports.top_users, True,
     "The users with the most messages, tokens or cost."),
    ("/models", StatsQuery, shapes.ModelsAnswer, reports.models, False,
     "Answers, latency, cost and errors per model."),
    ("/retention", RetentionQuery, shapes.RetentionAnswer, reports.retention, False,
     "Share of each cohort (by first day or week) active on exactly the n-th day or week after."),
    ("/stickiness", StatsQuery, shapes.StickinessAnswer, reports.stickiness, False,
     "DAU, WAU (7 days) and MAU (30 days) for each day."),
    ("/lifecycle", StatsQuery, shapes.LifecycleAnswer, reports.lifecycle, False,
     "New, returning, resurrected, dormant and churned users."),
    ("/heatmap", StatsQuery, shapes.HeatmapAnswer, reports.heatmap, False,
     "Weekday by hour in the zone, all 168 cells."),
    ("/funnel", StatsQuery, shapes.FunnelAnswer, reports.funnel, False,
     "Source, first turn, third turn, D1, D7, D30, and cost."),
    ("/feedback", StatsQuery, shapes.FeedbackAnswer, reports.feedback, False,
     "How people rated answers (button or reaction), by model, source and way of rating."),
    ("/commands", StatsQuery, shapes.CommandsAnswer, reports.commands, False,
     "Commands that people used, by name and per bucket. A command has no model and no dialog."),
    ("/blocks", StatsQuery, shapes.BlocksAnswer, reports.blocks, False,
     "People who blocked the bot and who came back, per bucket. A block has no model."),
    ("/sessions", StatsQuery, shapes.SessionsAnswer, reports.sessions, False,
     "Sessions by their beginning: turns of a person without a pause of 30 minutes."),
    ("/costs", StatsQuery, shapes.CostsAnswer, reports.costs, False,
     "Known cost, per bucket, per active user and per answer."),
    ("/dimensions", StatsQuery, shapes.DimensionsAnswer, reports.dimensions, False,
     "Values to filter by that occur in the period."),
)  # fmt: skip


def openapi_section(
    model: type, *statuses: int, arguments: type[FormatQuery] | None = None
) -> dict[str, Any]:
    """The OpenAPI section of a stats route. Routes with `arguments` are GET and have an ETag."""
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


@dataclass(frozen=True, slots=True)
class Responders:
    """Serves answers and exports."""

    answers: StatsResponder
    exports: ExportResponder

    async def serve(
        self, request: Request, principal: Principal, report: ReportRequest
    ) -> Response:
        """The answer, or the export if there is one in the requested format."""
        format_ = negotiate(report.format, request.headers.get("accept", ""))
        if format_ is not Format.JSON:
            query, snapshot = await self.answers.resolve(report)
            if query.export is not None:
                return await self.exports.serve(
                    principal,
                    query,
                    query.export,
                    snapshot=snapshot,
                    format_=format_,
                    has_bom=report.format.has_bom,
                )
        return await self.answers.serve(request, principal, report)


def stats_routes(
    *, responder: StatsResponder, export_responder: ExportResponder, default_tz: str
) -> APIRouter:
    """The routes under /api/v1/stats."""
    router = APIRouter(prefix="/api/v1/stats", tags=["stats"])
    responders = Responders(responder, export_responder)

    def add(
        path: str,
        arguments: type[FormatQuery],
        answer: type,
        make_query: QueryFactory,
        description: str,
    ) -> None:
        name = _name(path)

        # Not a dependency: resolving one takes longer than a cached answer.
        async def route(request: Request) -> Response:
            principal = require_scope(request, Scope.STATS_READ)
            key = (name, request.scope["query_string"])
            report = responders.answers.find_recent(key)
            if report is None:
                query = validated(arguments, key[1])
                report = ReportRequest(key, partial(make_query, query), query.requested_format)
            return await responders.serve(request, principal, report)

        router.add_api_route(
            path,
            route,
            methods=["GET"],
            name=name,
            description=description,
            **openapi_section(
                # Only a person may be unknown.
                answer,
                *([404] if arguments is PersonQuery else []),
                arguments=arguments,
            ),
        )

    for path, arguments, answer, report, shows_people, description in REPORTS:
        make_query = _about_period(
            _name(path), report, default_tz=default_tz, shows_people=shows_people
        )
        add(path, arguments, answer, make_query, description)
    for status_report in _status_reports(default_tz):
        add(*status_report)
    return router


def _name(path: str) -> str:
    return path.strip("/").replace("/", "_") or "dashboard"


def _about_period(
    name: str, report: reports.ReportFunction[Any], *, default_tz: str, shows_people: bool
) -> QueryFactory:
    def make_query(query: StatsQuery, now: datetime, snapshot: Snapshot) -> ReportQuery:
        period = _period(query, now, snapshot, default_tz=default_tz)
        return ReportQuery(
            name,
            period,
            query.arguments(),
            lambda reader, snapshot: report(reader, snapshot, period, query),
            shows_people=shows_people,
            export=(
                export_reports.dialogs(period, query) if isinstance(query, DialogsQuery) else None
            ),
        )

    return make_query


def _period(query: PeriodQuery, now: datetime, snapshot: Snapshot, *, default_tz: str) -> Period:
    beginning = snapshot.beginning if query.period is PeriodName.ALL else None
    return query.resolved(now=now, default_tz=default_tz, beginning=beginning)


def _status_reports(
    default_tz: str,
) -> tuple[tuple[str, type[FormatQuery], type, QueryFactory, str], ...]:
    """Reports about the state of the data."""

    def quality(query: PeriodQuery, now: datetime, snapshot: Snapshot) -> ReportQuery:
        period = _period(query, now, snapshot, default_tz=default_tz)
        days = max(1, min(MAX_QUALITY_DAYS, (now - period.since).days + 1))
        run = partial(reports.quality, days=days)
        return ReportQuery("quality", period, (days,), run, is_about_now=True)

    def person(query: PersonQuery, *_: object) -> ReportQuery:
        run = partial(reports.person, user_key=query.person)
        return ReportQuery("person", None, query.arguments(), run, shows_people=True)

    def freshness(*_: object) -> ReportQuery:
        return ReportQuery("freshness", None, (), reports.freshness, is_about_now=True)

    def forecast(*_: object) -> ReportQuery:
        return ReportQuery("forecast", None, (), reports.forecast)

    def last_minutes(_query: FormatQuery, now: datetime, _snapshot: Snapshot) -> ReportQuery:
        until = end_of_minute(now)
        return ReportQuery("now", None, (until,), partial(reports.last_minutes, until=until))

    def catalogue(*_: object) -> ReportQuery:
        return ReportQuery("catalogue", None, (), reports.catalogue)

    return (
        ("/quality", PeriodQuery, shapes.QualityAnswer, quality,
         "Latest checks, and PostgreSQL compared with ClickHouse since the start of the period."),
        ("/users/one", PersonQuery, shapes.PersonAnswer, person,
         "One user over all time: when they came, from where, and totals."),
        ("/freshness", FormatQuery, shapes.FreshnessAnswer, freshness,
         "Age of the data, and the reasons for delays."),
        ("/forecast", FormatQuery, shapes.ForecastAnswer, forecast,
         FORECAST),
        ("/now", FormatQuery, shapes.NowAnswer, last_minutes,
         "Turns and people of the last 30 minutes, minute by minute."),
        ("/catalogue", FormatQuery, shapes.CatalogueAnswer, catalogue,
         "All metrics: definition, unit, dimensions that they may be summed over, source."),
    )  # fmt: skip
