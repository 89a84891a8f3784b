"""Streams a completion as server-sent events, with injected faults."""

from __future__ import annotations

import asyncio
import time

from aiohttp import web

from simulator.model.behaviour import ModelBehaviour, ModelFault
from simulator.model.calls import CallLog, ModelCall
from simulator.model.completions import CompletionRequest, SimulatedCompletion

PROCESSING = b": OPENROUTER PROCESSING\n\n"
PAID_FAILURES = ("error_paid", "cut_paid", "stall_paid")
"""Faults after the usage event."""


class CompletionStream:
    """Sends one completion as server-sent events."""

    def __init__(
        self,
        http: web.Request,
        calls: CallLog,
        completion: SimulatedCompletion,
        call: ModelCall,
    ) -> None:
        self._http = http
        self._calls = calls
        self._completion = completion
        self._call = call
        self._response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"}
        )

    async def send(
        self, request: CompletionRequest, behaviour: ModelBehaviour, fault: ModelFault | None
    ) -> web.StreamResponse:
        response, completion = self._response, self._completion
        await response.prepare(self._http)
        if behaviour.comments:
            await response.write(PROCESSING)
        await asyncio.sleep(completion.latency)
        if fault is not None and fault.kind == "script":
            await self._send_script(fault)
            return response
        if not await self._send_tokens(behaviour, fault):
            return response
        if fault is None or fault.kind not in PAID_FAILURES:
            await response.write(completion.final_event())
        usage = completion.usage_event() if request.include_usage else None
        if usage is not None:
            await response.write(usage)
        if fault is not None and fault.kind in PAID_FAILURES:
            await self._fail_paid(fault)
            return response
        if fault is None or fault.kind != "no_done":
            await response.write(b"data: [DONE]\n\n")
        harmless = fault is None or fault.kind in ("drip", "no_done")
        self._calls.end(self._call, "answered" if harmless or fault is None else fault.kind)
        await response.write_eof()
        return response

    async def _send_tokens(self, behaviour: ModelBehaviour, fault: ModelFault | None) -> bool:
        """Send the chunks; False if a fault ended the stream."""
        pause = behaviour.token_seconds
        if fault is not None and fault.kind == "drip":
            pause = fault.seconds
        for position, chunk in enumerate(self._completion.chunks):
            if fault is not None and position == fault.after_chunks and await self._struck(fault):
                return False
            await self._response.write(self._completion.token_event(chunk))
            if self._call.first_token_at is None:
                self._call.first_token_at = time.time()
            if pause:
                await asyncio.sleep(pause)
        if fault is not None and len(self._completion.chunks) <= fault.after_chunks:
            return not await self._struck(fault)
        return True

    async def _send_script(self, fault: ModelFault) -> None:
        for line in fault.lines:
            await asyncio.sleep(fault.line_seconds)
            # Lone surrogates are escaped, as in real streams.
            await self._response.write(line.encode("utf-8", "backslashreplace") + b"\n")
        self._calls.end(self._call, fault.kind)
        await self._response.write_eof()

    async def _fail_paid(self, fault: ModelFault) -> None:
        if fault.kind == "error_paid":
            await self._response.write(self._completion.error_event(fault.message, fault.status))
        if fault.kind == "stall_paid":
            await asyncio.sleep(fault.seconds)
        self._calls.end(self._call, fault.kind)
        await self._response.write_eof()

    async def _struck(self, fault: ModelFault) -> bool:
        """Apply the fault; True if it ends the stream."""
        match fault.kind:
            case "malformed":
                await self._response.write(b'data: {"id": "gen-broken", "choices": [{"delta\n\n')
                return False
            case "error_event":
                self._calls.end(self._call, fault.kind)
                await self._response.write(
                    self._completion.error_event(fault.message, fault.status)
                )
                await self._response.write_eof()
                return True
            case "cut":
                self._calls.end(self._call, fault.kind)
                await self._response.write_eof()
                return True
            case "stall" | "disconnect":
                if fault.kind == "stall":
                    await asyncio.sleep(fault.seconds)
                self._calls.end(self._call, fault.kind)
                abort(self._http)
                return True
            case _:
                return False


def abort(http: web.Request) -> None:
    """Abort the connection."""
    if http.transport is not None:
        http.transport.abort()
