from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from common import log
from common.log import hide_address, redact


@pytest.mark.parametrize(
    "secret",
    [
        "https://api.telegram.org/bot123456:AAF-abcdefghijklmnopqrstuvwxyz0123/getMe",
        "postgresql://writer:hunter2AAF@db:5432/dialytics",
        "Authorization: Bearer AAFeyJhbGciOiJIUzI1NiJ9.e30.abc",
        "key sk-or-v1-AAF0123456789abcdef",
        "postgresql://writer:a/bAAF@db:5432/dialytics",
        "http://writer:a@AAF@db:8123",
        "GET /?user=writer&password=AAFx&query=1",
        "dsn host=db password='AAFx' port=5432",
        "POST https://models.example.org/v1/chat/completions?key=AAFx&alt=sse",
        "GET https://models.example.org/v1/models?access_token=AAFx",
        "Client error for url 'https://models.example.org/v1?api-key=AAFx'",
        "https://store.example.org/a?sig=AAFx%3D&se=2026",
    ],
)
def test_credentials_are_replaced(secret: str) -> None:
    assert "AAF" not in redact(secret)
    assert "***" in redact(secret)


def test_a_hidden_address_is_in_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "_hidden", {})
    hide_address("https://gateway.example.org/AAF-account/v1/")
    for line in (
        "POST https://gateway.example.org/AAF-account/v1/chat/completions failed",
        "for url 'https://GATEWAY.example.org/AAF-account/v1?x=1'",
    ):
        assert "AAF" not in redact(line)
        assert "example.org" not in redact(line).lower()


def test_plain_lines_stay_as_they_are() -> None:
    for line in (
        "turn 0194 finished in 1.2 s at 12:30:45",
        "GET http://127.0.0.1:8000/health from ann@example.org",
        "prompt_tokens=20 token_seconds=0.1 status=ok user_key=7",
    ):
        assert redact(line) == line


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_traceback_shows_no_values_of_variables(log_format: str) -> None:
    script = """
from common.log import configure_logging, get_logger
from common.settings import RuntimeSettings
configure_logging(RuntimeSettings(), service="test")
text = "a dear" + " secret"
try:
    1 / 0
except ZeroDivisionError:
    get_logger("test").exception("failed")
"""
    outcome = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "LOG_FORMAT": log_format},
        capture_output=True,
        text=True,
        check=True,
        timeout=200,
    )
    assert "ZeroDivisionError" in outcome.stderr
    assert "a dear secret" not in outcome.stderr


def test_a_library_in_a_thread_of_its_own_says_whose_line_it_is() -> None:
    script = """
import logging, threading
from common.log import configure_logging
from common.settings import RuntimeSettings
configure_logging(RuntimeSettings(), service="test")
thread = threading.Thread(target=lambda: logging.getLogger("somebodys").warning("busy"))
thread.start()
thread.join()
"""
    outcome = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "LOG_FORMAT": "json"},
        capture_output=True,
        text=True,
        check=True,
        timeout=200,
    )
    line = json.loads(outcome.stderr)
    assert (line["service"], line["event"]) == ("test", "busy")
