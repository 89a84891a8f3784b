"""Runs several worker processes on one socket, replaces those that die, and drains them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import tempfile
import threading
import time
from types import FrameType

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors.multiprocess import Multiprocess, Process

from api.metrics import SHARED_DIRECTORY
from common.errors import StartupError
from common.log import get_logger

GRACE_SECONDS = 3.0
"""Time for closing pools after the drain. Then a hanging worker is killed."""

log = get_logger(__name__)


class DrainingServer(uvicorn.Server):
    """Reports not ready after the first signal and lets requests in flight finish."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.config.loaded:
            self.config.loaded_app.state.lifecycle.is_draining = True
        log.info("draining", signal=sig, process_id=os.getpid())
        # uvicorn would raise the signal again at the end, but a requested stop is no failure.
        # A second Ctrl-C stops at once.
        del frame
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True


class WorkerProcess(Process):
    """One worker with a draining server."""

    @property
    def server(self) -> uvicorn.Server:
        if self._server is None:
            self._server = DrainingServer(self.config)
        return self._server

    def target(self, sockets: list[socket.socket] | None = None) -> None:
        # Workers that outlive a killed parent would keep its port, and a new one could not start.
        threading.Thread(target=_end_with_parent, daemon=True).start()
        super().target(sockets)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


class Workers(Multiprocess):
    """The parent process. It serves no requests itself."""

    def init_processes(self) -> None:
        for _ in range(self.processes_num):
            self.processes.append(self._start())

    def keep_subprocess_alive(self) -> None:
        """Replace workers that ended or no longer answer."""
        for index, process in enumerate(self.processes):
            if process.is_alive(timeout=self.config.timeout_worker_healthcheck):
                continue
            process.kill()
            process.join()
            if process.exitcode == STARTUP_FAILURE:
                self.should_exit.set()
                return
            log.warning("worker_replaced", process_id=process.pid, exit_code=process.exitcode)
            self.processes[index] = self._start()

    def join_all(self) -> None:
        """Wait until the workers have drained; kill them after the deadline."""
        max_seconds = (self.config.timeout_graceful_shutdown or 0) + GRACE_SECONDS
        deadline = time.monotonic() + max_seconds
        for process in self.processes:
            process.process.join(max(0.0, deadline - time.monotonic()))
            if process.process.is_alive():
                log.warning("worker_killed", process_id=process.pid, after_seconds=max_seconds)
                process.process.kill()
                process.process.join()

    def _start(self) -> Process:
        worker = WorkerProcess(self.config, self.sockets)
        worker.start()
        log.info("worker_started", process_id=worker.pid)
        return worker


def run_workers(config: uvicorn.Config, sockets: list[socket.socket]) -> None:
    """Serve until SIGTERM.

    Raises:
        StartupError: a worker could not start.
    """
    with tempfile.TemporaryDirectory(prefix="dialytics-api-metrics-") as directory:
        os.environ[SHARED_DIRECTORY] = directory
        workers = Workers(config, sockets)
        workers.run()
        if any(process.exitcode == STARTUP_FAILURE for process in workers.processes):
            raise StartupError("a worker could not start; its log says why")
