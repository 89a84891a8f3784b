"""Configuration of a model's behaviour and faults, as in control requests."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from simulator.faults import FaultRule


class ModelBehaviour(BaseModel):
    """A model's normal behaviour."""

    model_config = ConfigDict(extra="forbid")

    first_token_seconds: float = Field(default=0.0, ge=0)
    first_token_jitter_seconds: float = Field(default=0.0, ge=0)
    """Maximum random addition to the latency."""
    token_seconds: float = Field(default=0.0, ge=0)
    """Pause between chunks of a stream."""
    answer: str | None = None
    """A fixed answer; None: generated from the prompt."""
    answer_words: int | None = Field(default=None, ge=1, le=100_000)
    """Length of generated answers; None: by the prompt."""
    answers_as: str | None = None
    """The stated model name; None: the requested one."""
    finish_reason: str = "stop"
    usage: Literal["full", "no_cost", "none"] = "full"
    prompt_price: float = Field(default=0.15e-6, ge=0)
    """US dollars per token."""
    completion_price: float = Field(default=0.60e-6, ge=0)
    context_tokens: int = Field(default=128_000, ge=1)
    reasoning_tokens: int = Field(default=0, ge=0)
    sees: bool = False
    """Takes pictures and is listed so; others refuse them."""
    image_tokens: int = Field(default=765, ge=0)
    """Prompt tokens of a picture."""
    seconds_price: float = Field(default=0.0001, ge=0)
    """US dollars per second of a transcription."""
    cost: float | str | None = None
    """The stated cost, which may be invalid; None: by the prices."""
    refuses: tuple[str, ...] = ()
    """Parameters rejected with 400, as newer models reject `max_tokens`."""
    comments: bool = True
    """Send `: OPENROUTER PROCESSING` before the first token."""


class ModelFault(FaultRule):
    """A fault of a completion, applied after `after_chunks` chunks of the stream.

    `kind`:
      status        a JSON error with `status`, and Retry-After if `retry_after` is given
      html          an HTML page with `status`
      stall         no data for `seconds`, then the connection is closed
      drip          each chunk takes `seconds`
      cut           the stream ends without finish_reason, usage and [DONE]
      disconnect    the connection is aborted
      malformed     a chunk that is not JSON; the stream continues
      error_event   a `data:` event with `error`, under HTTP 200
      empty         an answer without text
      moderation    403, as OpenRouter words it
      no_done       everything but the closing `[DONE]`
      script        the `lines` verbatim, then the end of the response

    With usage, and `cost` if it is given:

      thinking      only `reasoning`, up to the limit (finish_reason `length`)
      refusal       the model declines, in `refusal` deltas
      filtered      content_filter without a text
      tool_calls    a call of a tool that was not offered
      blank         only white space
      images        a picture and no text
      parts         the answer as a list of parts
      error_paid    an error event after the usage
      cut_paid      the stream ends after the usage, without finish_reason
      stall_paid    the same, but the connection stays open for `seconds`
      whole         the completion as one JSON body, although a stream was requested
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
    """Stated instead of the calculated cost."""
    lines: tuple[str, ...] = ()
    """For `script`: sent with line ends."""
    line_seconds: float = Field(default=0.0, ge=0)
    """For `script`: pause before each line."""
    contains: str = ""
    """Only for prompts whose last user text contains this."""

    def matches(self, model: str, text: str) -> bool:
        return self.model in ("*", model) and self.contains in text
