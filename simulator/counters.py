"""Counters since the simulator's start. The control API uses the same names."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field


@dataclass(slots=True)
class Counters:
    updates_accepted: int = 0
    """Updates queued for delivery, including malformed ones."""
    updates_delivered: int = 0
    """Updates delivered, including repeats."""
    updates_confirmed: int = 0
    updates_not_allowed: int = 0
    """Updates of a kind that is not in allowed_updates."""
    updates_repeated: int = 0
    updates_malformed: int = 0
    webhook_failures: int = 0
    messages_sent: int = 0
    messages_edited: int = 0
    messages_deleted: int = 0
    drafts_sent: int = 0
    requests_refused: int = 0
    """Responses with `ok: false`, without injected faults."""
    faults_injected: int = 0
    llm_calls_started: int = 0
    llm_calls_ended: int = 0
    llm_calls_answered: int = 0
    methods: dict[str, int] = field(default_factory=dict)
    """Calls by Bot API method in lower case; `unknown` for unknown methods."""

    def count_method(self, method: str) -> None:
        self.methods[method] = self.methods.get(method, 0) + 1

    def numbers(self) -> dict[str, int]:
        """All counters except those by method."""
        return {name: value for name, value in asdict(self).items() if isinstance(value, int)}

    def as_dict(self) -> dict[str, int | dict[str, int]]:
        return asdict(self)
