"""Runs `bot.media.reading`, which reads an untrusted file, with limits of time and memory."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from bot.turns.attachments import FileError, FileProblem
from common.log import get_logger

MAX_OUTPUT_BYTES = 32_000_000
ENDING_SECONDS = 1.0
"""How long a process may take to end after its output."""
PROJECT = Path(__file__).parents[2]

log = get_logger(__name__)


class ReadingProcess:
    """Reads files, one process each.

    Args:
        seconds: after this time a process is killed.
        memory_megabytes: the memory of a process.
        processes: how many run at the same time.
    """

    def __init__(self, *, seconds: float, memory_megabytes: int, processes: int) -> None:
        self._seconds = seconds
        self._memory_bytes = memory_megabytes * 1024 * 1024
        self._free = asyncio.Semaphore(processes)

    async def read(self, kind: str, content: bytes, **task: Any) -> tuple[dict[str, Any], bytes]:
        """The facts about the file, and its picture or text.

        Raises:
            FileError: it cannot be read, or not within the limits.
        """
        limits = {"memory_bytes": self._memory_bytes, "seconds": self._seconds}
        line = json.dumps({"kind": kind, **limits, **task}).encode() + b"\n"
        async with self._free:
            written = await self._run(line + content)
        first, _, body = written.partition(b"\n")
        try:
            result = json.loads(first)
        except ValueError as error:
            # Killed: out of time or memory, or a library crashed.
            raise FileError(FileProblem.BROKEN) from error
        if problem := result.get("problem"):
            raise FileError(FileProblem(problem))
        return result, body

    async def _run(self, given: bytes) -> bytes:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bot.media.reading",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            # Without the bot's environment, which holds its secrets.
            env={"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(PROJECT)},
            cwd="/",
        )
        assert process.stdin is not None  # noqa: S101 # for mypy
        assert process.stdout is not None  # noqa: S101 # for mypy
        feeding = asyncio.create_task(_feed(process.stdin, given))
        try:
            async with asyncio.timeout(self._seconds):
                return await _read_at_most(process.stdout, MAX_OUTPUT_BYTES)
        except TimeoutError:
            log.info("a file took too long to read")
            return b""
        finally:
            feeding.cancel()
            await asyncio.wait({feeding})
            await _end(process, seconds=ENDING_SECONDS if process.stdout.at_eof() else 0)


async def _end(process: asyncio.subprocess.Process, *, seconds: float) -> None:
    """Wait for the end of a process; kill it after so many seconds."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await process.wait()
            return
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()


async def _feed(stdin: asyncio.StreamWriter, content: bytes) -> None:
    # A process that refuses a file ends without reading it.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        stdin.write(content)
        await stdin.drain()
        stdin.close()


async def _read_at_most(stdout: asyncio.StreamReader, limit: int) -> bytes:
    written = bytearray()
    while part := await stdout.read(1 << 16):
        written += part
        if len(written) > limit:
            return b""
    return bytes(written)
