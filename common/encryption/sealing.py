"""Seals texts at rest with one key per user; that key is wrapped by the data key.

Deleting a user's row destroys the wrapped key, so that every copy of the texts (heap, WAL,
backups) becomes unreadable at once. Identifiers are looked up by HMAC, never stored in clear.

Every sealed value is bound to its column and row (common.encryption.bindings). Older, unbound
values are opened only until `python -m bot.users.key_rotation rewrap` has set the `sealing_marker`.

A data key can be replaced: its successor contains the HMAC key, because HMACs cannot be
recomputed from stored data, but opens nothing that its predecessor wrapped.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from common.encryption import bindings
from common.encryption.bindings import VERSION, Binding
from common.errors import DialyticsError
from common.log import get_logger

NONCE_BYTES = 12
KEY_BYTES = 32
# A successor of another data key: its own secret, and the HMAC key.
_SUCCESSOR = re.compile(r"rotated\.[A-Za-z0-9_-]{43}\.(?P<lookup>[A-Za-z0-9_-]{43})")


ACCEPTS_UNBOUND = "SELECT NOT EXISTS (SELECT FROM sealing_marker)"
"""SQL: whether unbound values are still opened."""

log = get_logger(__name__)


class UnreadableError(DialyticsError):
    """Sealed bytes cannot be opened: wrong key, wrong row, or damaged."""


def log_refusal(binding: Binding) -> None:
    """Log the column of a value that cannot be opened, without its owner."""
    log.error("sealed value refused", column=binding.column)


@dataclass
class OpeningPolicy:
    """How a vault and all its sealers open values; may be changed at any time."""

    accepts_unbound: bool = False
    """Whether unbound values are opened."""
    on_refusal: Callable[[Binding], None] = log_refusal


class Sealer:
    """Seals and opens bytes under one 256-bit key (AES-GCM).

    A sealed value is a version byte, a nonce, the ciphertext and a tag.

    Args:
        also: other keys that are tried for opening only.
    """

    def __init__(
        self, key: bytes, *, also: Iterable[bytes] = (), policy: OpeningPolicy | None = None
    ) -> None:
        self._cipher = AESGCM(key)
        self._ciphers = [self._cipher, *map(AESGCM, also)]
        self._policy = policy or OpeningPolicy()

    def seal(self, plain: bytes, binding: Binding) -> bytes:
        """Encrypt for one column of one row."""
        nonce = os.urandom(NONCE_BYTES)
        return VERSION + nonce + self._cipher.encrypt(nonce, plain, binding.associated_data)

    def open(self, sealed: bytes, binding: Binding) -> bytes:
        """Decrypt.

        Raises:
            UnreadableError: wrong key, wrong row or damaged bytes.
        """
        opened = _first_opened(self._ciphers, sealed, binding.associated_data)
        if opened is None and self._policy.accepts_unbound:
            opened = _first_opened(self._ciphers, sealed, None)
        if opened is None:
            self._policy.on_refusal(binding)
            raise UnreadableError(f"{binding.column}: another key, another row, or damage")
        return opened

    def reseal(self, sealed: bytes, binding: Binding) -> bytes | None:
        """Seal again with the first key, bound; None if it is already.

        Raises:
            UnreadableError: no key opens it.
        """
        if _first_opened([self._cipher], sealed, binding.associated_data) is not None:
            return None
        return self.seal(self.open(sealed, binding), binding)

    def seal_text(self, text: str, binding: Binding) -> bytes:
        """Encrypt any string, including lone surrogates and NUL."""
        return self.seal(text.encode("utf-8", "surrogatepass"), binding)

    def open_text(self, sealed: bytes, binding: Binding) -> str:
        """Decrypt to the string given to `seal_text`."""
        return self.open(sealed, binding).decode("utf-8", "surrogatepass")

    def open_text_or_none(self, sealed: bytes | None, binding: Binding) -> str | None:
        """The same; None if the text is missing or cannot be opened."""
        with contextlib.suppress(UnreadableError):
            return self.open_text(sealed, binding) if sealed else None
        return None


class Vault:
    """Derives from DATA_KEY: users' sealers, the installation's sealer, identifier HMACs.

    Args:
        second: another data key that is tried for opening, during a key rotation.
        policy: shared with every sealer of this vault.
    """

    def __init__(
        self, data_key: str, *, second: str | None = None, policy: OpeningPolicy | None = None
    ) -> None:
        secret = data_key.encode()
        others = [second.encode()] if second else []
        self.policy = policy or OpeningPolicy()
        self._wrapper = Sealer(
            _derive(secret, b"wrap"),
            also=[_derive(other, b"wrap") for other in others],
            policy=self.policy,
        )
        self._lookup_key = _lookup_key(data_key)
        self.installation = Sealer(
            _derive(secret, b"installation"),
            also=[_derive(other, b"installation") for other in others],
            policy=self.policy,
        )
        """Seals values without a user (updates without a sender)."""
        self.fingerprint = hmac.digest(_derive(secret, b"fingerprint"), b"", hashlib.sha256)
        """Identifies the data key without revealing it."""

    def new_user_key(self, telegram_hmac: bytes) -> tuple[Sealer, bytes]:
        """A new user's sealer, and the wrapped key to store with the user."""
        key = os.urandom(KEY_BYTES)
        wrapped = self._wrapper.seal(key, bindings.wrapped_key(telegram_hmac))
        return Sealer(key, policy=self.policy), wrapped

    def user_sealer(self, wrapped_key: bytes, telegram_hmac: bytes) -> Sealer:
        """The sealer of a stored user.

        Raises:
            UnreadableError: DATA_KEY did not wrap this key, or wrapped it for another user.
        """
        key = self._wrapper.open(wrapped_key, bindings.wrapped_key(telegram_hmac))
        return Sealer(key, policy=self.policy)

    def rewrap_key(self, wrapped_key: bytes, telegram_hmac: bytes) -> bytes | None:
        """Wrap a user's key with the first data key, bound; None if it is already.

        Raises:
            UnreadableError: no data key wrapped it, or it was wrapped for another user.
        """
        return self._wrapper.reseal(wrapped_key, bindings.wrapped_key(telegram_hmac))

    def lookup(self, kind: str, identifier: int) -> bytes:
        """The 32-byte HMAC of an identifier."""
        return hmac.digest(self._lookup_key, f"{kind}:{identifier}".encode(), hashlib.sha256)


def _first_opened(
    ciphers: Iterable[AESGCM], sealed: bytes, associated_data: bytes | None
) -> bytes | None:
    """Try all keys; without associated data, for the format before bindings."""
    start = 0
    if associated_data is not None:
        if not sealed.startswith(VERSION):
            return None
        start = len(VERSION)
    nonce, ciphertext = sealed[start : start + NONCE_BYTES], sealed[start + NONCE_BYTES :]
    for cipher in ciphers:
        with contextlib.suppress(InvalidTag, ValueError):
            return cipher.decrypt(nonce, ciphertext, associated_data)
    return None


def next_data_key(data_key: str) -> str:
    """A successor of a data key: finds the same users, but opens none of their texts."""
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
