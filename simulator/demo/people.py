"""Derives Telegram users from the user names of the demo data."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass

from simulator.telegram.world import SimUser

FIRST_ID = 1_000_000_000
IDS = 2**45
MAX_NAME = 64

# Language codes and their share of users; Telegram does not always state one.
_LANGUAGES = (
    ("en", 52),
    ("ru", 16),
    ("de", 9),
    ("es", 8),
    ("pt-br", 5),
    ("fr", 4),
    ("it", 2),
    (None, 4),
)
# Deep link payloads and their share.
_SOURCES = (("github", 10), ("habr", 8), ("friend", 6), ("ad_autumn", 5), ("", 71))


@dataclass(frozen=True, slots=True)
class DemoUser:
    """A user of the demo data."""

    person: SimUser
    source: str | None
    """Payload of their first /start, if any."""


def demo_user(user: str) -> DemoUser:
    """The user with a name; deterministic."""
    digest = hashlib.sha256(f"person:{user}".encode("utf-8", "surrogatepass")).digest()
    chance = random.Random(digest)
    (language,) = chance.choices(
        [code for code, _ in _LANGUAGES], weights=[share for _, share in _LANGUAGES]
    )
    (source,) = chance.choices(
        [payload for payload, _ in _SOURCES], weights=[share for _, share in _SOURCES]
    )
    return DemoUser(
        person=SimUser(
            id=FIRST_ID + int.from_bytes(digest[:8]) % IDS,
            first_name=user[:MAX_NAME],
            username=user.lower() if user.isascii() and user.isalnum() else None,
            language_code=language,
        ),
        source=source or None,
    )
