"""Serves the pipelines' metrics from a thread of the code server: a process more would cost memory.

It answers this machine; another machine presents METRICS_TOKEN as a bearer token.
"""

from __future__ import annotations

import socket
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from typing import Any

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.registry import Collector
from pydantic import SecretStr

from common.http.client_address import may_read_metrics
from common.http.listening import warn_if_open
from common.log import get_logger
from common.settings import load
from pipelines.runtime.metrics import (
    DagsterMetrics,
    DiskMetrics,
    PipelineCollector,
    WarehouseMetrics,
)
from pipelines.settings import DagsterSettings
from warehouse.settings import WarehouseSettings

REQUEST_SECONDS = 30.0

log = get_logger(__name__)


def export_metrics(settings: DagsterSettings) -> None:
    """Serve what this process and the stores behind it can say, in the code server only."""
    if settings.pipelines_metrics_port == 0 or not is_code_server():
        return
    parts = (
        WarehouseMetrics(load(WarehouseSettings)),
        DagsterMetrics(),
        DiskMetrics(settings.data_dir),
    )
    warn_if_open(
        "PIPELINES_METRICS_BIND_HOST",
        settings.pipelines_metrics_bind_host,
        opens="/metrics, for who has METRICS_TOKEN",
    )
    serve_metrics(
        make_registry(PipelineCollector(parts)),
        host=settings.pipelines_metrics_bind_host,
        port=settings.pipelines_metrics_port,
        token=settings.metrics_token,
    )


def is_code_server() -> bool:
    """Whether this process is the code server itself: its runs inherit `sys.argv`, not these."""
    return "grpc" in sys.orig_argv


def make_registry(collector: Collector) -> CollectorRegistry:
    """The collector, and what the process itself uses."""
    registry = CollectorRegistry()
    registry.register(collector)
    ProcessCollector(registry=registry)
    return registry


def serve_metrics(
    registry: CollectorRegistry, *, host: str, port: int, token: SecretStr | None
) -> HTTPServer | None:
    """Listen from a daemon thread.

    None when the port is taken, which must not stop the pipelines.
    """
    try:
        server = _MetricsServer((host, port), _handler(registry, token))
    except OSError as error:
        log.warning("no metrics: the port cannot be used", port=port, cause=error.strerror)
        return None
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server


class _MetricsServer(ThreadingHTTPServer):
    """Says in one record what the base would print as a bare traceback."""

    request_seconds = REQUEST_SECONDS

    def finish_request(self, request: Any, client_address: Any) -> None:
        # The handler's own timeout is for each piece: a request in drops would have no end.
        deadline = threading.Timer(self.request_seconds, request.shutdown, args=(socket.SHUT_RD,))
        deadline.daemon = True
        deadline.start()
        try:
            super().finish_request(request, client_address)
        finally:
            deadline.cancel()

    def handle_error(self, *_: object) -> None:
        error = sys.exception()
        if isinstance(error, ConnectionError | TimeoutError):
            # A scraper that gave up asks again: nothing is lost.
            log.info("metrics client disconnected", cause=type(error).__name__)
        else:
            log.error("metrics could not be served", exc_info=error)


def _handler(registry: CollectorRegistry, token: SecretStr | None) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            if self.path.partition("?")[0] != "/metrics":
                self._answer(HTTPStatus.NOT_FOUND, b"", "text/plain")
            elif not may_read_metrics(self.client_address[0], self.headers.items(), token=token):
                self._answer(HTTPStatus.FORBIDDEN, b"", "text/plain")
            else:
                self._answer(HTTPStatus.OK, generate_latest(registry), CONTENT_TYPE_LATEST)

        def do_HEAD(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # the base's name
            """Scrapes are not worth a line."""

        def _answer(self, status: HTTPStatus, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    return Handler
