"""The catalogues of bot and pipelines: complete, and true to the placeholders of their texts."""

from __future__ import annotations

from pathlib import Path
from string import Formatter
from typing import get_args

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from bot.components import LOCALES
from common.language.i18n import Translations
from pipelines.operator.texts import Language

PROJECT = Path(__file__).parents[2]


def texts_in_code(package: str) -> set[str]:
    found = extract_from_dir(
        str(PROJECT / package),
        keywords={"_": None, "plural": (1, 2)},
        method_map=[("**.py", "python")],
    )
    return {message if isinstance(message, str) else message[0] for _, _, message, *_ in found}


@pytest.mark.parametrize(("package", "least"), [("bot", 50), ("pipelines", 25)])
def test_every_text_is_in_every_language_with_its_placeholders(package: str, least: int) -> None:
    wanted = texts_in_code(package)
    assert len(wanted) > least
    catalogues = sorted((PROJECT / package / "locales").glob("*.po"))
    assert tuple(path.stem for path in catalogues) == get_args(Language)
    for path in catalogues:
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


def test_russian_counts_in_three_forms() -> None:
    russian = Translations("en", directory=LOCALES).for_language("ru-RU")
    one = "⏳ Too many messages. Try again in {count} second."
    many = "⏳ Too many messages. Try again in {count} seconds."
    endings = [russian.plural(one, many, count).rsplit(" ", 1)[1] for count in (1, 3, 5, 21)]
    assert endings == ["секунду.", "секунды.", "секунд.", "секунду."]
