"""The OpenAI-compatible API over HTTP, with OpenRouter's extras and the faults in force."""

from __future__ import annotations

import asyncio
import hmac
import time
from typing import Any

from aiohttp import web

from simulator import lenient
from simulator.counters import Counters
from simulator.faults import Faults
from simulator.model.answers import text_digest
from simulator.model.behaviour import ModelBehaviour, ModelFault
from simulator.model.calls import Call, Calls
from simulator.model.completions import Completion, Request

PROCESSING = b": OPENROUTER PROCESSING\n\n"
UNKNOWN_MODEL = "unknown/"
"""Models whose name starts so do not exist; any other name answers."""
LISTED_MODELS = (
    "openai/gpt-4o-mini",
    "anthropic/claude-3.5-haiku",
    "google/gemini-2.0-flash-001",
    "meta-llama/llama-3.3-70b-instruct",
)
_MODERATION = "Your chosen model requires moderation and your input was flagged"


class _Refused(Exception):  # noqa: N818 # it is an answer, not a defect
    def __init__(
        self, status: int, message: str, *, outcome: str, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.outcome = outcome
        self.retry_after = retry_after


class ModelServer:
    """Models by name.

    Args:
        api_key: other keys are refused with 401; None accepts any.
        usual: conduct of models for which no other is stated.
    """

    def __init__(
        self,
        *,
        calls: Calls,
        counters: Counters,
        api_key: str | None,
        usual: ModelBehaviour,
        seed: int,
    ) -> None:
        self.calls = calls
        self.faults: Faults[ModelFault] = Faults(seed=seed)
        self.usual = usual
        self.behaviours: dict[str, ModelBehaviour] = {}
        self.seed = seed
        self._initial = usual
        self._counters = counters
        self._api_key = api_key

    def behave(self, model: str, **conduct: Any) -> None:
        """State the conduct of one model (`*`: of all others); what is not named is as usual."""
        behaviour = self.usual.model_validate(self.usual.model_dump() | conduct)
        if model == "*":
            self.usual = behaviour
        else:
            self.behaviours[model] = behaviour

    def reset(self) -> None:
        self.faults.clear()
        self.behaviours.clear()
        self.usual = self._initial

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v1/chat/completions", self._complete),
            web.get("/v1/models", self._models),
            web.get("/v1/models/{model:.+}", self._model),
        ]

    async def _models(self, _request: web.Request) -> web.Response:
        names = dict.fromkeys((*LISTED_MODELS, *self.behaviours))
        return web.json_response({"object": "list", "data": [self._listed(name) for name in names]})

    async def _model(self, request: web.Request) -> web.Response:
        return web.json_response(self._listed(request.match_info["model"]))

    def _listed(self, model: str) -> dict[str, Any]:
        behaviour = self.behaviours.get(model, self.usual)
        return {
            "id": model,
            "object": "model",
            "created": 1_700_000_000,
            "owned_by": model.partition("/")[0],
            "context_length": behaviour.context_tokens,
            "pricing": {
                "prompt": f"{behaviour.prompt_price:.10f}",
                "completion": f"{behaviour.completion_price:.10f}",
            },
        }

    async def _complete(self, http: web.Request) -> web.StreamResponse:
        try:
            self._authorise(http)
            request = _parsed(await http.read())
        except _Refused as refusal:
            return _error(refusal)
        call = Call(
            model=request.model,
            text_sha256=text_digest(request.text),
            stream=request.stream,
            prompt_messages=len(request.messages),
            user=request.user,
        )
        self.calls.start(call)
        try:
            return await self._answered(http, request, call)
        except _Refused as refusal:
            self.calls.end(call, refusal.outcome, status=refusal.status)
            return _error(refusal)
        except (ConnectionError, asyncio.CancelledError):
            self.calls.end(call, "disconnected")
            raise

    def _authorise(self, http: web.Request) -> None:
        scheme, _, key = http.headers.get("Authorization", "").partition(" ")
        known = self._api_key is None or hmac.compare_digest(
            key.strip().encode("utf-8", "surrogateescape"), self._api_key.encode()
        )
        if scheme.lower() != "bearer" or not known:
            raise _Refused(401, "No auth credentials found", outcome="refused")

    def _fault(self, request: Request) -> ModelFault | None:
        for fault in self.faults.candidates():
            if fault.matches(request.model, request.text) and self.faults.strikes(fault):
                self._counters.faults_injected += 1
                return fault
        return None

    async def _answered(
        self, http: web.Request, request: Request, call: Call
    ) -> web.StreamResponse:
        behaviour = self.behaviours.get(request.model, self.usual)
        _refuse_impossible(request, behaviour)
        fault = self._fault(request)
        kind = fault.kind if fault is not None else None
        if fault is not None:
            _refuse_by_fault(fault)
        completion = Completion(request, behaviour, call, seed=self.seed, empty=kind == "empty")
        if request.stream:
            return await _Stream(http, self.calls, completion, call).send(request, behaviour, fault)
        await asyncio.sleep(completion.latency + behaviour.token_seconds * len(completion.chunks))
        if fault is not None and kind in ("stall", "drip"):
            await asyncio.sleep(fault.seconds)
        if fault is not None and kind in ("stall", "cut", "disconnect"):
            self.calls.end(call, fault.kind)
            _abort(http)
            return web.Response()
        if fault is not None and kind == "malformed":
            self.calls.end(call, fault.kind)
            return web.Response(text='{"id": "gen', content_type="application/json")
        if fault is not None and kind == "error_event":
            self.calls.end(call, fault.kind)
            error = {"error": {"code": fault.status, "message": fault.message}}
            return web.json_response(error)
        call.first_token_at = time.time()
        self.calls.end(call, "empty" if kind == "empty" else "answered")
        return web.Response(body=lenient.dumps(completion.body()), content_type="application/json")


