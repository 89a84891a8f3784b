"""Generated secrets: made once, kept in a private directory, never in DATA_DIR."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from common.errors import SettingError


class KeyRing:
    """One file per secret (mode 0600) in a directory of mode 0700.

    Args:
        setting: the setting that names the directory, for error messages.
    """

    def __init__(self, directory: Path, *, setting: str = "KEYS_DIR") -> None:
        self.directory = directory.resolve()
        self._setting = setting
        try:
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.directory.chmod(0o700)
        except OSError as error:
            raise SettingError(setting, f"cannot use {directory}: {error.strerror}") from error

    def stored(self, name: str) -> str | None:
        """The stored secret of this name; None when there is none."""
        path = self.directory / name
        return path.read_text(encoding="utf-8").strip() if path.exists() else None

    def secret(self, name: str) -> str:
        """The stored secret of this name, made (256 random bits) when there is none."""
        if (value := self.stored(name)) is not None:
            return value
        value = secrets.token_urlsafe(32)
        self.write(name, value)
        return value

    def write(self, name: str, content: str) -> Path:
        """Store a private file whole or not at all."""
        path = self.directory / name
        partial = path.with_name(f"{name}.partial")
        try:
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            partial.rename(path)
        except OSError as error:
            raise SettingError(self._setting, f"cannot write {path}: {error.strerror}") from error
        return path
