"""The composition root of the API: every object is made here, once, and handed down."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from prometheus_fastapi_instrumentator import Instrumentator
from sqlalchemy.ext.asyncio import async_sessionmaker
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from api.accounts.auth import Gate
from api.accounts.credentials import CredentialCache
from api.accounts.directory import Directory
from api.accounts.login import Login
from api.accounts.passwords import Passwords
from api.accounts.routes.admin import admin_routes
from api.accounts.routes.registration import auth_routes
from api.accounts.routes.tokens import token_routes
from api.accounts.scopes import DESCRIPTIONS as SCOPES
from api.accounts.store import Accounts
from api.accounts.throttle import LoginThrottle
from api.accounts.tokens import Tokens
from api.answers.export import ExportDesk
from api.answers.prepared import PreparedAnswers, now_utc
from api.answers.reader import WatchedReader
from api.answers.responses import Desk
from api.answers.snapshots import Resolve, Snapshots
from api.errors import ApiError
from api.health.routes import Lifecycle, health_routes
from api.health.watching import keep_gauges_fresh, watch_pool
from api.http.compression import Compression
from api.http.docs_page import reference_routes
from api.http.errors import handle
from api.http.middleware import (
    BodyLimit,
    HeadAsGet,
    LastResort,
    OriginCheck,
    RequestContext,
)
from api.http.openapi import describe
from api.http.rate_limit import Counters, make_counters
from api.http.static_files import web_routes
from api.http.timeouts import USUAL, Patience
from api.metrics import Metrics
from api.people.bot_database import BotTables
from api.people.dialog_texts import Texts
from api.people.names import NameBook
from api.people.routes import text_routes
from api.settings import AccountSettings, LimitSettings, ServerSettings, parse_limit
from api.stats.query_routes import query_routes
from api.stats.routes import stats_routes
from common.errors import SettingError
from common.postgres import Sessions, create_engine
from common.sealing import OpeningPolicy, Vault
from common.settings import DatabaseSettings, DataKeySettings, ReportSettings
from warehouse.clickhouse.client import ClickHouseReader
from warehouse.clickhouse.reader import Reader
from warehouse.settings import WarehouseSettings
from warehouse.snapshot import resolve

EXPOSED_HEADERS = [
    "Content-Disposition",
    "ETag",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "X-Data-Through",
    "X-Is-Partial",
    "X-Lag-Seconds",
    "X-Newest-Through",
    "X-Period",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "X-Request-Id",
    "X-Snapshot",
    "X-Timezone",
    "X-Truncated",
]


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """Every section that the API needs."""

    server: ServerSettings
    accounts: AccountSettings
    limits: LimitSettings
    database: DatabaseSettings
    data_key: DataKeySettings
    report: ReportSettings
    warehouse: WarehouseSettings


@dataclass(frozen=True, slots=True)
class People:
    """Everything about accounts."""

    accounts: Accounts
    directory: Directory
    passwords: Passwords
    tokens: Tokens
    login: Login


def make_accounts(
    settings: ApiSettings, *, sessions: Sessions, counters: Counters, clock: Callable[[], datetime]
) -> People:
    """Accounts, passwords and tokens under the settings."""
    own = settings.accounts
    accounts = Accounts(sessions)
    credentials = CredentialCache(seconds=own.credential_cache_seconds)
    directory = Directory(accounts, credentials, url=settings.database.asyncpg_url)
    passwords = Passwords(cost=own.password_hash_cost, threads=own.password_hash_threads)
    previous = own.api_token_secret_previous
    tokens = Tokens(
        own.api_token_secret.get_secret_value()
        if own.api_token_secret
        else secrets.token_urlsafe(48),
        previous=previous.get_secret_value() if previous else None,
        lifetime=timedelta(minutes=own.api_token_minutes),
        session=timedelta(hours=own.api_session_hours),
        clock=clock,
    )
    login = Login(
        accounts=accounts,
        directory=directory,
        passwords=passwords,
        credentials=credentials,
        throttle=LoginThrottle(
            counters,
            per_account=parse_limit(own.login_failures_per_account),
            per_address=parse_limit(own.login_failures_per_address),
            ceiling=parse_limit(own.login_failures_ceiling),
        ),
        tokens=tokens,
    )
    return People(accounts, directory, passwords, tokens, login)


def refuse_what_workers_cannot_share(settings: ApiSettings) -> None:
    """Several workers share one limit and one secret, or none starts.

    Raises:
        SettingError: they could not.
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
    lifecycle: Lifecycle | None = None,
    reader: Reader | None = None,
    resolve_snapshot: Resolve = resolve,
    clock: Callable[[], datetime] = now_utc,
    shared_metrics: Path | None = None,
    patience: Patience = USUAL,
) -> FastAPI:
    """The application. What the keyword arguments replace is the edge of the process.

    Args:
        settings: every section.
        lifecycle: whether the process is on its way out.
        reader: the door to ClickHouse.
        resolve_snapshot: finds what is published.
        clock: the current time.
        shared_metrics: where several workers keep their counts.
        patience: how long a request waits for what it can be answered without.

    Raises:
        SettingError: the settings contradict each other.
    """
    refuse_what_workers_cannot_share(settings)
    server = settings.server
    lifecycle = lifecycle or Lifecycle()
    engine = create_engine(settings.database, application_name="api")
    sessions = async_sessionmaker(engine, expire_on_commit=False)
    metrics = Metrics(engine, shared=shared_metrics)
    vault = Vault(
        settings.data_key.data_key.get_secret_value(),
        second=settings.data_key.second,
        policy=OpeningPolicy(accepts_unbound=True),
    )
    door = reader or ClickHouseReader(settings.warehouse, ping_seconds=patience.ping_seconds)
    watched = WatchedReader(door, metrics, explains=server.enable_query_analysis)
    answers = PreparedAnswers(watched, clock=clock)
    snapshots = Snapshots(
        watched, answers, warm_seconds=patience.warm_seconds, resolve=resolve_snapshot
    )
    tables = BotTables(
        sessions, metrics, policy=vault.policy, explains=server.enable_query_analysis
    )
    names = NameBook(tables, vault, patience_seconds=patience.names_seconds)
    desk = Desk(answers=answers, snapshots=snapshots, names=names, metrics=metrics, clock=clock)

    counters = make_counters(settings.limits, patience_seconds=patience.limits_seconds)
    people = make_accounts(settings, sessions=sessions, counters=counters, clock=clock)

    @asynccontextmanager
    async def running(_app: FastAPI) -> AsyncIterator[None]:
        people.directory.start()
        background = [
            asyncio.create_task(keep_gauges_fresh(metrics), name="metrics"),
            asyncio.create_task(watch_pool(engine), name="pool"),
            asyncio.create_task(snapshots.look_ahead(), name="snapshots"),
        ]
        try:
            yield
        finally:
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
            await snapshots.close()
            await people.directory.stop()
            people.passwords.close()
            await counters.close()
            if isinstance(door, ClickHouseReader):
                await door.close()
            await engine.dispose()

    app = FastAPI(
        title="Dialytics",
        version="1",
        lifespan=running,
        redirect_slashes=False,
        # The framework's own pages load their scripts from another host.
        docs_url=None,
        redoc_url=None,
        exception_handlers=dict.fromkeys((ApiError, HTTPException, RequestValidationError), handle),
    )
    app.state.lifecycle = lifecycle
    default_tz = settings.report.report_timezone
    # Routes are tried in order: the most asked for come first.
    app.include_router(
        stats_routes(
            desk=desk,
            export_desk=ExportDesk(reader=watched, names=names, metrics=metrics, clock=clock),
            default_tz=default_tz,
        )
    )
    app.include_router(
        auth_routes(
            accounts=people.accounts,
            directory=people.directory,
            login=people.login,
            passwords=people.passwords,
            registration_token=settings.accounts.admin_registration_token,
        )
    )
    app.include_router(token_routes(login=people.login, tokens=people.tokens))
    app.include_router(admin_routes(accounts=people.accounts, directory=people.directory))
    app.include_router(query_routes(desk=desk, default_tz=default_tz))
    app.include_router(
        text_routes(texts=Texts(tables, vault), names=names, accounts=people.accounts)
    )
    app.include_router(
        health_routes(
            engine=engine,
            reader=watched,
            snapshots=snapshots,
            directory=people.directory,
            lifecycle=lifecycle,
            metrics=metrics,
            metrics_token=server.metrics_token,
            trusted_hops=server.trusted_proxy_hops,
            patience=patience,
        )
    )
    app.include_router(reference_routes())
    app.include_router(web_routes(server.web_dist))
    describe(app, settings.limits, scopes={scope.value: text for scope, text in SCOPES.items()})

    _surround(app, settings, login=people.login, counters=counters, metrics=metrics)
    return app


