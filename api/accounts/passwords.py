"""Hashes and checks passwords in threads.

bcrypt is slow on purpose and releases the interpreter lock, so a small pool of threads keeps the
event loop free. `bcrypt_sha256` digests first: passwords may be long and use any alphabet.
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

from api.errors import RefusedError, ServiceUnavailableError

T = TypeVar("T")

MIN_PASSWORD_LENGTH = 10
MAX_PASSWORD_BYTES = 1024
MAX_WAITING = 64
HASHING_NICENESS = 10
# 30,000 passwords from leaks, the most common first.
COMMON = frozenset(FREQUENCY_LISTS["passwords"])
MAX_DECORATION = 6
"""A common password with up to this many characters around it still counts as common."""
_AROUND_A_WORD = re.compile(r"^[\W\d_]+|[\W\d_]+$")
_REPEATED = re.compile(r"(.+?)\1+", re.DOTALL)

# passlib looks for a version attribute that bcrypt dropped, and warns once.
logging.getLogger("passlib.handlers.bcrypt").setLevel(logging.ERROR)


def as_bytes(password: str) -> bytes:
    """The password in composed Unicode (NFKC), as UTF-8. Accepts any Python string."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


def check_policy(password: str, *, username: str) -> None:
    """Refuse passwords that are easy to guess.

    Raises:
        RefusedError: its message names the rule.
    """
    problem = None
    if len(password) < MIN_PASSWORD_LENGTH:
        problem = f"at least {MIN_PASSWORD_LENGTH} characters"
    elif len(as_bytes(password)) > MAX_PASSWORD_BYTES:
        problem = f"at most {MAX_PASSWORD_BYTES} bytes"
    elif username.casefold() in password.casefold():
        problem = "must not contain the username"
    elif len(set(password)) < MIN_PASSWORD_LENGTH // 2 or _is_common(password):
        problem = "too easy to guess"
    if problem:
        raise RefusedError(f"Password: {problem}.", code="weak_password")


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


def _lower_priority() -> None:
    # The event loop has priority on a busy machine. In Linux each thread has its own niceness.
    if sys.platform == "linux":
        thread = threading.get_native_id()
        # A process that is nicer already may not become less nice.
        niceness = max(HASHING_NICENESS, os.getpriority(os.PRIO_PROCESS, thread))
        os.setpriority(os.PRIO_PROCESS, thread, niceness)


class PasswordHasher:
    """Hashes passwords in a pool of threads.

    Args:
        cost: bcrypt cost of new hashes; others are replaced at the next login.
        threads: how many hashes may run at once.
    """

    def __init__(self, *, cost: int, threads: int) -> None:
        self._context = CryptContext(schemes=["bcrypt_sha256"], bcrypt_sha256__rounds=cost)
        self._pool = ThreadPoolExecutor(
            threads, thread_name_prefix="password", initializer=_lower_priority
        )
        self._waiting = 0
        self._dummy_hash = self._context.hash(secrets.token_bytes(16))

    async def hash(self, password: str) -> str:
        """A salted hash; it includes its parameters."""
        hashed: str = await self._run(self._context.hash, as_bytes(password))
        return hashed

    async def verify(self, password: str, stored: str | None) -> bool:
        """Whether the password matches the stored hash.

        Without a stored hash it is False, and takes the same time.
        """
        secret = as_bytes(password)
        if len(secret) > MAX_PASSWORD_BYTES:
            secret, stored = secret[:MAX_PASSWORD_BYTES], None
        is_match = await self._run(self._context.verify, secret, stored or self._dummy_hash)
        return bool(is_match) and stored is not None

    def is_outdated(self, stored: str) -> bool:
        """Whether the hash was made with other parameters than new hashes get."""
        return bool(self._context.needs_update(stored))

    async def _run(self, work: Callable[..., T], *arguments: bytes | str) -> T:
        if self._waiting >= MAX_WAITING:
            raise ServiceUnavailableError("Too many logins at once.", code="busy", retry_after=2)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Stop the threads. Queued work is dropped."""
        self._pool.shutdown(wait=False, cancel_futures=True)
