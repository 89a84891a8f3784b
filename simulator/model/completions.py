"""The content of a completion: answer, usage, events."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from simulator import surrogate_json
from simulator.model.answers import (
    chunks,
    content_pictures,
    content_text,
    count_tokens,
    last_user_text,
    make_answer,
    seeded_random,
)
from simulator.model.behaviour import ModelBehaviour, ModelFault
from simulator.model.calls import ModelCall

Json = dict[str, Any]

TOKENS_PER_MESSAGE = 4
CACHED_BLOCK = 64
"""Prompt tokens per cache block."""


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """The relevant part of a request body."""

    model: str
    messages: list[Any]
    stream: bool
    include_usage: bool
    max_tokens: int | None
    user: str | None
    parameters: frozenset[str] = frozenset()
    """Names of all parameters in the request."""

    @property
    def text(self) -> str:
        return last_user_text(self.messages)

    @property
    def prompt_tokens(self) -> int:
        return sum(
            TOKENS_PER_MESSAGE + count_tokens(content_text(message.get("content")))
            for message in self.messages
            if isinstance(message, dict)
        )

    @property
    def pictures(self) -> int:
        return sum(len(content_pictures(message)) for message in self.messages)


LONG_THOUGHT_TOKENS = 2048
TEXTLESS = {
    "empty": "",
    "thinking": "length",
    "refusal": "stop",
    "filtered": "content_filter",
    "tool_calls": "tool_calls",
    "blank": "stop",
    "images": "stop",
    "error_paid": "",
    "cut_paid": "",
    "stall_paid": "",
}
"""Faults without text, and their finish reason; empty: the model's usual one."""
DELTAS: dict[str, Json] = {
    "thinking": {"content": None, "reasoning": "Let me think about it. "},
    "refusal": {"content": None, "refusal": "I cannot help with that."},
    "tool_calls": {
        "content": None,
        "tool_calls": [
            {
                "index": 0,
                "id": "call-1",
                "type": "function",
                "function": {"name": "search", "arguments": "{}"},
            }
        ],
    },
    "blank": {"content": " \n\t "},
    "images": {
        "content": "",
        "images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0="}}],
    },
}


class SimulatedCompletion:
    """A completion generated from request, behaviour and seed."""

    def __init__(
        self,
        request: CompletionRequest,
        behaviour: ModelBehaviour,
        call: ModelCall,
        *,
        seed: int,
        fault: ModelFault | None = None,
    ) -> None:
        kind = fault.kind if fault is not None else ""
        chance = seeded_random(request.model, request.text, seed)
        text = behaviour.answer
        if text is None:
            text = make_answer(request.text, chance=chance, words=behaviour.answer_words)
        self.chunks = [] if kind in TEXTLESS else chunks(text)
        self.finish_reason = TEXTLESS.get(kind) or behaviour.finish_reason
        if request.max_tokens is not None and len(self.chunks) > request.max_tokens:
            self.chunks = self.chunks[: request.max_tokens]
            self.finish_reason = "length"
        self.latency = (
            behaviour.first_token_seconds + chance.random() * behaviour.first_token_jitter_seconds
        )
        self._kind = kind
        self._cost = fault.cost if fault is not None and fault.cost is not None else behaviour.cost
        self._behaviour = behaviour
        self._call = call
        call.model_used = behaviour.answers_as or request.model
        self._count(request)

    @property
    def text(self) -> str:
        return "".join(self.chunks)

    def _count(self, request: CompletionRequest) -> None:
        behaviour, call = self._behaviour, self._call
        if behaviour.usage == "none":
            return
        call.image_tokens = request.pictures * behaviour.image_tokens
        call.prompt_tokens = request.prompt_tokens + call.image_tokens
        call.reasoning_tokens = behaviour.reasoning_tokens
        if self._kind == "thinking":
            call.reasoning_tokens = request.max_tokens or LONG_THOUGHT_TOKENS
        call.completion_tokens = count_tokens(self.text) + call.reasoning_tokens
        earlier = request.prompt_tokens - count_tokens(request.text) - TOKENS_PER_MESSAGE
        call.cached_tokens = max(earlier, 0) // CACHED_BLOCK * CACHED_BLOCK
        if self._cost is not None:
            call.cost = self._cost
        elif behaviour.usage == "full":
            call.cost = round(
                call.prompt_tokens * behaviour.prompt_price
                + call.completion_tokens * behaviour.completion_price,
                10,
            )

    def usage(self) -> Json | None:
        call = self._call
        if call.prompt_tokens is None or call.completion_tokens is None:
            return None
        usage: Json = {
            "prompt_tokens": call.prompt_tokens,
            "completion_tokens": call.completion_tokens,
            "total_tokens": call.prompt_tokens + call.completion_tokens,
            "prompt_tokens_details": {
                "cached_tokens": call.cached_tokens,
                **({"image_tokens": call.image_tokens} if call.image_tokens else {}),
            },
            "completion_tokens_details": {"reasoning_tokens": call.reasoning_tokens},
        }
        if call.cost is not None:
            usage["cost"] = call.cost
        return usage

    def body(self) -> Json:
        """The completion as one JSON body."""
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": self.text, "refusal": None},
            "finish_reason": self.finish_reason,
            "native_finish_reason": self.finish_reason,
            "logprobs": None,
        }
        body = self._frame("chat.completion", [choice])
        if (usage := self.usage()) is not None:
            body["usage"] = usage
        return body

    def token_event(self, text: str) -> bytes:
        content = [{"type": "text", "text": text}] if self._kind == "parts" else text
        return self._event({"role": "assistant", "content": content}, None)

    def final_event(self) -> bytes:
        delta = {"role": "assistant", "content": "", **DELTAS.get(self._kind, {})}
        return self._event(delta, self.finish_reason)

    def usage_event(self) -> bytes | None:
        usage = self.usage()
        if usage is None:
            return None
        return event(self._frame("chat.completion.chunk", []) | {"usage": usage})

    def error_event(self, message: str, code: int) -> bytes:
        """An error event, as OpenRouter sends it after the status line."""
        choice = {"index": 0, "delta": {"content": ""}, "finish_reason": "error"}
        return event(
            self._frame("chat.completion.chunk", [choice])
            | {"error": {"code": code, "message": message}}
        )

    def _event(self, delta: Json, finish_reason: str | None) -> bytes:
        choice = {
            "index": 0,
            "delta": delta,
            "finish_reason": finish_reason,
            "native_finish_reason": finish_reason,
            "logprobs": None,
        }
        return event(self._frame("chat.completion.chunk", [choice]))

    def _frame(self, kind: str, choices: list[Json]) -> Json:
        return {
            "id": self._call.id,
            "provider": "Simulated",
            "model": self._call.model_used,
            "object": kind,
            "created": int(time.time()),
            "choices": choices,
        }


def event(body: Json) -> bytes:
    return b"data: " + surrogate_json.dumps(body) + b"\n\n"
