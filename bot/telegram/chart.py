"""Draws a bar chart of days in a thread; the library is imported on first use."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date
from io import BytesIO

_ONE_AT_A_TIME = asyncio.Semaphore(1)


async def draw_days(days: Sequence[tuple[date, int]], *, title: str) -> bytes:
    """A PNG with one bar per day."""
    async with _ONE_AT_A_TIME:
        return await asyncio.to_thread(_draw, days, title)


def _draw(days: Sequence[tuple[date, int]], title: str) -> bytes:
    # Imported here: 40 MiB and half a second that most processes never need.
    from matplotlib.figure import Figure  # noqa: PLC0415
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415

    figure = Figure(figsize=(6, 2.6), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    positions = range(len(days))
    axes.bar(positions, [count for _, count in days], color="#2a7de1", width=0.8)
    step = max(len(days) // 7, 1)
    axes.set_xticks(list(positions)[::step], [day.strftime("%d.%m") for day, _ in days][::step])
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    axes.set_title(title, fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    picture = BytesIO()
    figure.savefig(picture, format="png")
    return picture.getvalue()
