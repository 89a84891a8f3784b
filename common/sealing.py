"""Texts at rest are sealed with a key per person, and that key is wrapped by the data key.

Destroying a person's row destroys the wrapped key, so every copy of the texts (heap, WAL,
backups) becomes unreadable at once. Identifiers are looked up by HMAC, never stored in clear.

A data key can be replaced: its successor carries the key of the HMACs along, because most
identifiers are nowhere to make them anew from, and opens nothing that its predecessor wrapped.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from common.errors import DialyticsError

NONCE_BYTES = 12
KEY_BYTES = 32
# A data key that followed another: a secret of its own, and the key of the HMACs.
_SUCCESSOR = re.compile(r"rotated\.[A-Za-z0-9_-]{43}\.(?P<lookup>[A-Za-z0-9_-]{43})")


class UnreadableError(DialyticsError):
    """Sealed bytes cannot be opened: another data key, another person's key, or damage."""


class Sealer:
    """Seals and opens bytes under one 256-bit key (AES-GCM; nonce, then ciphertext and tag).

    Args:
        also: other keys whose bytes are opened too; nothing is sealed with them.
    """

    def __init__(self, key: bytes, *, also: Iterable[bytes] = ()) -> None:
        self._cipher = AESGCM(key)
        self._ciphers = [self._cipher, *map(AESGCM, also)]

    def seal(self, plain: bytes, *, context: bytes = b"") -> bytes:
        """Encrypt. `context` must be given again to open; it is not stored."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, context)

    def open(self, sealed: bytes, *, context: bytes = b"") -> bytes:
        """Decrypt.

        Raises:
            UnreadableError: wrong key, wrong context or damaged bytes.
        """
        cause: Exception | None = None
        for cipher in self._ciphers:
            try:
                return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context)
            except (InvalidTag, ValueError) as error:
                cause = error
        raise UnreadableError("sealed bytes cannot be opened with this key") from cause

    def resealed(self, sealed: bytes) -> bytes | None:
        """The same under the first key; None when it is already.

        Raises:
            UnreadableError: no key opens it.
        """
        try:
            self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], b"")
        except (InvalidTag, ValueError):
            return self.seal(self.open(sealed))
        return None

    def seal_text(self, text: str) -> bytes:
        """Encrypt any Python string, lone surrogates and NUL included."""
        return self.seal(text.encode("utf-8", "surrogatepass"))

    def open_text(self, sealed: bytes) -> str:
        """The string given to `seal_text`."""
        return self.open(sealed).decode("utf-8", "surrogatepass")


class Vault:
    """What DATA_KEY opens: people's keys, the installation's own sealer, identifier HMACs.

    Args:
        second: another data key that opens what it wrapped, while keys are replaced.
    """

    def __init__(self, data_key: str, *, second: str | None = None) -> None:
        secret = data_key.encode()
        others = [second.encode()] if second else []
        self._wrapper = Sealer(
            _derive(secret, b"wrap"), also=[_derive(other, b"wrap") for other in others]
        )
        self._lookup_key = _lookup_key(data_key)
        self.installation = Sealer(
            _derive(secret, b"installation"),
            also=[_derive(other, b"installation") for other in others],
        )
        """Seals what belongs to no person (updates without a sender)."""
        self.fingerprint = hmac.digest(_derive(secret, b"fingerprint"), b"", hashlib.sha256)
        """Tells two data keys apart without telling anything about them."""

    def new_person(self) -> tuple[Sealer, bytes]:
        """A fresh person's sealer and its wrapped key, to be stored beside the person."""
        key = os.urandom(KEY_BYTES)
        return Sealer(key), self._wrapper.seal(key)

    def person(self, wrapped_key: bytes) -> Sealer:
        """The sealer of a stored person.

        Raises:
            UnreadableError: DATA_KEY is not the one that wrapped this key.
        """
        return Sealer(self._wrapper.open(wrapped_key))

    def rewrapped(self, wrapped_key: bytes) -> bytes | None:
        """A person's key, wrapped by the first data key; None when it is already.

        Raises:
            UnreadableError: neither data key wrapped it.
        """
        return self._wrapper.resealed(wrapped_key)

    def lookup(self, kind: str, identifier: int) -> bytes:
        """A 32-byte stand-in for an identifier: equal for equal, useless without DATA_KEY."""
        return hmac.digest(self._lookup_key, f"{kind}:{identifier}".encode(), hashlib.sha256)


def next_data_key(data_key: str) -> str:
    """A new data key that finds the same people as the given one, and opens none of their texts."""
    lookup = urlsafe_b64encode(_lookup_key(data_key)).rstrip(b"=").decode()
    return f"rotated.{secrets.token_urlsafe(KEY_BYTES)}.{lookup}"


def _lookup_key(data_key: str) -> bytes:
    successor = _SUCCESSOR.fullmatch(data_key)
    if successor:
        return urlsafe_b64decode(f"{successor['lookup']}=")
    return _derive(data_key.encode(), b"lookup")


def _derive(secret: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=b"dialytics", info=purpose).derive(
        secret
    )
