"""Texts of /admin, from answers of the stats API."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.components import LOCALES
from bot.handlers.admin.texts import data_health
from common.language.i18n import Translations, Translator


@pytest.fixture
def english() -> Translator:
    return Translations("en", directory=LOCALES).for_language("en")


@pytest.fixture
def russian() -> Translator:
    return Translations("en", directory=LOCALES).for_language("ru")


def test_a_failed_check_is_a_sentence_with_its_runbook(
    english: Translator, russian: Translator
) -> None:
    freshness = {
        "freshness": {"held_back_by": "", "checked_at": datetime.now(UTC).isoformat()},
        "lag_seconds": 5,
    }
    checks = [
        {"name": name, "asset": asset, "passed": False, "is_blocking": False}
        for name, asset in (("run_succeeds", "nightly"), ("replication_lag", "turns"))
    ]
    quality = {"quality": {"checks": checks, "days": [], "days_withheld": []}}
    _, late, run = data_health(freshness, quality, english)
    assert late == (
        "❌ This check fails: New turns arrive in time. What to do: docs/runbooks.md, section"
        " ReplicationLag"
    )
    assert "The latest run of the job nightly succeeded." in run
    assert run.endswith("CheckFailed")
    lines = data_health(freshness, quality, russian)
    assert "Новые вопросы приходят вовремя. Что делать: docs/runbooks.md" in lines[1] + lines[2]
