"""Random secrets, and the digests under which they are stored.

The secrets are random and long, so that a fast digest is enough and the database can look it up:
how long a wrong one takes tells nothing about the right ones.
"""

from __future__ import annotations

import hashlib
import secrets


def new_secret(prefix: str) -> str:
    """A secret of 256 random bits after a prefix by which it is recognised."""
    return prefix + secrets.token_urlsafe(32)


def digest_of(secret: str) -> bytes:
    """The digest under which a secret is stored."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