def _surround(
    app: FastAPI, settings: ApiSettings, *, login: Login, counters: Counters, metrics: Metrics
) -> None:
    # The last added is the outermost. What nobody caught ends inside the gate, to carry its
    # headers; what breaks in the gate itself, around it.
    server = settings.server
    app.add_middleware(BodyLimit)
    app.add_middleware(LastResort)
    app.add_middleware(Compression)
    app.add_middleware(
        Gate,
        login=login,
        counters=counters,
        metrics=metrics,
        default=parse_limit(settings.limits.stats_api_rate_limit),
        dashboard=parse_limit(settings.limits.stats_dashboard_rate_limit),
        trusted_hops=server.trusted_proxy_hops,
    )
    app.add_middleware(
        OriginCheck,
        allowed=server.origins,
        behind_proxy=server.trusted_proxy_hops > 0,
        metrics=metrics,
    )
    app.add_middleware(LastResort)
    if server.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=server.origins,
            allow_credentials=True,
            allow_methods=["GET", "POST", "PUT"],
            allow_headers=["Accept", "Authorization", "Content-Type", "If-None-Match"],
            expose_headers=EXPOSED_HEADERS,
        )
    Instrumentator(
        registry=metrics.registry, should_ignore_untemplated=True, excluded_handlers=["/metrics"]
    ).instrument(app)
    app.add_middleware(RequestContext)
    app.add_middleware(HeadAsGet)
