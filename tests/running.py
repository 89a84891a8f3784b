"""Observes running programs from outside: their processes and logs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

import psutil

Result = TypeVar("Result")
END_SECONDS = 90.0
"""How long what was told to end, or killed, may take on a machine that has no time for it."""


async def eventually(is_so: Callable[[], Awaitable[bool]], *, seconds: float = 120) -> None:
    """Wait until it is so in a server or another process."""
    async with asyncio.timeout(seconds):
        while not await is_so():  # noqa: ASYNC110 # it rings no bell
            await asyncio.sleep(0.03)


def until(is_so: Callable[[], bool], *, seconds: float = 120) -> None:
    """Wait until it is so: a program rings no bell when it has written or ended."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.2)


def in_own_process(work: Callable[..., Result], *arguments: object) -> Result:
    """Run a function of a module where no other test left a thread, a handle or memory."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def command_lines(programs: Iterable[psutil.Process]) -> list[str]:
    """Command lines of the programs that are still running."""
    lines = []
    for program in programs:
        try:
            lines.append(" ".join(program.cmdline()))
        except psutil.NoSuchProcess:
            continue
    return lines


def mentioning(words: str) -> list[psutil.Process]:
    """Programs with these words on their command line."""
    return [
        program
        for program in psutil.process_iter(["cmdline"])
        if words in " ".join(program.info["cmdline"] or [])
    ]


def left_running(programs: Iterable[psutil.Process]) -> list[str]:
    """Command lines of those that did not end, after time enough to do so."""
    deadline = time.monotonic() + END_SECONDS
    while (left := [program for program in programs if _runs(program)]) and (
        time.monotonic() < deadline
    ):
        time.sleep(0.05)
    return command_lines(left)


def _runs(program: psutil.Process) -> bool:
    try:
        # An ended process may remain a zombie until the machine's init process reaps it.
        return program.is_running() and program.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
