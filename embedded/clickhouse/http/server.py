"""The HTTP side of the embedded ClickHouse server: requests in, answers and errors out."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from functools import lru_cache, partial
from http import HTTPStatus

from aiohttp import web

from common.http.request_deadline import piece_within
from common.log import get_logger
from embedded.clickhouse.accounts import Account, Accounts
from embedded.clickhouse.engine.connection import QueryProgress
from embedded.clickhouse.engine.execution import Execution
from embedded.clickhouse.engine.job import Job
from embedded.clickhouse.engine.running import Running
from embedded.clickhouse.engine.sessions import Session
from embedded.clickhouse.engine.statements import (
    READS,
    Statement,
    changes_session,
    is_insert,
    read_statement,
    settings_apart,
)
from embedded.clickhouse.errors import BodyError, Code, QueryError
from embedded.clickhouse.http.answers import Result, encoder_for, send
from embedded.clickhouse.http.requests import (
    Body,
    Form,
    RequestOptions,
    read_form,
    read_options,
)

HEAD_BYTES = 128 * 1024
"""How much of an insert is read before its statement is looked for."""
SEARCHED_BYTES = 1024 * 1024
"""Up to here a beginning is looked at for an insert's `FORMAT` each time it has doubled."""
STATEMENT_BYTES = 64 * 1024 * 1024
"""The longest statement that is held whole, rows in `VALUES` included."""
APPEND_BYTES = 512 * 1024
REMEMBERED_BYTES = 16 * 1024
"""Statements up to here are read once: clients send the same ones again and again."""
SHOWN_BYTES = 1024
WATCH_SECONDS = 0.1
MAX_URL_BYTES = 1024 * 1024
MAX_HEADER_BYTES = 64 * 1024

log = get_logger(__name__)

_WITHOUT_RESULT = frozenset(
    {"CREATE", "DROP", "ALTER", "TRUNCATE", "RENAME", "OPTIMIZE", "DELETE", "UPDATE", "INSERT"}
    | {"ATTACH", "DETACH", "EXCHANGE", "UNDROP", "GRANT", "REVOKE", "SET", "USE", "SYSTEM"}
)

read_again = lru_cache(maxsize=512)(read_statement)