class _Stream:
    """One answer as server-sent events."""

    def __init__(self, http: web.Request, calls: Calls, completion: Completion, call: Call) -> None:
        self._http = http
        self._calls = calls
        self._completion = completion
        self._call = call
        self._response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"}
        )

    async def send(
        self, request: Request, behaviour: ModelBehaviour, fault: ModelFault | None
    ) -> web.StreamResponse:
        response, completion = self._response, self._completion
        await response.prepare(self._http)
        if behaviour.comments:
            await response.write(PROCESSING)
        await asyncio.sleep(completion.latency)
        if not await self._send_tokens(behaviour, fault):
            return response
        await response.write(completion.final_event())
        usage = completion.usage_event() if request.include_usage else None
        if usage is not None:
            await response.write(usage)
        if fault is None or fault.kind != "no_done":
            await response.write(b"data: [DONE]\n\n")
        harmless = fault is None or fault.kind in ("drip", "no_done")
        self._calls.end(self._call, "answered" if harmless or fault is None else fault.kind)
        await response.write_eof()
        return response

    async def _send_tokens(self, behaviour: ModelBehaviour, fault: ModelFault | None) -> bool:
        """False when the fault ended the stream."""
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

    async def _struck(self, fault: ModelFault) -> bool:
        """Let the fault happen; True when nothing can follow it."""
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
                _abort(self._http)
                return True
            case _:
                return False


def _parsed(body: bytes) -> Request:
    try:
        values = lenient.loads(body)
    except ValueError:
        values = None
    model = values.get("model") if isinstance(values, dict) else None
    messages = values.get("messages") if isinstance(values, dict) else None
    if not isinstance(model, str) or not isinstance(messages, list) or not messages:
        raise _Refused(400, "Input required: specify 'model' and 'messages'", outcome="refused")
    options = values.get("stream_options") or {}
    extra = values.get("usage") or {}
    limit = values.get("max_completion_tokens") or values.get("max_tokens")
    return Request(
        model=model,
        messages=messages,
        stream=values.get("stream") is True,
        include_usage=bool(options.get("include_usage") or extra.get("include")),
        max_tokens=limit if isinstance(limit, int) else None,
        user=values.get("user") if isinstance(values.get("user"), str) else None,
    )


def _refuse_impossible(request: Request, behaviour: ModelBehaviour) -> None:
    if not request.model or request.model.startswith(UNKNOWN_MODEL):
        raise _Refused(400, f"{request.model} is not a valid model ID", outcome="refused")
    if request.prompt_tokens > behaviour.context_tokens:
        raise _Refused(
            400,
            f"This endpoint's maximum context length is {behaviour.context_tokens} tokens."
            f" However, you requested about {request.prompt_tokens} tokens.",
            outcome="refused",
        )


def _refuse_by_fault(fault: ModelFault) -> None:
    if fault.kind == "status":
        raise _Refused(fault.status, fault.message, outcome="status", retry_after=fault.retry_after)
    if fault.kind == "html":
        raise _Refused(fault.status, "", outcome="html")
    if fault.kind == "moderation":
        raise _Refused(403, _MODERATION, outcome="moderation")


def _error(refusal: _Refused) -> web.Response:
    if refusal.outcome == "html":
        page = "<html><body><h1>502 Bad Gateway</h1></body></html>"
        return web.Response(status=refusal.status, text=page, content_type="text/html")
    headers = {}
    if refusal.retry_after is not None:
        headers["Retry-After"] = f"{refusal.retry_after:g}"
    error: dict[str, Any] = {"code": refusal.status, "message": refusal.message}
    if refusal.outcome == "moderation":
        error["metadata"] = {"reasons": ["violence"], "provider_name": "Simulated"}
    return web.json_response({"error": error}, status=refusal.status, headers=headers)


def _abort(http: web.Request) -> None:
    if http.transport is not None:
        http.transport.abort()
