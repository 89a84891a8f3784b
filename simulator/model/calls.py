"""The log of requested completions, to compare with the bot's ledger."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import uuid4

from simulator.change_event import ChangeEvent
from simulator.counters import Counters
from simulator.journal import Journal
from simulator.model.answers import content_pictures, last_user_text


@dataclass(slots=True, kw_only=True)
class ModelCall:
    """One request to the completions endpoint."""

    id: str = field(default_factory=lambda: f"gen-{uuid4().hex}")
    model: str
    text_sha256: str
    """SHA-256 of the last user text in UTF-8."""
    stream: bool
    purpose: str = "answer"
    """`answer`, `summary` or `transcription`."""
    prompt_messages: int = 0
    user: str | None = None
    started_at: float = field(default_factory=time.time)
    """Seconds since 1970."""
    first_token_at: float | None = None
    ended_at: float | None = None
    outcome: str | None = None
    """answered, refused, disconnected (by the client) or a fault's kind; None while open."""
    status: int = 200
    model_used: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    image_tokens: int | None = None
    cost: float | str | None = None
    """As stated to the client, if at all."""
    messages: list[Any] = field(default_factory=list)
    """The prompt; not written to the journal."""

    @property
    def question(self) -> str:
        """The user's last text."""
        return last_user_text(self.messages)

    @property
    def pictures(self) -> list[bytes]:
        """The pictures of the prompt."""
        return [picture for message in self.messages for picture in content_pictures(message)]

    def as_dict(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if name != "messages"}


class CallLog:
    """Recent calls in memory, all calls in the journal."""

    def __init__(
        self, *, changed: ChangeEvent, counters: Counters, journal: Journal, keep: int
    ) -> None:
        self._changed = changed
        self._counters = counters
        self._journal = journal
        self._calls: deque[ModelCall] = deque(maxlen=keep)

    def __iter__(self) -> Any:
        return iter(self._calls)

    def __len__(self) -> int:
        return len(self._calls)

    def __getitem__(self, index: int) -> ModelCall:
        return self._calls[index]

    def start(self, call: ModelCall) -> None:
        self._calls.append(call)
        self._counters.llm_calls_started += 1
        self._journal.append({"event": "started", **call.as_dict()})
        self._changed.notify()

    def end(self, call: ModelCall, outcome: str, *, status: int = 200) -> None:
        """Record a call's outcome; only the first is kept."""
        if call.outcome is not None:
            return
        call.outcome, call.status, call.ended_at = outcome, status, time.time()
        self._counters.llm_calls_ended += 1
        self._counters.llm_calls_answered += outcome == "answered"
        self._journal.append({"event": "ended", **call.as_dict()})
        self._changed.notify()

    def clear(self) -> None:
        self._calls.clear()
