"""Draws a bar chart in a thread; the library is imported on first use."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date
from io import BytesIO

_ONE_AT_A_TIME = asyncio.Semaphore(1)


async def draw_days(days: Sequence[tuple[date, int]], *, title: str) -> bytes:
    """A PNG with one bar per day."""
    return await draw_bars([(f"{day:%d.%m}", count) for day, count in days], title=title)


async def draw_bars(bars: Sequence[tuple[str, int]], *, title: str) -> bytes:
    """A PNG with one labelled bar per value."""
    async with _ONE_AT_A_TIME:
        return await asyncio.to_thread(_draw, bars, title)


def _draw(bars: Sequence[tuple[str, int]], title: str) -> bytes:
    # Imported here: 40 MiB and half a second that most processes never need.
    from matplotlib.figure import Figure  # noqa: PLC0415
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415

    figure = Figure(figsize=(6, 2.6), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    positions = range(len(bars))
    axes.bar(positions, [count for _, count in bars], color="#2a7de1", width=0.8)
    step = max(len(bars) // 7, 1)
    axes.set_xticks(list(positions)[::step], [label for label, _ in bars][::step])
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    axes.set_title(title, fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    picture = BytesIO()
    figure.savefig(picture, format="png")
    return picture.getvalue()
