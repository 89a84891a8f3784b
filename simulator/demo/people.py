"""Who stands behind a user name of the demo data. Knows neither the wire nor a table."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass

from simulator.telegram.world import Person

FIRST_ID = 1_000_000_000
IDS = 2**45
LONGEST_NAME = 64

# A language code and its share of people; Telegram does not always state one.
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
# Payload of the link that brought them, and its share.
_SOURCES = (("github", 10), ("habr", 8), ("friend", 6), ("ad_autumn", 5), ("", 71))


@dataclass(frozen=True, slots=True)
class Member:
    """A person of the demo data."""

    person: Person
    source: str | None
    """Payload of their first /start; None when they found the bot themselves."""


def member(user: str) -> Member:
    """The person behind a name: always the same one."""
    digest = hashlib.sha256(f"person:{user}".encode("utf-8", "surrogatepass")).digest()
    chance = random.Random(digest)
    (language,) = chance.choices(
        [code for code, _ in _LANGUAGES], weights=[share for _, share in _LANGUAGES]
    )
    (source,) = chance.choices(
        [payload for payload, _ in _SOURCES], weights=[share for _, share in _SOURCES]
    )
    return Member(
        person=Person(
            id=FIRST_ID + int.from_bytes(digest[:8]) % IDS,
            first_name=user[:LONGEST_NAME],
            username=user.lower() if user.isascii() and user.isalnum() else None,
            language_code=language,
        ),
        source=source or None,
    )
