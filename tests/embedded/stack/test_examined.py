"""`make up` begins with `make doctor`, and continues whatever that reports."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import pytest

from bot.settings import AccessSettings, BillSettings
from embedded.stack.demo import examine, warnings
from embedded.stack.lifecycle import Progress, Stack
from embedded.stack.plan import SECRETS
from pipelines.settings import PipelineSection

NOWHERE = "http://127.0.0.1:9"
SETTINGS = {
    "TELEGRAM_TOKEN": "1:abc",
    "TELEGRAM_API_URL": NOWHERE,
    "OPENROUTER_API_KEY": "none",
    "OPENROUTER_BASE_URL": NOWHERE,
    "ENV_FILE": os.devnull,
}


class Unstarted(Stack):
    """Runs programs with these settings; nothing is up."""

    def __init__(self) -> None:
        given = {"PATH": os.environ["PATH"], **SETTINGS}

        def environment(*secrets: str) -> dict[str, str]:
            withheld = SECRETS.difference(secrets)
            return {name: value for name, value in given.items() if name not in withheld}

        self.plan: Any = SimpleNamespace(environment=environment)


def test_what_does_not_work_is_said_before_the_start(capfd: pytest.CaptureFixture[str]) -> None:
    examine(Unstarted(), Progress())

    lines = capfd.readouterr().out.splitlines()
    assert "make doctor" in lines[0]
    assert [line.split()[:2] for line in lines[1:6]] == [
        ["fail", "token"], ["fail", "key"], ["fail", "model"], ["note", "fallback"],
        ["ok", "prices"],
    ]  # fmt: skip
    assert "everybody may use the bot and nothing limits the bill" in lines[6]
    assert "texts are kept for ever" in lines[7]
    assert len(lines) == 8


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({}, ["everybody", "texts"]),
        ({"access_mode": "allow-list"}, ["texts"]),
        ({"bot_monthly_usd_limit": 5}, ["texts"]),
        ({"message_retention_days": 90}, ["everybody"]),
        ({"total_daily_usd_limit": 1, "message_retention_days": 90}, []),
    ],
)
def test_open_access_without_a_limit_and_texts_kept_for_ever_are_warned_about(
    chosen: dict[str, Any], expected: list[str]
) -> None:
    def section(kind: type[Any]) -> Any:
        return kind(**{name: chosen[name] for name in kind.model_fields if name in chosen})

    found = warnings(section(AccessSettings), section(BillSettings), section(PipelineSection))

    assert [line.split()[0] for line in found] == expected
