"""A problem that a check reports."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class DeployProblem:
    """One thing that is wrong, and where."""

    where: str
    what: str

    @property
    def key(self) -> tuple[str, str]:
        """Equal for the same mistake seen through several projects."""
        return self.where.rsplit(" ", 1)[-1], self.what

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"
