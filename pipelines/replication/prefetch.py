"""Reads the next page while the last one is being stored."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Page = TypeVar("Page")


def prefetch(pages: Iterator[Page]) -> Generator[Page]:
    """The same pages, each read on a thread while the caller is busy with the one before.

    Two are in memory at once. Errors of reading are raised here, in order; a caller that stops
    early waits for the page that is being read.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="page") as reading:
        coming = reading.submit(next, pages, None)
        while (page := coming.result()) is not None:
            coming = reading.submit(next, pages, None)
            yield page
