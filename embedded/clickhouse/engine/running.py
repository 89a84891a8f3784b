"""The statements that are running: how many may, and how they are killed. Knows no HTTP."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from common.log import get_logger
from embedded.clickhouse.engine.engine import Engine
from embedded.clickhouse.engine.execution import Execution, Job
from embedded.clickhouse.engine.statements import Statement
from embedded.clickhouse.errors import Code, QueryError

ANSWER_SECONDS = 5.0
_KILL_BY_ID = re.compile(
    rb"\s*KILL\s+QUERY\s+WHERE\s+query_id\s*=\s*'(?P<id>[^'\\]*)'\s*+(?P<how>SYNC|ASYNC|TEST)?\s*+",
    re.IGNORECASE,
)

log = get_logger(__name__)


class Running:
    """The statements that are running, and a bound on how many."""

    def __init__(self, engine: Engine, *, at_once: int, wait_seconds: float) -> None:
        self._engine = engine
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="query")
        # Health and KILL must not queue behind the queries they are about.
        self._aside = ThreadPoolExecutor(4, thread_name_prefix="aside")
        self._slots = asyncio.Semaphore(at_once)
        # A quarter is the writer's alone: readers must not keep rows from being written.
        self._reader_slots = asyncio.Semaphore(max(1, at_once - -(-at_once // 4)))
        self._at_once = at_once
        self._wait_seconds = wait_seconds
        self._jobs: dict[str, Job] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self.is_stopping = False

    async def can_answer(self) -> bool:
        """Whether the engine answers a real aggregate now."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await loop.run_in_executor(self._aside, self._aggregate)
        except (QueryError, TimeoutError, RuntimeError):
            return False

    def _aggregate(self) -> bool:
        with self._engine.session() as session:
            return bytes(session.run(b"SELECT sum(number) FROM numbers(3)")) == b"3\n"

    @asynccontextmanager
    async def slot(self, job: Job) -> AsyncIterator[Execution]:
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
        execution: Execution | None = None
        try:
            await self._take_slot(job)
            execution = Execution(self._engine, self._threads, job)
            yield execution
        finally:
            if execution is None:
                self._forget(job)
            elif execution.pending is None:
                await self._end(execution)
            else:
                # The client left. Nobody waits for the end, but the slot must come back.
                ending = asyncio.create_task(self._take_back(execution))
                self._ending.add(ending)
                ending.add_done_callback(self._ending.discard)

    async def _take_slot(self, job: Job) -> None:
        try:
            async with asyncio.timeout(self._wait_seconds), AsyncExitStack() as taken:
                for slots in self._slots_of(job):
                    await slots.acquire()
                    taken.callback(slots.release)
                taken.pop_all()
        except TimeoutError as error:
            raise QueryError(
                Code.TOO_MANY_SIMULTANEOUS_QUERIES,
                f"Too many simultaneous queries. Maximum: {self._at_once}",
            ) from error

    def _slots_of(self, job: Job) -> tuple[asyncio.Semaphore, ...]:
        return (self._reader_slots, self._slots) if job.read_only else (self._slots,)

    async def _take_back(self, execution: Execution) -> None:
        while (pending := execution.pending) is not None:
            await self._kill(execution.job)
            await asyncio.wait({pending}, timeout=0.1)
        await self._end(execution)

    async def _end(self, execution: Execution) -> None:
        loop = asyncio.get_running_loop()
        try:
            if execution.is_finished:
                execution.close()
            else:
                await asyncio.shield(loop.run_in_executor(self._threads, execution.close))
        except RuntimeError as error:
            log.warning("connection_not_closed", reason=str(error)[:200])
        finally:
            self._forget(execution.job)
            for slots in self._slots_of(execution.job):
                slots.release()

    def _forget(self, job: Job) -> None:
        del self._jobs[job.query_id]
        if not self._jobs:
            self._idle.set()

    async def _kill(self, job: Job) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._aside, self._engine.kill, job.comment.decode())
        except QueryError as error:
            log.warning("query_not_killed", query_id=job.query_id, code=error.code)

    def with_engine_ids(self, statement: Statement) -> Statement:
        """`KILL QUERY WHERE query_id = '…'` in terms that the engine knows."""
        asked = _KILL_BY_ID.fullmatch(statement.text.rstrip(b"; \n\t"))
        if asked is None:
            return statement
        job = self._jobs.get(asked["id"].decode("utf-8", "replace"))
        if job is None:
            # It may be the engine's own id, as `system.processes` shows it.
            return statement
        how = asked["how"] or b"ASYNC"
        return Statement(
            kind=statement.kind,
            text=b"KILL QUERY WHERE startsWith(query, '" + job.comment + b"') " + how,
        )

    async def stop(self, *, seconds: float) -> None:
        """Take nothing new, let what runs finish for `seconds`, then kill it."""
        self.is_stopping = True
        await self._wait_until_idle(seconds)
        for job in list(self._jobs.values()):
            log.warning("query_killed_at_stop", query_id=job.query_id, user=job.user)
            await self._kill(job)
        await self._wait_until_idle(ANSWER_SECONDS)
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._aside.shutdown(wait=True)

    async def _wait_until_idle(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._idle.wait()
