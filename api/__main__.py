"""`python -m api`: serves the API and the dashboard until SIGTERM."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from api.app import ApiSettings, create_app, refuse_unshared_settings
from api.http.workers import DrainingServer, run_workers
from api.metrics import SHARED_DIRECTORY
from api.settings import AccountSettings, RateLimitSettings, ServerSettings
from common.errors import SettingError
from common.http.bounded_protocol import BoundedProtocol
from common.log import configure_logging, get_logger
from common.postgres import refuse_wrong_server
from common.process import run
from common.settings import (
    ConsentSettings,
    DatabaseSettings,
    DataKeySettings,
    ReportSettings,
    RuntimeSettings,
    load,
)
from common.tracing import TracingSettings, configure_tracing
from warehouse.settings import WarehouseSettings

HANG_SECONDS = 10
"""A worker that has not answered its parent for so long is replaced, and so long may the parent
notice SIGTERM later. It must be longer than a worker takes to start, which uvicorn's 5 s are not on
a slow machine: it would be killed again and again.
"""

log = get_logger(__name__)


def load_settings() -> ApiSettings:
    """All sections, from the environment."""
    return ApiSettings(
        server=load(ServerSettings),
        accounts=load(AccountSettings),
        limits=load(RateLimitSettings),
        database=load(DatabaseSettings),
        data_key=load(DataKeySettings),
        report=load(ReportSettings),
        consent=load(ConsentSettings),
        warehouse=load(WarehouseSettings),
    )


def worker() -> FastAPI:
    """The application of one of several processes; each of them calls it."""
    configure_logging(load(RuntimeSettings), service="api")
    configure_tracing(load(TracingSettings), service="api")
    return create_app(load_settings(), shared_metrics=Path(os.environ[SHARED_DIRECTORY]))


def main() -> None:
    configure_logging(load(RuntimeSettings), service="api")
    configure_tracing(load(TracingSettings), service="api")
    settings = load_settings()
    refuse_unshared_settings(settings)
    # Does not wait for a server that does not answer: /ready and the routes then return 503.
    asyncio.run(refuse_wrong_server(settings.database))
    server = settings.server
    has_workers = server.api_workers > 1
    app = None if has_workers else create_app(settings)
    listener = _listen(server.bind_host, server.api_port)
    config = uvicorn.Config(
        app or "api.__main__:worker",
        factory=has_workers,
        workers=server.api_workers,
        log_config=None,
        access_log=False,
        server_header=False,
        # AuthMiddleware reads X-Forwarded-For itself, by the number of trusted hops.
        proxy_headers=False,
        timeout_graceful_shutdown=server.api_drain_seconds,
        timeout_keep_alive=30,
        timeout_worker_healthcheck=HANG_SECONDS,
        http=BoundedProtocol,
    )
    log.info(
        "serving",
        host=server.bind_host,
        port=listener.getsockname()[1],
        workers=server.api_workers,
    )
    if has_workers:
        run_workers(config, [listener])
    else:
        DrainingServer(config).run(sockets=[listener])
    log.info("stopped")


def _listen(host: str, port: int) -> socket.socket:
    """Bind before anything else starts, so that a port in use is one clear error."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise SettingError("API_PORT", f"{host}:{port} cannot be used: {error.strerror}") from error
    listener.set_inheritable(True)
    return listener


if __name__ == "__main__":
    run(main)
