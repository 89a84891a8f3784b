"""The running statements: how many are allowed, and how they are killed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from typing import Any

from common.log import get_logger
from embedded.clickhouse.engine.engine import Engine
from embedded.clickhouse.engine.execution import Execution
from embedded.clickhouse.engine.job import Job
from embedded.clickhouse.engine.sessions import Session, Sessions
from embedded.clickhouse.errors import Code, QueryError

ANSWER_SECONDS = 5.0

log = get_logger(__name__)


class Running:
    """The statements that are running, and a bound on how many."""

    def __init__(self, engine: Engine, *, at_once: int, wait_seconds: float) -> None:
        self._engine = engine
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="query")
        # Health checks and KILL must not queue behind the queries that they concern.
        self._aside = ThreadPoolExecutor(4, thread_name_prefix="aside")
        self._slots = asyncio.Semaphore(at_once)
        # A quarter is the writer's alone: readers must not keep rows from being written.
        self._reader_slots = asyncio.Semaphore(max(1, at_once - -(-at_once // 4)))
        self._at_once = at_once
        self._wait_seconds = wait_seconds
        self._jobs: dict[str, Job] = {}
        self.sessions = Sessions(close=self._close_handle)
        self._idle = asyncio.Event()
        self._idle.set()
        self.is_stopping = False

    def _close_handle(self, handle: Any) -> None:
        self._aside.submit(handle.close)

    async def can_answer(self) -> bool:
        """Whether the engine answers a real aggregate now."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await loop.run_in_executor(self._aside, self._aggregate)
        except (QueryError, TimeoutError, RuntimeError):
            return False

    def _aggregate(self) -> bool:
        with closing(self._engine.connect()) as connection:
            return bytes(connection.run(b"SELECT sum(number) FROM numbers(3)")) == b"3\n"

    @asynccontextmanager
    async def slot(self, job: Job, session: Session | None) -> AsyncIterator[Execution]:
        """One of the places for running statements.

        Raises:
            QueryError: too many queries for too long, or the server is stopping.
        """
        if self.is_stopping:
            raise QueryError(Code.ABORTED, "The server is stopping")
        if job.query_id in self._jobs:
            raise QueryError(
                Code.QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING,
                f"Query with id = {job.query_id} is already running",
            )
        self._jobs[job.query_id] = job
        self._idle.clear()
        try:
            async with AsyncExitStack() as taken:
                await self._take_slots(job, taken)
                execution = Execution(
                    self._engine, self._threads, job, session, lambda: list(self._jobs.values())
                )
                try:
                    yield execution
                finally:
                    await asyncio.shield(self._end(execution))
        finally:
            del self._jobs[job.query_id]
            if not self._jobs:
                self._idle.set()

    async def _take_slots(self, job: Job, taken: AsyncExitStack) -> None:
        try:
            async with asyncio.timeout(self._wait_seconds):
                if job.account.read_only:
                    await taken.enter_async_context(self._reader_slots)
                await taken.enter_async_context(self._slots)
        except TimeoutError as error:
            raise QueryError(
                Code.TOO_MANY_SIMULTANEOUS_QUERIES,
                f"Too many simultaneous queries. Maximum: {self._at_once}",
            ) from error

    async def _end(self, execution: Execution) -> None:
        await execution.settle()
        try:
            if execution.is_finished and not execution.is_kept:
                execution.close()
            else:
                await execution.call(execution.close)
        except (QueryError, RuntimeError) as error:
            log.warning("connection_not_closed", reason=str(error)[:200])

    async def kill(self, job: Job) -> None:
        """Cancel a statement that runs."""
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._aside, self._engine.kill, job.comment.decode())
        except QueryError as error:
            log.warning("query_not_killed", query_id=job.query_id, code=error.code)

    async def stop(self, *, seconds: float) -> None:
        """Take nothing new, let what runs finish for `seconds`, then kill it."""
        self.is_stopping = True
        await self._wait_until_idle(seconds)
        for job in list(self._jobs.values()):
            log.warning("query_killed_at_stop", query_id=job.query_id, user=job.account.name)
            await self.kill(job)
        await self._wait_until_idle(ANSWER_SECONDS)
        self.sessions.close()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._aside.shutdown(wait=True)

    async def _wait_until_idle(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._idle.wait()
