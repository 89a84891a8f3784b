"""Faults on demand: which call fails, how often, decided by a seed. Knows no protocol."""

from __future__ import annotations

import random
from typing import Generic, TypeVar
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field


class Rule(BaseModel):
    """When a fault strikes. Matching calls are counted from the moment the rule is set."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(default_factory=lambda: uuid4().hex[:12])
    probability: float = Field(default=1.0, ge=0, le=1)
    times: int | None = Field(default=None, ge=0)
    """Strikes at most this often; None: until removed."""
    skip: int = Field(default=0, ge=0)
    """Lets the first matching calls pass."""


RuleT = TypeVar("RuleT", bound=Rule)


class Faults(Generic[RuleT]):
    """The rules in force. Of several that match, the oldest that strikes wins."""

    def __init__(self, *, seed: int = 0) -> None:
        self._rules: dict[str, RuleT] = {}
        self._seen: dict[str, int] = {}
        self._struck: dict[str, int] = {}
        self._random = random.Random(seed)

    def seed(self, seed: int) -> None:
        """Start the sequence of chances again."""
        self._random.seed(seed)

    def add(self, rule: RuleT) -> str:
        """Put a rule in force and return its id."""
        self._rules[rule.id] = rule
        return rule.id

    def remove(self, rule_id: str) -> bool:
        return self._rules.pop(rule_id, None) is not None

    def clear(self) -> None:
        self._rules.clear()

    @property
    def rules(self) -> list[RuleT]:
        return list(self._rules.values())

    @property
    def struck(self) -> dict[str, int]:
        """How often each rule has struck, removed and used up ones included."""
        return dict(self._struck)

    def candidates(self) -> list[RuleT]:
        """Rules that still may strike, oldest first."""
        return [
            rule
            for rule in self._rules.values()
            if rule.times is None or self._struck.get(rule.id, 0) < rule.times
        ]

    def strikes(self, rule: RuleT) -> bool:
        """Decide one matching call, and remember the decision."""
        self._seen[rule.id] = self._seen.get(rule.id, 0) + 1
        if self._seen[rule.id] <= rule.skip or self._random.random() >= rule.probability:
            return False
        self._struck[rule.id] = self._struck.get(rule.id, 0) + 1
        return True
