"""`make backup` and `make restore`: which parts, in which order, and what is refused.

Keys never enter a backup: they are copied beside it, into `<backup>.keys`, so that the two can be
stored apart. A backup without its data key holds no readable text.
"""

from __future__ import annotations

import asyncio
import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from common.errors import SettingError, StartupError
from common.sealing import OpeningPolicy, UnreadableError, Vault
from embedded.backup.archive import (
    CLICKHOUSE_ARCHIVE,
    FORMAT,
    POSTGRES_DUMPS,
    Manifest,
    checksums,
    new_archive,
    open_archive,
    write_manifest,
)
from embedded.backup.databases import ClickHouse, Postgres, pipelines_held
from embedded.postgres import EmbeddedPostgres
from embedded.stack.lifecycle import Progress, Stack
from embedded.stack.programs import Plan

# Passwords of the embedded ClickHouse are not among them: each data directory has its own.
KEYS = ("data_key", "admin_registration_token", "api_token_secret", "demo_password")
FINGERPRINT_BYTES = 8


def fingerprint(data_key: str) -> str:
    """Tells two data keys apart without telling anything about them."""
    return Vault(data_key).fingerprint[:FINGERPRINT_BYTES].hex()


def keys_beside(archive: Path) -> Path:
    return archive.with_name(f"{archive.name}.keys")


def back_up(plan: Plan, out: Path, *, progress: Progress) -> None:
    """Copy both stores, running or not, and the keys beside them.

    Raises:
        SettingError: OUT exists; a store is not the embedded one; DATA_DIR holds no data.
    """
    postgres, clickhouse = _stores(plan)
    if not (plan.data / "postgres" / "data").exists():
        raise SettingError("DATA_DIR", f"{plan.data} holds no data")
    if keys_beside(out).exists():
        raise SettingError("OUT", f"{keys_beside(out)} exists; choose another directory")
    with new_archive(out) as archive, _running(plan, progress):
        asyncio.run(_dump(plan, postgres, clickhouse, archive, progress))
        write_manifest(
            archive,
            Manifest(
                format=FORMAT,
                created_at=datetime.now(UTC).isoformat(timespec="seconds"),
                data_key_fingerprint=fingerprint(plan.secret("data_key")),
                postgres_version=postgres.version(),
                clickhouse_version=clickhouse.version(),
                sha256=checksums(archive),
            ),
        )
    keys = keys_beside(out)
    keys.mkdir(mode=0o700)
    for name in KEYS:
        if (plan.keys.directory / name).exists():
            shutil.copy2(plan.keys.directory / name, keys / name)
    progress.say(f"Backed up to {out}; keys are in {keys}: store them apart")


async def _dump(
    plan: Plan, postgres: Postgres, clickhouse: ClickHouse, archive: Path, progress: Progress
) -> None:
    # ClickHouse first: what PostgreSQL has beyond it is replicated again after a restore.
    async with pipelines_held(plan.database_url()):
        progress.say("Copying ClickHouse")
        await asyncio.to_thread(clickhouse.dump, archive / CLICKHOUSE_ARCHIVE)
    progress.say("Copying PostgreSQL")
    for database, name in POSTGRES_DUMPS.items():
        await asyncio.to_thread(postgres.dump, database, archive / name)


def restore(plan: Plan, archive: Path, *, progress: Progress) -> None:
    """Fill an empty data directory from a backup.

    Raises:
        SettingError: FROM is no backup; DATA_DIR holds data; DATA_KEY is another one.
        StartupError: the backup is damaged.
    """
    manifest = open_archive(archive)
    if (plan.data / "postgres").exists() or (plan.data / "clickhouse").exists():
        raise SettingError("DATA_DIR", f"{plan.data} holds data; restore into an empty directory")
    _restore_keys(plan, keys_beside(archive))
    data_key = plan.secret("data_key")
    if fingerprint(data_key) != manifest.data_key_fingerprint:
        raise SettingError(
            "DATA_KEY",
            f"is not the one that this backup was made with; put that key into"
            f" {plan.keys.directory / 'data_key'}",
        )
    postgres, clickhouse = _stores(plan)
    with _emptied_on_failure(plan.data), Stack(plan, progress=progress) as stack:
        progress.say("Restoring PostgreSQL")
        for database, name in POSTGRES_DUMPS.items():
            postgres.restore(database, archive / name)
        postgres.make_versions_current("dialytics")
        _refuse_unreadable(asyncio.run(postgres.newest_keys("dialytics")), data_key)
        progress.say("Restoring ClickHouse")
        clickhouse.restore(archive / CLICKHOUSE_ARCHIVE)
        progress.say("Migrating what an older version wrote")
        stack.prepare_databases()
        stack.bind_values()
    progress.say("Restored; the pipelines will copy the ledger anew under a new epoch")


@contextmanager
def _emptied_on_failure(data: Path) -> Iterator[None]:
    """What was restored in part is removed, so that it is not taken for a whole."""
    try:
        yield
    except BaseException:
        for name in ("postgres", "clickhouse"):
            shutil.rmtree(data / name, ignore_errors=True)
        raise


def _restore_keys(plan: Plan, keys: Path) -> None:
    for name in KEYS:
        if (keys / name).exists() and not (plan.keys.directory / name).exists():
            plan.keys.write(name, (keys / name).read_text(encoding="utf-8"))


def _refuse_unreadable(keys: list[tuple[bytes, bytes]], data_key: str) -> None:
    # The migrations come later: an older version bound its keys to nothing.
    vault = Vault(data_key, policy=OpeningPolicy(accepts_unbound=True))
    for wrapped_key, telegram_hmac in keys:
        with suppress(UnreadableError):
            vault.person(wrapped_key, telegram_hmac)
            return
    if keys:
        raise StartupError("DATA_KEY does not open the restored people's keys")


def _stores(plan: Plan) -> tuple[Postgres, ClickHouse]:
    if plan.postgres is None or not plan.has_embedded_clickhouse:
        name = "DATABASE_URL" if plan.postgres is None else "CLICKHOUSE_URL"
        raise SettingError(
            name,
            "names a server of its own; back it up as docs/guides/production-deployment.md says",
        )
    return (
        Postgres(EmbeddedPostgres(plan.data / "postgres")),
        ClickHouse(plan.clickhouse_url("writer"), directory=plan.data / "clickhouse"),
    )


@contextmanager
def _running(plan: Plan, progress: Progress) -> Iterator[None]:
    """The stores run inside: those of a running stack, else started for this."""
    if _is_running(plan.data):
        yield
        return
    with Stack(plan, progress=progress):
        yield


def _is_running(data: Path) -> bool:
    try:
        with (data / "stack.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError as error:
        raise SettingError("DATA_DIR", f"cannot use {data}: {error.strerror}") from error
    return False
