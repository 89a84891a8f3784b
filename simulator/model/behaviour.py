"""How each model behaves and fails, as a control request states it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from simulator.faults import Rule


class ModelBehaviour(BaseModel):
    """One model's normal conduct."""

    model_config = ConfigDict(extra="forbid")

    first_token_seconds: float = Field(default=0.0, ge=0)
    first_token_jitter_seconds: float = Field(default=0.0, ge=0)
    """At most so much is added to the latency, decided by the seed."""
    token_seconds: float = Field(default=0.0, ge=0)
    """Pause between two chunks of a stream."""
    answer: str | None = None
    """Always this text; None: made from the prompt."""
    answer_words: int | None = Field(default=None, ge=1, le=100_000)
    """Length of made answers; None: decided by the prompt."""
    answers_as: str | None = None
    """Name stated as the model that answered; None: the one that was asked."""
    finish_reason: str = "stop"
    usage: Literal["full", "no_cost", "none"] = "full"
    prompt_price: float = Field(default=0.15e-6, ge=0)
    """US dollars per token."""
    completion_price: float = Field(default=0.60e-6, ge=0)
    context_tokens: int = Field(default=128_000, ge=1)
    reasoning_tokens: int = Field(default=0, ge=0)
    comments: bool = True
    """Send `: OPENROUTER PROCESSING` before the first token."""


class ModelFault(Rule):
    """One way for a completion to fail. Striking after `after_chunks` chunks of the stream.

    `kind`:
      status        a JSON error with `status`, Retry-After when `retry_after` is given
      html          an HTML page with `status`
      stall         nothing more comes for `seconds`, then the connection closes
      drip          each chunk takes `seconds`
      cut           the stream ends in order, without finish_reason, usage and [DONE]
      disconnect    the connection is aborted
      malformed     a chunk that is no JSON; the stream goes on
      error_event   a `data:` event with `error`, under HTTP 200
      empty         an answer without text
      moderation    403, as OpenRouter words it
      no_done       everything but the closing `[DONE]`
    """

    kind: Literal[
        "status",
        "html",
        "stall",
        "drip",
        "cut",
        "disconnect",
        "malformed",
        "error_event",
        "empty",
        "moderation",
        "no_done",
    ]
    model: str = "*"
    status: int = Field(default=500, ge=400, le=599)
    message: str = "Provider returned error"
    retry_after: float | None = Field(default=None, ge=0)
    after_chunks: int = Field(default=3, ge=0)
    seconds: float = Field(default=3600.0, ge=0)
    contains: str = ""
    """Strikes only prompts whose last user text contains this."""

    def matches(self, model: str, text: str) -> bool:
        return self.model in ("*", model) and self.contains in text
