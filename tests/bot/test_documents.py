"""The bot's documents say what the bot does: commands, metrics, texts in every language."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from bot.handlers.texts import command_list
from bot.i18n import LOCALES, Translations
from bot.llm.completion import ErrorKind
from bot.metrics import BotMetrics

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
    assert listed == set(command_list(Translations("en").default))


def test_every_kind_of_model_error_is_documented():
    section = document("bot.md").split("## When a model fails")[1].split("## ")[0]
    assert all(f"`{kind.value}`" in section for kind in ErrorKind)


def texts_in_code() -> set[str]:
    found = extract_from_dir(
        str(PROJECT / "bot"),
        keywords={"_": None, "plural": (1, 2)},
        method_map=[("**.py", "python")],
    )
    return {message if isinstance(message, str) else message[0] for _, _, message, *_ in found}


def test_every_text_is_in_every_language_with_its_placeholders():
    wanted = texts_in_code()
    assert len(wanted) > 50
    for path in LOCALES.glob("*.po"):
        with path.open("rb") as file:
            catalogue = read_po(file, locale=path.stem)
        by_id = {
            (message.id if isinstance(message.id, str) else message.id[0]): message
            for message in catalogue
            if message.id
        }
        assert set(by_id) == wanted, path.name
        for message in by_id.values():
            ids = [message.id] if isinstance(message.id, str) else list(message.id)
            texts = [message.string] if isinstance(message.string, str) else list(message.string)
            for text in texts:
                assert text, f"{path.name}: {ids[0]}"
                assert _placeholders(text) == _placeholders(ids[-1]), f"{path.name}: {text}"


def _placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_russian_counts_in_three_forms():
    russian = Translations("en").for_language("ru-RU")
    one = "⏳ Too many messages. Try again in {count} second."
    many = "⏳ Too many messages. Try again in {count} seconds."
    endings = [russian.plural(one, many, count).rsplit(" ", 1)[1] for count in (1, 3, 5, 21)]
    assert endings == ["секунду.", "секунды.", "секунд.", "секунду."]
