"""The OpenAI-compatible API over HTTP, with OpenRouter's extensions and injected faults."""

from __future__ import annotations

import asyncio
import hmac
import time
from typing import Any

from aiohttp import web

from simulator import surrogate_json
from simulator.counters import Counters
from simulator.faults import FaultRules
from simulator.model.answers import is_summary, text_digest
from simulator.model.behaviour import ModelBehaviour, ModelFault
from simulator.model.calls import CallLog, ModelCall
from simulator.model.completions import CompletionRequest, SimulatedCompletion
from simulator.model.stream import CompletionStream, abort
from simulator.model.transcriptions import read_recording

UNKNOWN_MODEL = "unknown/"
"""Prefix of models that do not exist; all others do."""
LISTED_MODELS = (
    "openai/gpt-4o-mini",
    "anthropic/claude-3.5-haiku",
    "google/gemini-2.0-flash-001",
    "meta-llama/llama-3.3-70b-instruct",
)
_MODERATION = "Your chosen model requires moderation and your input was flagged"


class _Refused(Exception):  # noqa: N818 # a response, not an error
    def __init__(
        self, status: int, message: str, *, outcome: str, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.outcome = outcome
        self.retry_after = retry_after


class ModelServer:
    """Serves models.

    Args:
        api_key: other keys are refused with 401; None accepts any.
        default_behaviour: of models without their own.
    """

    def __init__(
        self,
        *,
        calls: CallLog,
        counters: Counters,
        api_key: str | None,
        default_behaviour: ModelBehaviour,
        seed: int,
    ) -> None:
        self.calls = calls
        self.faults: FaultRules[ModelFault] = FaultRules(seed=seed)
        self.default_behaviour = default_behaviour
        self.behaviours: dict[str, ModelBehaviour] = {}
        self.seed = seed
        self._initial = default_behaviour
        self._counters = counters
        self._api_key = api_key

    def set_behaviour(self, model: str, **conduct: Any) -> None:
        """Set the behaviour of one model (`*`: the default); the rest is as in the default."""
        behaviour = self.default_behaviour.model_validate(
            self.default_behaviour.model_dump() | conduct
        )
        if model == "*":
            self.default_behaviour = behaviour
        else:
            self.behaviours[model] = behaviour

    def reset(self) -> None:
        self.faults.clear()
        self.behaviours.clear()
        self.default_behaviour = self._initial

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v1/chat/completions", self._complete),
            web.post("/v1/audio/transcriptions", self._transcribe),
            web.get("/v1/key", self._key),
            web.get("/v1/models", self._models),
            web.get("/v1/models/{model:.+}", self._model),
        ]

    async def _key(self, http: web.Request) -> web.Response:
        try:
            self._authorise(http)
        except _Refused as refusal:
            return _error(refusal)
        limits = {"limit": None, "limit_remaining": None, "usage": 0, "is_free_tier": False}
        return web.json_response({"data": {"label": "simulated", **limits}})

    async def _models(self, _request: web.Request) -> web.Response:
        names = dict.fromkeys((*LISTED_MODELS, *self.behaviours))
        return web.json_response({"object": "list", "data": [self._listed(name) for name in names]})

    async def _model(self, request: web.Request) -> web.Response:
        if request.match_info["model"].startswith(UNKNOWN_MODEL):
            raise web.HTTPNotFound
        return web.json_response(self._listed(request.match_info["model"]))

    def _listed(self, model: str) -> dict[str, Any]:
        behaviour = self.behaviours.get(model, self.default_behaviour)
        return {
            "id": model,
            "object": "model",
            "created": 1_700_000_000,
            "owned_by": model.partition("/")[0],
            "context_length": behaviour.context_tokens,
            "architecture": {
                "input_modalities": ["text", "image"] if behaviour.sees else ["text"],
                "output_modalities": ["text"],
            },
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
        call = ModelCall(
            model=request.model,
            text_sha256=text_digest(request.text),
            stream=request.stream,
            purpose="summary" if is_summary(request.messages) else "answer",
            prompt_messages=len(request.messages),
            messages=request.messages,
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

    async def _transcribe(self, http: web.Request) -> web.StreamResponse:
        try:
            self._authorise(http)
            recording = await read_recording(http)
        except _Refused as refusal:
            return _error(refusal)
        except ValueError as error:
            return _error(_Refused(400, str(error), outcome="refused"))
        behaviour = self.behaviours.get(recording.model, self.default_behaviour)
        call = recording.call(behaviour)
        self.calls.start(call)
        fault = next(
            (
                one
                for one in self.faults.candidates()
                if one.matches(call.model, recording.words) and self.faults.strikes(one)
            ),
            None,
        )
        try:
            if fault is not None:
                self._counters.faults_injected += 1
                _refuse_by_fault(fault)
            await asyncio.sleep(behaviour.first_token_seconds)
            if fault is not None and fault.kind in ("stall", "disconnect", "cut"):
                await asyncio.sleep(fault.seconds if fault.kind == "stall" else 0)
                self.calls.end(call, fault.kind)
                abort(http)
                return web.Response()
        except _Refused as refusal:
            self.calls.end(call, refusal.outcome, status=refusal.status)
            return _error(refusal)
        except (ConnectionError, asyncio.CancelledError):
            self.calls.end(call, "disconnected")
            raise
        self.calls.end(call, "answered" if fault is None else fault.kind)
        if fault is not None and fault.kind == "malformed":
            return web.Response(text='{"text": "', content_type="application/json")
        is_empty = fault is not None and fault.kind == "empty"
        return web.json_response(recording.body(behaviour, call, is_empty=is_empty))

    def _authorise(self, http: web.Request) -> None:
        scheme, _, key = http.headers.get("Authorization", "").partition(" ")
        known = self._api_key is None or hmac.compare_digest(
            key.strip().encode("utf-8", "surrogateescape"), self._api_key.encode()
        )
        if scheme.lower() != "bearer" or not known:
            raise _Refused(401, "No auth credentials found", outcome="refused")

    def _fault(self, request: CompletionRequest) -> ModelFault | None:
        for fault in self.faults.candidates():
            if fault.matches(request.model, request.text) and self.faults.strikes(fault):
                self._counters.faults_injected += 1
                return fault
        return None

    async def _answered(
        self, http: web.Request, request: CompletionRequest, call: ModelCall
    ) -> web.StreamResponse:
        behaviour = self.behaviours.get(request.model, self.default_behaviour)
        _refuse_impossible(request, behaviour)
        fault = self._fault(request)
        kind = fault.kind if fault is not None else None
        if fault is not None:
            _refuse_by_fault(fault)
        completion = SimulatedCompletion(request, behaviour, call, seed=self.seed, fault=fault)
        if request.stream and kind != "whole":
            return await CompletionStream(http, self.calls, completion, call).send(
                request, behaviour, fault
            )
        await asyncio.sleep(completion.latency + behaviour.token_seconds * len(completion.chunks))
        if fault is not None and kind in ("stall", "drip"):
            await asyncio.sleep(fault.seconds)
        if fault is not None and kind in ("stall", "cut", "disconnect"):
            self.calls.end(call, fault.kind)
            abort(http)
            return web.Response()
        if fault is not None and kind == "malformed":
            self.calls.end(call, fault.kind)
            return web.Response(text='{"id": "gen', content_type="application/json")
        if fault is not None and kind == "error_event":
            self.calls.end(call, fault.kind)
            error = {"error": {"code": fault.status, "message": fault.message}}
            return web.json_response(error)
        call.first_token_at = time.time()
        is_answered = fault is None or kind in ("drip", "no_done", "whole")
        self.calls.end(call, "answered" if is_answered else str(kind))
        return web.Response(
            body=surrogate_json.dumps(completion.body()), content_type="application/json"
        )


def _parsed(body: bytes) -> CompletionRequest:
    try:
        values = surrogate_json.loads(body)
    except ValueError:
        values = None
    model = values.get("model") if isinstance(values, dict) else None
    messages = values.get("messages") if isinstance(values, dict) else None
    if not isinstance(model, str) or not isinstance(messages, list) or not messages:
        raise _Refused(400, "Input required: specify 'model' and 'messages'", outcome="refused")
    options = values.get("stream_options") or {}
    extra = values.get("usage") or {}
    limit = values.get("max_completion_tokens") or values.get("max_tokens")
    return CompletionRequest(
        model=model,
        messages=messages,
        stream=values.get("stream") is True,
        include_usage=bool(options.get("include_usage") or extra.get("include")),
        max_tokens=limit if isinstance(limit, int) else None,
        user=values.get("user") if isinstance(values.get("user"), str) else None,
        parameters=frozenset(values),
    )


def _refuse_impossible(request: CompletionRequest, behaviour: ModelBehaviour) -> None:
    if not request.model or request.model.startswith(UNKNOWN_MODEL):
        raise _Refused(400, f"{request.model} is not a valid model ID", outcome="refused")
    for name in behaviour.refuses:
        if name in request.parameters:
            message = f"Unsupported parameter: '{name}' is not supported with this model."
            raise _Refused(400, message, outcome="refused")
    if request.pictures and not behaviour.sees:
        message = "No endpoints found that support image input"
        raise _Refused(404, message, outcome="refused")
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
