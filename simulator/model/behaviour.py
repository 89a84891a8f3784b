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
    cost: float | str | None = None
    """Stated as the cost of each answer, whatever it is; None: by the prices."""
    refuses: tuple[str, ...] = ()
    """Parameters that are refused with 400, as newer models refuse `max_tokens`."""
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
      script        the `lines` as they are, then the end of the response

    Of these the provider states usage, with `cost` when it is given:

      thinking      only `reasoning`, up to the limit (finish_reason `length`)
      refusal       the model declines, in `refusal` deltas
      filtered      content_filter without a text
      tool_calls    a call of a tool that nobody offered
      blank         white space only
      images        a picture and no text
      parts         the answer as a list of parts
      error_paid    an error event after the usage
      cut_paid      the stream ends after the usage, without finish_reason
      stall_paid    the same, but the connection stays open for `seconds`
      whole         the completion as one JSON body, though a stream was asked for
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
        "script",
        "thinking",
        "refusal",
        "filtered",
        "tool_calls",
        "blank",
        "images",
        "parts",
        "error_paid",
        "cut_paid",
        "stall_paid",
        "whole",
    ]
    model: str = "*"
    status: int = Field(default=500, ge=400, le=599)
    message: str = "Provider returned error"
    retry_after: float | None = Field(default=None, ge=0)
    after_chunks: int = Field(default=3, ge=0)
    seconds: float = Field(default=3600.0, ge=0)
    cost: float | str | None = None
    """Stated instead of the cost by the prices."""
    lines: tuple[str, ...] = ()
    """Of a script: each is sent with its line end."""
    line_seconds: float = Field(default=0.0, ge=0)
    """Of a script: the pause before each line."""
    contains: str = ""
    """Strikes only prompts whose last user text contains this."""

    def matches(self, model: str, text: str) -> bool:
        return self.model in ("*", model) and self.contains in text
