"""`python -m pipelines.runtime.page`: Dagster's page behind the guard.

Dagster's own command takes no middleware, so its application is made here as that command makes it.
"""

from __future__ import annotations

import signal
import sys
from typing import Any

import uvicorn
from dagster import DagsterInstance
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster_webserver.version import __version__
from dagster_webserver.webserver import DagsterWebserver

from common.http.bounded_protocol import BoundedProtocol
from common.http.listening import warn_if_open
from common.log import configure_logging, get_logger
from common.process import run
from common.settings import RuntimeSettings, load
from pipelines.runtime.page_guard import PageGuard
from pipelines.runtime.page_login import ApiLogin
from pipelines.settings import DagsterSettings

STATEMENT_MILLISECONDS = 15_000
POOL_RECYCLE_SECONDS = 3600
POOL_OVERFLOW = 20
POLL_MILLISECONDS = 2000

log = get_logger(__name__)


def main() -> None:
    configure_logging(load(RuntimeSettings), service="pipelines")
    settings = load(DagsterSettings)
    host = settings.dagster_bind_host
    if settings.asks_for_login:
        login = ApiLogin(settings.dagster_api_url)
        warn_if_open("DAGSTER_BIND_HOST", host, opens="Dagster's page, after a login")
    else:
        login = None
        warn_if_open("DAGSTER_BIND_HOST", host, opens="every run and schedule, without a login")
    # The server handles SIGTERM itself, then calls the handler that was there before.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with DagsterInstance.get() as instance:
        instance.optimize_for_webserver(STATEMENT_MILLISECONDS, POOL_RECYCLE_SECONDS, POOL_OVERFLOW)
        with WorkspaceProcessContext(
            instance,
            version=__version__,
            workspace_load_target=WorkspaceFileTarget([str(settings.home / "workspace.yaml")]),
        ) as workspace:
            page: DagsterWebserver[Any, Any] = DagsterWebserver(
                workspace, live_data_poll_rate=POLL_MILLISECONDS
            )
            log.info("serving", host=host, port=settings.dagster_port, login=login is not None)
            uvicorn.run(
                PageGuard(page.create_asgi_app(), hosts=settings.page_hosts, login=login),
                host=host,
                port=settings.dagster_port,
                log_config=None,
                log_level="warning",
                access_log=False,
                # The guard compares the address and peer of the real request.
                proxy_headers=False,
                server_header=False,
                http=BoundedProtocol,
            )


if __name__ == "__main__":
    run(main)
