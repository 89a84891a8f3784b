"""`make up` begins with `make doctor`, and continues whatever that reports."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import pytest

from embedded.stack.demo import examine
from embedded.stack.lifecycle import Progress, Stack
from embedded.stack.plan import SECRETS

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
    assert [line.split()[:2] for line in lines[1:]] == [
        ["fail", "token"], ["fail", "key"], ["fail", "model"], ["note", "fallback"],
        ["ok", "prices"],
    ]  # fmt: skip
