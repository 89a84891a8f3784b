"""Sentences about checks of the data, for messages in Telegram."""

from __future__ import annotations

import tomllib
from pathlib import Path

RUNBOOK = "docs/runbooks.md"
OF_AGE = ("data_is_fresh", "replication_lag", "ledger_is_not_empty", "days_are_published")
SENTENCES: dict[str, dict[str, str]] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)
"""By language and check."""


def check_sentence(name: str, asset: str, language: str) -> str:
    """The sentence of a check that passes, or its name if a newer version has it.

    `asset`: the table or the job that is checked.
    """
    return SENTENCES[language].get(name, name).format(job=asset)


def check_runbook(name: str, *, is_blocking: bool) -> str:
    """The section of `RUNBOOK` that says what to do."""
    if is_blocking or name == "no_day_is_withheld":
        return "DaysWithheld"
    return "ReplicationLag" if name in OF_AGE else "CheckFailed"
