"""Every check has a sentence on the page, in each of its languages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from common.language.check_texts import check_sentence
from pipelines.quality.names import CHECKS
from pipelines.rollups.checks import BLOCKING

TEXTS = Path(__file__).parents[3] / "dashboards" / "web" / "src" / "i18n"
OTHERS = ("days_equal_hours", "replication_lag", "run_succeeds")


@pytest.mark.parametrize("language", ["en", "ru"])
def test_page_and_telegram_have_the_same_sentence_for_every_check(language: str) -> None:
    texts = json.loads((TEXTS / f"{language}.json").read_text(encoding="utf-8"))["check"]
    assert set(texts) == {name for checks in CHECKS.values() for name in checks} | {
        *BLOCKING,
        *OTHERS,
    }
    telegram = {name: check_sentence(name, "nightly", language) for name in texts}
    assert telegram == {name: text.replace("{{job}}", "nightly") for name, text in texts.items()}
