"""Every setting is documented, validated, and a placeholder is refused in production."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from common.errors import SettingError
from common.settings import PLACEHOLDERS, load
from deploy import settings_doc
from deploy.settings import settings

PROJECT = Path(__file__).parents[2]
# Beginnings of secrets that are checked by their form.
BY_FORM = {"TELEGRAM_TOKEN": "1:", "STATS_API_KEY": "dly_"}
# Given by others, or reachable from inside only: a weak one is not ours to refuse.
OF_OTHERS = {
    "OPENROUTER_API_KEY",
    "TRANSCRIPTION_API_KEY",
    "DATABASE_URL",
    "DAGSTER_DATABASE_URL",
    "CLICKHOUSE_URL",
    "CLICKHOUSE_READER_URL",
}
# The one-machine stack generates what it is not given and hands it to the services, which check.
OF_THE_STACK = ("embedded.", "simulator")


def test_the_list_of_settings_and_the_example_are_current() -> None:
    assert not settings_doc.stale(), "run make settings"


def test_every_setting_is_explained() -> None:
    unexplained = [
        item.name
        for group in settings_doc.by_title().values()
        for item in group
        if not settings_doc.explanation(item)
    ]
    assert not unexplained


def test_explanations_are_of_settings_that_exist_and_have_no_other() -> None:
    listed = {item.name: item for group in settings_doc.by_title().values() for item in group}
    assert set(settings_doc.MEANINGS) <= set(listed)
    assert not [name for name in settings_doc.MEANINGS if listed[name].meaning]


def test_the_example_names_every_setting_and_no_secret() -> None:
    example = (PROJECT / ".env.example").read_text(encoding="utf-8")
    given = dict(
        line.removeprefix("#").split("=", 1)
        for line in example.splitlines()
        if "=" in line and not line.startswith("# ")
    )
    assert {item.name for item in settings()} <= set(given)
    secrets = {item.name for item in settings() if item.is_secret}
    assert {given[name] for name in secrets} <= {"", *PLACEHOLDERS}


def test_secrets_are_never_plain_texts() -> None:
    words = ("PASSWORD", "SECRET", "TOKEN", "_KEY")
    plain = [item.name for item in settings() if item.name.endswith(words) and not item.is_secret]
    assert not plain


@pytest.mark.parametrize(
    "name",
    sorted(
        {
            item.name
            for item in settings()
            if item.is_secret and not item.module.startswith(OF_THE_STACK)
        }
        - OF_OTHERS
    ),
)
def test_a_placeholder_is_refused_everywhere(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for variable in [*os.environ]:
        if variable in {item.name for item in settings()}:
            monkeypatch.delenv(variable)
    monkeypatch.setenv("ENVIRONMENT", "production")
    strong = "s" * 43
    for item in settings():
        if item.is_secret and item.name not in OF_OTHERS:
            monkeypatch.setenv(item.name, BY_FORM.get(item.name, "") + strong)
    monkeypatch.setenv("DAGSTER_DATABASE_URL", "postgresql://dagster:word@host/dagster")
    monkeypatch.setenv("TELEGRAM_WEBHOOK_URL", "https://example.org/telegram")
    sections = {item.section for item in settings() if item.name == name and item.is_secret}
    ours = [section for section in sections if not section.__module__.startswith(OF_THE_STACK)]
    for section in ours:
        load(section)
        monkeypatch.setenv(name, "Change-Me")
        for environment in ("production", "development"):
            monkeypatch.setenv("ENVIRONMENT", environment)
            with pytest.raises(SettingError, match=name):
                load(section)
        monkeypatch.setenv("ENVIRONMENT", "production")
        monkeypatch.setenv(name, BY_FORM.get(name, "") + strong)


def test_a_secret_shows_itself_nowhere() -> None:
    assert "hunter2" not in repr(SecretStr("hunter2"))
