from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from common.http.probe import probe


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 503)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        return


@pytest.fixture
def address() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_only_200_is_healthy(address: str) -> None:
    assert probe(f"{address}/health") is None
    assert probe(f"{address}/ready") == f"{address}/ready answers 503"


def test_nobody_there_is_one_line() -> None:
    assert "refused" in (probe("http://127.0.0.1:9/health") or "")


def test_what_is_no_address_is_refused() -> None:
    assert probe("file:///etc/passwd") == "file:///etc/passwd is not an http:// or https:// address"