class ClickHouseServer:
    """Answers ClickHouse's HTTP protocol.

    Args:
        body_bytes: the largest request body, after decompression.
        slow_seconds: from here on a query is logged at WARNING.
        send_seconds: how long a client may take to read a piece of its answer.
    """

    def __init__(
        self,
        running: Running,
        accounts: Accounts,
        *,
        body_bytes: int,
        slow_seconds: float,
        send_seconds: float,
    ) -> None:
        self._running = running
        self._accounts = accounts
        self._body_bytes = body_bytes
        self._slow_seconds = slow_seconds
        self._send_seconds = send_seconds
        self._name = socket.gethostname()

    def application(self) -> web.Application:
        app = web.Application(client_max_size=STATEMENT_BYTES)  # of forms
        app.router.add_get("/", self._root)
        app.router.add_post("/", self._root)
        app.router.add_get("/ping", self._ping)
        app.router.add_get("/replicas_status", self._ping)
        return app

    async def _ping(self, request: web.Request) -> web.Response:
        del request
        if self._running.is_stopping or not await self._running.can_answer():
            return web.Response(
                text="The engine does not answer.\n", status=HTTPStatus.SERVICE_UNAVAILABLE
            )
        return web.Response(text="Ok.\n", headers={"X-ClickHouse-Server-Display-Name": self._name})

    async def _root(self, request: web.Request) -> web.StreamResponse:
        query_id = ""
        asked: RequestOptions | None = None
        try:
            options = read_options(request)
            if options.is_safe and not options.query:
                return web.Response(text="Ok.\n")
            query_id = options.query_id
            account = self._authenticate(options)
            asked = options
            return await self._answer(request, options, account)
        except QueryError as error:
            return self._refusal(request, error, query_id, asked)

    def _authenticate(self, options: RequestOptions) -> Account:
        try:
            return self._accounts.authenticate(options.user, options.password)
        except QueryError as error:
            if not options.has_credentials:
                error.status = HTTPStatus.UNAUTHORIZED
            raise

    def _refusal(
        self, request: web.Request, error: QueryError, query_id: str, options: RequestOptions | None
    ) -> web.Response:
        headers = {
            "Content-Type": "text/plain; charset=utf-8",
            "X-ClickHouse-Exception-Code": str(error.code),
            "X-ClickHouse-Server-Display-Name": self._name,
        }
        if query_id:
            headers["X-ClickHouse-Query-Id"] = query_id
        if error.status == HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = 'Basic realm="ClickHouse"'
        body = f"{error.body}\n".encode("utf-8", "replace")
        if options is not None and (encoder := encoder_for(options, headers)) is not None:
            body = encoder.encode(body) + encoder.finish()
        response = web.Response(body=body, status=error.status, headers=headers)
        if not request.content.at_eof():
            # The rest of the body will not be read.
            response.force_close()
        return response

    async def _answer(
        self, request: web.Request, options: RequestOptions, account: Account
    ) -> web.StreamResponse:
        form = Form()
        pieces = _nothing()
        if request.content_type == "multipart/form-data":
            try:
                async with piece_within():
                    form = await read_form(request, options)
            except TimeoutError as error:
                raise BodyError(Code.SOCKET_TIMEOUT, "the form did not arrive in time") from error
        else:
            body = Body(request, limit_bytes=self._body_bytes, is_blocks=options.sends_blocks)
            pieces = body.pieces()
        statement = await read_head(options.query + form.query, pieces)
        asked = dict(options.settings)
        must_read = options.is_safe
        if account.read_only:
            # The engine would refuse any: which ones a reader may choose is the account's matter.
            statement, own = settings_apart(statement)
            asked |= own
            if options.database == "system":
                # Unqualified names would be of tables in which others' queries are.
                raise QueryError(Code.READONLY, "Cannot use the database system in readonly mode")
        else:
            must_read = must_read or asked.pop("readonly", "0") != "0"
        job = Job(
            query_id=options.query_id,
            account=account,
            database=options.database,
            default_format=options.default_format,
            settings=account.settings(asked),
            asked_settings=list(asked),
            parameters={**options.parameters, **form.parameters},
            external_tables=form.tables,
            must_read=must_read,
            client_text=statement.text[:SHOWN_BYTES].decode("utf-8", "replace"),
            waits_for_end=options.waits_for_end,
            protocol_revision=options.protocol_revision,
        )
        # As on a server: a statement continues without its client, but for reads that ask to end.
        ends_with_client = options.cancels_when_left and statement.kind in READS
        watched = self._killing_when_left(request, job) if ends_with_client else nullcontext()
        outcome: int | str = "cancelled"
        progress = QueryProgress()
        try:
            with self._session(options, account, statement) as session:
                async with self._running.slot(job, session) as execution:
                    try:
                        async with watched:
                            result = await (
                                self._insert(execution, statement, pieces)
                                if statement.input_format is not None
                                else self._read(execution, statement)
                            )
                            sent = await send(
                                request,
                                execution,
                                result,
                                options=options,
                                server_name=self._name,
                                send_seconds=self._send_seconds,
                            )
                        outcome = sent.error.code if sent.error else "ok"
                    finally:
                        progress = execution.progress
        except QueryError as error:
            outcome = error.code
            raise
        finally:
            self._log(job, statement, progress, outcome)
        return await sent.end(request)

    def _session(
        self, options: RequestOptions, account: Account, statement: Statement
    ) -> AbstractContextManager[Session | None]:
        sessions = self._running.sessions
        if options.session is None:
            return nullcontext()
        if changes_session(statement):
            sessions.refuse_another_kept(account.name, options.session.name)
        return sessions.use(account, options.session)

    @asynccontextmanager
    async def _killing_when_left(self, request: web.Request, job: Job) -> AsyncIterator[None]:
        async def kill() -> None:
            while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110 # aiohttp has no event for it
                await asyncio.sleep(WATCH_SECONDS)
            await self._running.kill(job)

        watching = asyncio.create_task(kill())
        try:
            yield
        finally:
            watching.cancel()

    async def _insert(
        self, execution: Execution, statement: Statement, pieces: AsyncIterator[bytes]
    ) -> Result:
        await execution.call(lambda: execution.begin_insert(statement))
        waiting = bytearray(statement.data)
        async for piece in pieces:
            waiting += piece
            if len(waiting) >= APPEND_BYTES:
                await execution.call(partial(execution.append, bytes(waiting)))
                waiting.clear()
        await execution.call(partial(execution.finish_insert, bytes(waiting)))
        return Result()

    async def _read(self, execution: Execution, statement: Statement) -> Result:
        if not statement.kind:
            raise QueryError(Code.SYNTAX_ERROR, "Syntax error: the query is empty")
        beginning, is_complete = await execution.call(lambda: execution.begin_read(statement))
        has_result = statement.kind not in _WITHOUT_RESULT or any(beginning)
        output_format = statement.output_format or execution.job.default_format
        return Result(beginning, is_complete, output_format if has_result else "")

    def _log(self, job: Job, statement: Statement, done: QueryProgress, outcome: int | str) -> None:
        seconds = time.monotonic() - job.started
        write = log.warning if seconds >= self._slow_seconds else log.debug
        write(
            "slow_query" if seconds >= self._slow_seconds else "query",
            query_id=job.query_id,
            user=job.account.name,
            kind=statement.kind,
            report=job.settings.get("log_comment", ""),
            outcome=outcome,
            milliseconds=round(seconds * 1000, 1),
            read_rows=done.read_rows,
            written_rows=done.written_rows,
            result_bytes=done.result_bytes,
        )


async def read_head(query: bytes, pieces: AsyncIterator[bytes]) -> Statement:
    """Read the request up to where its statement is known.

    An insert's data stay in `pieces`; anything else is read to its end.

    Raises:
        QueryError: too long, unreadable, or a statement that is not offered.
    """
    text = bytearray(query + b"\n" if query else b"")
    look_at = HEAD_BYTES
    async for piece in pieces:
        text += piece
        if len(text) > STATEMENT_BYTES:
            raise QueryError(
                Code.BAD_ARGUMENTS,
                f"the statement is longer than {STATEMENT_BYTES} bytes",
                status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            )
        if look_at <= len(text) < SEARCHED_BYTES and is_insert(bytes(text)):
            look_at = 2 * len(text)
            statement = await asyncio.to_thread(read_statement, bytes(text))
            if statement.input_format is not None and statement.data:
                return statement
    if len(text) <= REMEMBERED_BYTES and not is_insert(bytes(text)):
        return read_again(bytes(text))
    return await asyncio.to_thread(read_statement, bytes(text))


async def _nothing() -> AsyncIterator[bytes]:
    for piece in tuple[bytes, ...]():
        yield piece
