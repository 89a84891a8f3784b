"""Composition root of the API: creates every object and connects them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from prometheus_fastapi_instrumentator import Instrumentator
from sqlalchemy.ext.asyncio import async_sessionmaker
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from api.accounts.auth_middleware import AuthMiddleware
from api.accounts.dependencies import known_arguments
from api.accounts.keys.service_key import keep_service_key
from api.accounts.routes.routers import account_routes
from api.accounts.scopes import DESCRIPTIONS as SCOPES
from api.accounts.services import AccountServices, make_accounts
from api.admin.about_routes import about_routes
from api.admin.audit_routes import audit_routes
from api.admin.installation import Installation
from api.admin.installation_routes import installation_routes
from api.admin.rule_routes import rule_routes
from api.alerts.routes import alert_routes
from api.alerts.store import AlertRepository
from api.answers.export import ExportResponder
from api.answers.prepared import PreparedAnswers, now_utc
from api.answers.reader import InstrumentedReader
from api.answers.responses import StatsResponder
from api.answers.snapshots import Resolve, Snapshots
from api.audit.reading import AuditReader
from api.audit.trail import AuditTrail
from api.errors import ApiError
from api.health.routes import ProcessLifecycle, health_routes
from api.health.watching import keep_gauges_fresh, watch_pool
from api.http.compression import CompressionMiddleware
from api.http.docs_page import docs_routes
from api.http.error_schema import HEADERS
from api.http.errors import handle
from api.http.middleware import (
    BodyLimitMiddleware,
    ErrorMiddleware,
    HeadMiddleware,
    OriginMiddleware,
    RequestContextMiddleware,
)
from api.http.openapi import customize_openapi
from api.http.rate_limit import RateLimiter
from api.http.static_files import web_routes
from api.http.timeouts import DEFAULT_TIMEOUTS, Timeouts
from api.metrics import ApiMetrics
from api.people.bad_answers import BadAnswers
from api.people.bot_database import BotTables
from api.people.dialog_texts import DialogTexts
from api.people.find_routes import find_routes
from api.people.finding import SubjectFinder
from api.people.names import UserNames
from api.people.routes import text_routes
from api.people.rules import RuleRepository
from api.people.shown_names import ShownNames
from api.settings import AccountSettings, RateLimitSettings, ServerSettings
from api.stats.query_routes import query_routes
from api.stats.routes import stats_routes
from common.encryption.sealing import OpeningPolicy, Vault
from common.errors import SettingError
from common.postgres import create_engine
from common.settings import ConsentSettings, DatabaseSettings, DataKeySettings, ReportSettings
from common.tables.changed_settings import digest_settings, watch_settings
from warehouse.clickhouse.client import ClickHouseReader
from warehouse.clickhouse.reader import Reader
from warehouse.settings import WarehouseSettings
from warehouse.snapshot import resolve

EXPOSED_HEADERS = [*HEADERS, "Content-Disposition", "X-Request-Id"]


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """All settings of the API, by section."""

    server: ServerSettings
    accounts: AccountSettings
    limits: RateLimitSettings
    database: DatabaseSettings
    data_key: DataKeySettings
    report: ReportSettings
    consent: ConsentSettings
    warehouse: WarehouseSettings


def refuse_unshared_settings(settings: ApiSettings) -> None:
    """Check that several workers share their rate limits and their token secret.

    Raises:
        SettingError: they do not.
    """
    if settings.server.api_workers == 1:
        return
    if not settings.limits.is_shared:
        raise SettingError(
            "RATE_LIMIT_STORAGE", "several workers must share their limits: set redis://…"
        )
    if settings.accounts.api_token_secret is None:
        raise SettingError("API_TOKEN_SECRET", "several workers must share it")


def create_app(
    settings: ApiSettings,
    *,
    lifecycle: ProcessLifecycle | None = None,
    reader: Reader | None = None,
    resolve_snapshot: Resolve = resolve,
    clock: Callable[[], datetime] = now_utc,
    shared_metrics: Path | None = None,
    timeouts: Timeouts = DEFAULT_TIMEOUTS,
) -> FastAPI:
    """The application. The keyword arguments replace the edges of the process.

    Args:
        settings: every section.
        lifecycle: whether the process is shutting down.
        reader: runs statements in ClickHouse.
        resolve_snapshot: finds the published snapshot.
        clock: the current time.
        shared_metrics: directory of the metrics of several workers.
        timeouts: how long requests wait for optional parts.

    Raises:
        SettingError: the settings contradict each other.
    """
    refuse_unshared_settings(settings)
    server = settings.server
    lifecycle = lifecycle or ProcessLifecycle()
    engine = create_engine(settings.database, application_name="api")
    sessions = async_sessionmaker(engine, expire_on_commit=False)
    metrics = ApiMetrics(engine, shared=shared_metrics)
    vault = Vault(
        settings.data_key.data_key.get_secret_value(),
        second=settings.data_key.second,
        policy=OpeningPolicy(accepts_unbound=True),
    )
    digests = digest_settings(
        "api", settings, key_name="DATA_KEY", second_key=settings.data_key.second
    )
    warehouse = reader or ClickHouseReader(settings.warehouse, ping_seconds=timeouts.ping_seconds)
    instrumented = InstrumentedReader(warehouse, metrics, explains=server.enable_query_analysis)
    answers = PreparedAnswers(instrumented, clock=clock)
    snapshots = Snapshots(
        instrumented, answers, warm_seconds=timeouts.warm_seconds, resolve=resolve_snapshot
    )
    tables = BotTables(
        sessions, metrics, policy=vault.policy, explains=server.enable_query_analysis
    )
    trail = AuditTrail(sessions)
    names = ShownNames(UserNames(tables, vault, timeout_seconds=timeouts.names_seconds), trail)
    responder = StatsResponder(
        answers=answers,
        snapshots=snapshots,
        names=names,
        trail=trail,
        metrics=metrics,
        clock=clock,
    )

    limiter = RateLimiter(settings.limits, timeout_seconds=timeouts.limits_seconds)
    services = make_accounts(
        settings.accounts,
        sessions=sessions,
        listen_url=settings.database.asyncpg_url,
        limiter=limiter,
        trail=trail,
        trusted_hops=server.trusted_proxy_hops,
        clock=clock,
    )

    @asynccontextmanager
    async def running(_app: FastAPI) -> AsyncIterator[None]:
        services.account_cache.start()
        background = [
            asyncio.create_task(keep_gauges_fresh(metrics), name="metrics"),
            asyncio.create_task(watch_pool(engine), name="pool"),
            asyncio.create_task(snapshots.look_ahead(), name="snapshots"),
            asyncio.create_task(trail.run(), name="audit"),
            asyncio.create_task(
                watch_settings(sessions, digests),
                name="settings",
            ),
            asyncio.create_task(
                keep_service_key(sessions, settings.accounts.stats_api_key, services.passwords),
                name="service key",
            ),
        ]
        try:
            yield
        finally:
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
            await trail.close()
            await snapshots.close()
            await services.close()
            if isinstance(warehouse, ClickHouseReader):
                await warehouse.close()
            await engine.dispose()

    app = FastAPI(
        title="Dialytics",
        version="1",
        lifespan=running,
        redirect_slashes=False,
        # FastAPI's own pages load scripts from another host.
        docs_url=None,
        redoc_url=None,
        exception_handlers=dict.fromkeys((ApiError, HTTPException, RequestValidationError), handle),
    )
    app.state.lifecycle = lifecycle
    default_tz = settings.report.report_timezone
    # Routes are matched in order, so the busiest come first.
    app.include_router(
        stats_routes(
            responder=responder,
            export_responder=ExportResponder(
                reader=instrumented,
                names=names,
                trail=trail,
                metrics=metrics,
                clock=clock,
            ),
            default_tz=default_tz,
        )
    )
    finder = SubjectFinder(tables, vault)
    texts = DialogTexts(tables, vault, settings.consent)
    installation = Installation(tables)
    routers = [
        *account_routes(
            services,
            settings.accounts,
            dashboard_url=server.dashboard_url,
            bots=installation.bots,
            limiter=limiter,
            clock=clock,
        ),
        about_routes(server, AuditReader(sessions)),
        installation_routes(installation, report_timezone=default_tz, clock=clock),
        audit_routes(events=AuditReader(sessions), trail=trail),
        alert_routes(alerts=AlertRepository(sessions), reader=instrumented, snapshots=snapshots),
        rule_routes(
            rules=RuleRepository(sessions, tables),
            finder=finder,
            names=names,
        ),
        find_routes(finder=finder, names=names),
        query_routes(responder=responder, default_tz=default_tz),
        text_routes(
            texts=texts,
            bad_answers=BadAnswers(tables, texts),
            names=names,
            trail=trail,
        ),
    ]
    for router in routers:
        app.include_router(router, dependencies=[Depends(known_arguments)])
    app.include_router(
        health_routes(
            engine=engine,
            reader=instrumented,
            snapshots=snapshots,
            account_cache=services.account_cache,
            lifecycle=lifecycle,
            metrics=metrics,
            metrics_token=server.metrics_token,
            trusted_hops=server.trusted_proxy_hops,
            timeouts=timeouts,
        )
    )
    app.include_router(docs_routes())
    app.include_router(web_routes(server.web_dist))
    customize_openapi(
        app, settings.limits, scopes={scope.value: text for scope, text in SCOPES.items()}
    )

    _add_middleware(app, settings, services=services, limiter=limiter, metrics=metrics)
    return app


def _add_middleware(
    app: FastAPI,
    settings: ApiSettings,
    *,
    services: AccountServices,
    limiter: RateLimiter,
    metrics: ApiMetrics,
) -> None:
    # The last one added is the outermost. ErrorMiddleware is there twice: inside AuthMiddleware, so
    # that its responses carry the rate-limit headers, and outside, for errors of AuthMiddleware.
    server = settings.server
    app.add_middleware(BodyLimitMiddleware)
    app.add_middleware(ErrorMiddleware)
    app.add_middleware(CompressionMiddleware)
    app.add_middleware(
        AuthMiddleware,
        authenticator=services.authenticator,
        sessions=services.session_authenticator,
        limiter=limiter,
        metrics=metrics,
        trusted_hops=server.trusted_proxy_hops,
    )
    app.add_middleware(
        OriginMiddleware,
        allowed=server.origins,
        behind_proxy=server.trusted_proxy_hops > 0,
        metrics=metrics,
    )
    app.add_middleware(ErrorMiddleware)
    if server.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=server.origins,
            allow_credentials=True,
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=["Accept", "Authorization", "Content-Type", "If-None-Match"],
            expose_headers=EXPOSED_HEADERS,
        )
    Instrumentator(
        registry=metrics.registry, should_ignore_untemplated=True, excluded_handlers=["/metrics"]
    ).instrument(app)
    app.add_middleware(RequestContextMiddleware)
    app.add_middleware(HeadMiddleware)
