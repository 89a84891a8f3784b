"""Hashes and checks passwords, off the event loop. Knows no account.

bcrypt takes its time on purpose and releases the interpreter lock meanwhile, so a small pool of
threads keeps the loop free. `bcrypt_sha256` digests first: length and alphabet do not matter.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import secrets
import sys
import threading
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from passlib.context import CryptContext
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from api.errors import RefusedError, UnavailableError

T = TypeVar("T")

SHORTEST_PASSWORD = 10
LONGEST_PASSWORD_BYTES = 1024
MOST_WAITING = 64
HASHING_NICENESS = 10
# 30,000, the most common first, as they were found in leaks.
COMMON = frozenset(FREQUENCY_LISTS["passwords"])
MAX_DECORATION = 6
"""So many characters around a common password do not make it another one."""
_AROUND_A_WORD = re.compile(r"^[\W\d_]+|[\W\d_]+$")
_REPEATED = re.compile(r"(.+?)\1+", re.DOTALL)

# passlib looks for a version attribute that bcrypt dropped, and warns once.
logging.getLogger("passlib.handlers.bcrypt").setLevel(logging.ERROR)


def as_bytes(password: str) -> bytes:
    """One spelling per password: composed Unicode, then UTF-8; any Python string passes."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


def check_policy(password: str, *, username: str) -> None:
    """Refuse what is guessed first.

    Raises:
        RefusedError: naming the rule.
    """
    problem = None
    if len(password) < SHORTEST_PASSWORD:
        problem = f"at least {SHORTEST_PASSWORD} characters are needed"
    elif len(as_bytes(password)) > LONGEST_PASSWORD_BYTES:
        problem = f"at most {LONGEST_PASSWORD_BYTES} bytes are taken"
    elif username.casefold() in password.casefold():
        problem = "it contains the username"
    elif len(set(password)) < SHORTEST_PASSWORD // 2 or _is_common(password):
        problem = "it is too easy to guess"
    if problem:
        raise RefusedError(f"This password is refused: {problem}.", code="weak_password")


def _is_common(password: str) -> bool:
    """Whether it is a common password, one with digits or marks around it, or one repeated."""
    plain = unicodedata.normalize("NFKC", password).casefold()
    word = _AROUND_A_WORD.sub("", plain)
    repeated = _REPEATED.fullmatch(plain)
    return (
        plain in COMMON
        or (word in COMMON and len(plain) - len(word) <= MAX_DECORATION)
        or (repeated is not None and repeated[1] in COMMON)
    )


def _stand_back() -> None:
    # On a busy machine the event loop goes first: in Linux priority belongs to the thread.
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), HASHING_NICENESS)


class Passwords:
    """A pool of threads that hash.

    Args:
        cost: bcrypt cost of new hashes; older ones are replaced at the next login.
        threads: hashes that may run at once.
    """

    def __init__(self, *, cost: int, threads: int) -> None:
        self._context = CryptContext(schemes=["bcrypt_sha256"], bcrypt_sha256__rounds=cost)
        self._pool = ThreadPoolExecutor(
            threads, thread_name_prefix="password", initializer=_stand_back
        )
        self._waiting = 0
        self._nobody = self._context.hash(secrets.token_bytes(16))

    async def hash(self, password: str) -> str:
        """A salted hash that names its own parameters."""
        hashed: str = await self._run(self._context.hash, as_bytes(password))
        return hashed

    async def verify(self, password: str, stored: str | None) -> bool:
        """Whether the password is the stored one. Without a stored one: the same time, False."""
        secret = as_bytes(password)
        if len(secret) > LONGEST_PASSWORD_BYTES:
            secret, stored = secret[:LONGEST_PASSWORD_BYTES], None
        holds = await self._run(self._context.verify, secret, stored or self._nobody)
        return bool(holds) and stored is not None

    def is_outdated(self, stored: str) -> bool:
        """Whether the stored hash has other parameters than new ones get."""
        return bool(self._context.needs_update(stored))

    async def _run(self, work: Callable[..., T], *arguments: bytes | str) -> T:
        if self._waiting >= MOST_WAITING:
            raise UnavailableError("Too many logins at once.", code="busy", retry_after=2)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Stop the threads; queued work is dropped."""
        self._pool.shutdown(wait=False, cancel_futures=True)
