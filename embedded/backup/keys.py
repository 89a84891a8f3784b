"""Keys of backups: stored apart unless requested; each backup names its data key."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from common.encryption.sealing import OpeningPolicy, UnreadableError, Vault
from common.errors import SettingError, StartupError
from embedded.stack.plan import Plan

# Passwords of the embedded ClickHouse are not among them: each data directory has its own.
KEYS = ("data_key", "admin_registration_token", "api_token_secret", "demo_password")
FINGERPRINT_BYTES = 8


def fingerprint(data_key: str) -> str:
    """A hash that tells two data keys apart and reveals nothing about them."""
    return Vault(data_key).fingerprint[:FINGERPRINT_BYTES].hex()


def keys_beside(archive: Path) -> Path:
    """Where the keys of a backup of format 1 are."""
    return archive.with_name(f"{archive.name}.keys")


def existing_data_key(plan: Plan, keys: Path) -> str:
    """The data key that is set, stored, or in `keys`. None is made.

    Raises:
        SettingError: there is none.
    """
    if plan.settings.data_key:
        return plan.settings.data_key.get_secret_value()
    found = plan.keys.stored("data_key")
    if found is None and (keys / "data_key").exists():
        found = (keys / "data_key").read_text(encoding="utf-8").strip()
    if found is None:
        raise SettingError(
            "DATA_KEY",
            f"is absent: name the directory with the backup's keys (KEYS=...), or put its data_key"
            f" into {plan.keys.directory / 'data_key'}",
        )
    return found


def copy_keys(plan: Plan, keys: Path) -> None:
    """Copy the stored keys into a new directory that only its owner can read.

    Raises:
        SettingError: it cannot be written, naming KEYS.
    """
    try:
        keys.mkdir(parents=True, mode=0o700)
        for name in KEYS:
            if (plan.keys.directory / name).exists():
                shutil.copy(plan.keys.directory / name, keys / name)
                (keys / name).chmod(0o600)
    except OSError as error:
        raise SettingError("KEYS", f"cannot write to {keys}: {error.strerror}") from error


def take_missing_keys(plan: Plan, keys: Path) -> None:
    """Store those of the keys in `keys` that are not stored yet."""
    for name in KEYS:
        if (keys / name).exists() and plan.keys.stored(name) is None:
            plan.keys.write(name, (keys / name).read_text(encoding="utf-8"))


def refuse_unreadable(people: Sequence[tuple[bytes, bytes]], data_key: str) -> None:
    """Refuse a database whose people's keys (wrapped key, `telegram_hmac`) no data key opens.

    Raises:
        StartupError: `data_key` opens none of them.
    """
    # The migrations come later: an older version bound its keys to nothing.
    vault = Vault(data_key, policy=OpeningPolicy(accepts_unbound=True))
    for wrapped_key, telegram_hmac in people:
        with suppress(UnreadableError):
            vault.user_sealer(wrapped_key, telegram_hmac)
            return
    if people:
        raise StartupError("DATA_KEY does not open the restored people's keys")
