"""The servers that `benchmarks.api.answers` measures: the product's API, and two to compare.

`ours` is the application itself. `floor` is the application with an additional route that returns
given bytes, requested without credentials. `bare` is a FastAPI route without any middleware. `cold`
is the application again, with an empty cache. They share a process and get requests in turn, so
conditions are equal.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any, ClassVar

import httpx
import uvicorn
import uvloop
from fastapi import FastAPI
from starlette.responses import Response

from api.app import ApiSettings, create_app
from api.settings import AccountSettings, RateLimitSettings, ServerSettings
from benchmarks.data.stores import LEAVES_NOTHING, PROJECT
from common.log import configure_logging
from common.settings import (
    ConsentSettings,
    DatabaseSettings,
    DataKeySettings,
    ReportSettings,
    RuntimeSettings,
)
from warehouse.settings import WarehouseSettings

PATH = "/api/v1/stats"
FLOOR_PATH = "/api/v1/floor"
UNLIMITED = "100000000/minute"
START_SECONDS = 60


def application(kind: str, given: dict[str, Any]) -> FastAPI:
    """One of the contenders."""
    if kind == "bare":
        app = FastAPI()
        _add_floor(app, Path(given["body_file"]))
        return app
    settings = ApiSettings(
        server=ServerSettings.model_validate(given),
        accounts=AccountSettings.model_validate(given),
        limits=RateLimitSettings.model_validate(given),
        database=DatabaseSettings.model_validate(given),
        data_key=DataKeySettings.model_validate(given),
        report=ReportSettings.model_validate(given),
        consent=ConsentSettings.model_validate(given),
        warehouse=WarehouseSettings.model_validate(given),
    )
    app = create_app(settings, clock=_clock_at(datetime.fromisoformat(given["now"])))
    if kind == "floor":
        _add_floor(app, Path(given["body_file"]))
    return app


def _add_floor(app: FastAPI, body_file: Path) -> None:
    body = cache(body_file.read_bytes)

    async def floor() -> Response:
        return Response(body(), media_type="application/json")

    app.add_api_route(FLOOR_PATH, floor, methods=["GET"])
    # Routes are tried in order, and ours is the first of its application too.
    app.router.routes.insert(0, app.router.routes.pop())


def _clock_at(begin: datetime) -> Callable[[], datetime]:
    ahead = begin - datetime.now(UTC)
    return lambda: datetime.now(UTC) + ahead


@contextmanager
def serving(
    kinds: Sequence[str], given: dict[str, Any], directory: Path
) -> Iterator[dict[str, str]]:
    """The contenders in a process of their own, once they answer; their addresses."""
    settings = directory / "contenders.json"
    settings.write_text(json.dumps(given), encoding="utf-8")
    ports = {kind: _free_port() for kind in kinds}
    places = [f"{kind}:{port}" for kind, port in ports.items()]
    log = directory / "contenders.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 # our own program
            [sys.executable, "-m", "benchmarks.api.server", str(settings), *places],
            cwd=PROJECT,
            env={**os.environ, "ENV_FILE": os.devnull},
            stdout=output,
            stderr=output,
            **LEAVES_NOTHING,
        )
    urls = {kind: f"http://127.0.0.1:{port}" for kind, port in ports.items()}
    try:
        for url in urls.values():
            _wait(url, process, log)
        yield urls
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            httpx.get(f"{url}/health")
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(log.read_text(encoding="utf-8"))


class BenchmarkServer(uvicorn.Server):
    """One of several in a process: a signal ends them all."""

    everyone: ClassVar[list[uvicorn.Server]] = []

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        del sig, frame
        for server in self.everyone:
            server.should_exit = True


async def serve(given: dict[str, Any], places: Sequence[str]) -> None:
    """As `python -m api` serves."""
    for place in places:
        kind, _, port = place.partition(":")
        config = uvicorn.Config(
            application(kind, given),
            port=int(port),
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=30,
            h11_max_incomplete_event_size=64 << 10,
        )
        BenchmarkServer.everyone.append(BenchmarkServer(config))
    await asyncio.gather(*(server.serve() for server in BenchmarkServer.everyone))


def main() -> None:
    settings, *places = sys.argv[1:]
    configure_logging(RuntimeSettings.model_validate({"log_format": "json"}), service="benchmark")
    given = json.loads(Path(settings).read_text(encoding="utf-8"))
    uvloop.run(serve(given, places))


if __name__ == "__main__":
    main()
