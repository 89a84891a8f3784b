"""Rules for injected faults: which call fails, and how often."""

from __future__ import annotations

import random
from typing import Generic, TypeVar
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field


class FaultRule(BaseModel):
    """When a fault is injected. Matching calls are counted from the rule's creation."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(default_factory=lambda: uuid4().hex[:12])
    probability: float = Field(default=1.0, ge=0, le=1)
    times: int | None = Field(default=None, ge=0)
    """Maximum number of injections; None: until removed."""
    skip: int = Field(default=0, ge=0)
    """Number of matching calls to let pass first."""


RuleT = TypeVar("RuleT", bound=FaultRule)


class FaultRules(Generic[RuleT]):
    """The active rules. If several match, the oldest wins."""

    def __init__(self, *, seed: int = 0) -> None:
        self._rules: dict[str, RuleT] = {}
        self._seen: dict[str, int] = {}
        self._struck: dict[str, int] = {}
        self._random = random.Random(seed)

    def seed(self, seed: int) -> None:
        """Seed the random generator."""
        self._random.seed(seed)

    def add(self, rule: RuleT) -> str:
        """Add a rule and return its id."""
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
        """How often each rule was applied, including removed and used up ones."""
        return dict(self._struck)

    def candidates(self) -> list[RuleT]:
        """Rules that may still be applied, oldest first."""
        return [
            rule
            for rule in self._rules.values()
            if rule.times is None or self._struck.get(rule.id, 0) < rule.times
        ]

    def strikes(self, rule: RuleT) -> bool:
        """Decide whether to apply a rule to a matching call, and count it."""
        self._seen[rule.id] = self._seen.get(rule.id, 0) + 1
        if self._seen[rule.id] <= rule.skip or self._random.random() >= rule.probability:
            return False
        self._struck[rule.id] = self._struck.get(rule.id, 0) + 1
        return True
