"""The bot's documents say what the bot does: commands, metrics, texts in every language."""

from __future__ import annotations

import re
from pathlib import Path

from bot.components import LOCALES
from bot.handlers.texts import command_list
from bot.llm.completion import ErrorKind
from bot.metrics import BotMetrics
from common.language.i18n import Translations

PROJECT = Path(__file__).parents[2]
TABLE_NAME = re.compile(r"^\| `/?([a-z_]+)`", re.MULTILINE)


def document(name: str) -> str:
    return (PROJECT / "docs" / name).read_text(encoding="utf-8")


def test_every_metric_is_documented_and_no_other():
    exported = set()
    for family in BotMetrics(["any"]).registry.collect():
        exported.add(family.name + ("_total" if family.type == "counter" else ""))
    assert set(TABLE_NAME.findall(document("metrics/bot.md"))) == exported


def test_the_clients_metrics_have_exactly_the_names_they_asked_for():
    text = document("metrics/bot.md")
    for name in (
        "llm_request_duration_seconds", "llm_requests_total", "llm_errors_total",
        "llm_fallback_used_total", "telegram_messages_received_total",
        "telegram_messages_sent_total",
    ):  # fmt: skip
        assert f"| `{name}` |" in text


def test_every_command_is_documented_and_no_other():
    section = document("bot.md").split("## Commands")[1].split("## ")[0]
    listed = set(TABLE_NAME.findall(section))
    assert listed == set(command_list(Translations("en", directory=LOCALES).default))


def test_every_kind_of_model_error_is_documented():
    section = document("bot.md").split("## When a model fails")[1].split("## ")[0]
    assert all(f"`{kind.value}`" in section for kind in ErrorKind)
