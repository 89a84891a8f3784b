"""Encrypts the files of a backup in the age format, if there is a passphrase.

Each backup has a key of its own, stored in it under the passphrase. Without this program:
`age --decrypt --identity key.age --output FILE FILE.age`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

import pyrage

from common.errors import SettingError, StartupError

KEY = "key.age"
SUFFIX = ".age"
PASSPHRASE = "BACKUP_PASSPHRASE"  # noqa: S105 # the name of the setting


class Files(Protocol):
    """Writes and reads the files of one backup."""

    def name(self, name: str) -> str:
        """The name of a file on disk."""

    def write(self, source: IO[bytes], path: Path) -> None:
        """Store everything that `source` yields.

        Raises:
            SettingError: it cannot be stored, naming OUT.
        """

    def read(self, path: Path, target: IO[bytes]) -> None:
        """Pass on what was stored."""


class PlainFiles:
    """Files as they are."""

    def name(self, name: str) -> str:
        return name

    def write(self, source: IO[bytes], path: Path) -> None:
        with _storing(path) as file:
            shutil.copyfileobj(source, file)

    def read(self, path: Path, target: IO[bytes]) -> None:
        with path.open("rb") as file:
            shutil.copyfileobj(file, target)


class EncryptedFiles:
    """Files that only the passphrase opens."""

    def __init__(self, identity: pyrage.x25519.Identity) -> None:
        self._identity = identity

    def name(self, name: str) -> str:
        return name + SUFFIX

    def write(self, source: IO[bytes], path: Path) -> None:
        with _storing(path) as file:
            pyrage.encrypt_io(source, file, [self._identity.to_public()])

    def read(self, path: Path, target: IO[bytes]) -> None:
        with path.open("rb") as file:
            pyrage.decrypt_io(file, target, [self._identity])


def new_files(directory: Path, passphrase: str | None) -> Files:
    """How the files of a new backup are written."""
    if passphrase is None:
        return PlainFiles()
    identity = pyrage.x25519.Identity.generate()
    (directory / KEY).write_bytes(pyrage.passphrase.encrypt(str(identity).encode(), passphrase))
    return EncryptedFiles(identity)


def files_of(directory: Path, passphrase: str | None) -> Files:
    """How the files of a backup are read.

    Raises:
        SettingError: it is encrypted, and BACKUP_PASSPHRASE is not set or another one.
        StartupError: its key is damaged.
    """
    path = directory / KEY
    if not path.exists():
        return PlainFiles()
    if passphrase is None:
        raise SettingError(PASSPHRASE, "is not set; this backup is encrypted")
    try:
        identity = pyrage.passphrase.decrypt(path.read_bytes(), passphrase).decode()
        return EncryptedFiles(pyrage.x25519.Identity.from_str(identity))
    except pyrage.DecryptError as error:
        raise SettingError(PASSPHRASE, "does not open this backup") from error
    except (pyrage.IdentityError, UnicodeDecodeError) as error:
        raise StartupError(f"{path} is damaged") from error


@contextmanager
def _storing(path: Path) -> Iterator[IO[bytes]]:
    try:
        with path.open("wb") as file:
            path.chmod(0o600)
            yield file
    except (OSError, pyrage.EncryptError) as error:
        raise SettingError("OUT", f"cannot write {path}: {error}") from error
