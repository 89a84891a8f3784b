"""The bar chart: bars by value, labels in Latin and Cyrillic letters, any amount of days."""

from __future__ import annotations

from datetime import date, timedelta
from io import BytesIO

import pytest
from PIL import Image, ImageFont

from bot.telegram.chart import BARS_BOTTOM, BARS_TOP, FONT, SIZE, draw_bars, draw_days

BLUE = (0x2A, 0x7D, 0xE1)
FIRST = date(2026, 3, 1)


def heights(picture: bytes) -> list[int]:
    """Height of each bar, from left to right."""
    image = Image.open(BytesIO(picture)).convert("RGB")
    assert image.size == SIZE
    columns = [
        sum(image.getpixel((x, y)) == BLUE for y in range(SIZE[1])) for x in range(0, SIZE[0], 4)
    ]
    return [now for before, now in zip([0, *columns], columns, strict=False) if now > before == 0]


async def test_bars_are_as_high_as_their_values() -> None:
    drawn = heights(await draw_bars([("a", 8), ("b", 4), ("c", 0), ("d", 2)], title="Messages"))
    full = BARS_BOTTOM - BARS_TOP
    assert drawn == pytest.approx([full, full / 2, full / 4], abs=3)


@pytest.mark.parametrize("count", [0, 1, 30, 400])
async def test_any_number_of_days_is_a_picture(count: int) -> None:
    days = [(FIRST + timedelta(days=n), 10**n if n < 9 else 0) for n in range(count)]
    assert heights(await draw_days(days, title="x")) or not count


async def test_days_without_messages_have_no_bars() -> None:
    assert heights(await draw_days([(FIRST, 0), (FIRST, 0)], title="x")) == []


def test_the_font_has_the_letters_of_the_bots_languages() -> None:
    font = ImageFont.truetype(FONT, 20)
    unknown = bytes(font.getmask("\u4e00"))
    letters = "AZaz09.,-АЯаяЁё«»—…€₽№"
    assert [letter for letter in letters if bytes(font.getmask(letter)) == unknown] == []
