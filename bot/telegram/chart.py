"""Draws a bar chart in a thread; the library is imported on first use."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import ImageDraw, ImageFont

FONT = Path(__file__).with_name("fonts") / "DejaVuSans.ttf"
"""Latin and Cyrillic letters of DejaVu Sans."""
SIZE = (1320, 572)
TITLE_TOP, BARS_TOP, BARS_BOTTOM, BARS_RIGHT = 18, 76, 508, 1292
TITLE_SIZE, LABEL_SIZE = 30, 24
GAP = 14
"""Between labels and bars. All lengths are pixels."""
MAX_LINES, MAX_LABELS = 4, 8
BLUE, INK, GREY, WHITE = "#2a7de1", "#222222", "#d9d9d9", "#ffffff"
_ONE_AT_A_TIME = asyncio.Semaphore(1)


async def draw_days(days: Sequence[tuple[date, int]], *, title: str) -> bytes:
    """A PNG with one bar per day."""
    return await draw_bars([(f"{day:%d.%m}", value) for day, value in days], title=title)


async def draw_bars(bars: Sequence[tuple[str, int]], *, title: str) -> bytes:
    """A PNG with one labelled bar per value."""
    async with _ONE_AT_A_TIME:
        return await asyncio.to_thread(_draw, bars, title)


def _draw(bars: Sequence[tuple[str, int]], title: str) -> bytes:
    # Imported here: most processes never draw.
    from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415

    image = Image.new("RGB", SIZE, WHITE)
    draw = ImageDraw.Draw(image)
    small = ImageFont.truetype(FONT, LABEL_SIZE)
    draw.text(
        (SIZE[0] / 2, TITLE_TOP), title, INK, ImageFont.truetype(FONT, TITLE_SIZE), anchor="ma"
    )
    step = _line_step(max((value for _, value in bars), default=0))
    lines = list(_lines(bars, step))
    left = GAP * 2 + max(draw.textlength(str(value), small) for value in lines)
    for value in lines:
        height = _height(value, lines[-1])
        draw.line((left, height, BARS_RIGHT, height), GREY, width=2)
        draw.text((left - GAP, height), str(value), INK, small, anchor="rm")
    _draw_bars(draw, small, bars, left=left, highest=lines[-1])
    picture = BytesIO()
    image.save(picture, format="png", optimize=True)
    return picture.getvalue()


def _draw_bars(
    draw: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont,
    bars: Sequence[tuple[str, int]],
    *,
    left: float,
    highest: int,
) -> None:
    width = (BARS_RIGHT - left) / max(len(bars), 1)
    labelled = -(-len(bars) // MAX_LABELS) or 1
    for place, (label, value) in enumerate(bars):
        start = left + place * width
        if value > 0:
            box = (start + width / 10, _height(value, highest), start + width * 0.9, BARS_BOTTOM)
            draw.rectangle(box, BLUE)
        if place % labelled == 0:
            draw.text((start + width / 2, BARS_BOTTOM + GAP), label, INK, font, anchor="ma")


def _height(value: int, highest: int) -> float:
    return BARS_BOTTOM - (BARS_BOTTOM - BARS_TOP) * value / highest


def _lines(bars: Sequence[tuple[str, int]], step: int) -> Iterator[int]:
    """Values of the horizontal lines, from 0 to the first that no bar exceeds."""
    top = max(max((value for _, value in bars), default=0), 1)
    yield from range(0, top + step, step)


def _line_step(highest: int) -> int:
    """The least of 1, 2, 5, 10, 20, ... with at most MAX_LINES steps up to the highest."""
    power = 1
    while True:
        for digit in (1, 2, 5):
            if digit * power * MAX_LINES >= highest:
                return digit * power
        power *= 10
