"""`make backup`, `restore` and `backup-check`: their steps, in order, and their refusals.

A ClickHouse that is a server of its own is left out: the pipelines fill an empty one again.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from common.errors import SettingError
from embedded.backup.archive import (
    CLICKHOUSE_ARCHIVE,
    FORMAT,
    POSTGRES_DUMPS,
    Contents,
    Manifest,
    checksums,
    new_archive,
    newest,
    open_archive,
    write_manifest,
)
from embedded.backup.clickhouse import ClickHouse
from embedded.backup.encryption import Files, files_of, new_files
from embedded.backup.keys import (
    copy_keys,
    existing_data_key,
    fingerprint,
    keys_beside,
    refuse_unreadable,
    take_missing_keys,
)
from embedded.backup.postgres import Postgres, pipelines_locked_out
from embedded.backup.restoring import (
    STORES,
    addresses,
    addresses_of_killed_restore,
    clean_up_failed_restore,
    empty,
    is_running,
)
from embedded.stack.lifecycle import Progress, Stack
from embedded.stack.plan import Plan
from embedded.stack.smoke import isolated_plan
from pipelines.settings import LAST_BACKUP

CLICKHOUSE = "clickhouse"


@dataclass(frozen=True, kw_only=True)
class BackupCheck:
    """The JSON line that `make backup-check` prints."""

    backup: str
    created_at: str
    age_seconds: int
    tables: int
    """Number of compared tables; 0 for a backup of format 1, which has no counts."""
    differ: tuple[str, ...]
    """Tables whose rows differ from the backup."""
    ok: bool


def back_up(plan: Plan, out: Path, *, keys: Path | None = None, progress: Progress) -> None:
    """Copy both stores, running or not, and the keys into `keys` when it is given.

    Raises:
        SettingError: OUT or KEYS exists or cannot be written; DATA_DIR holds no data.
    """
    if not _holds_its_stores(plan):
        raise SettingError("DATA_DIR", f"{plan.data} holds no data")
    if keys is not None and (keys.exists() or keys.is_relative_to(out)):
        raise SettingError("KEYS", f"{keys} exists or is in the backup; choose another directory")
    postgres, clickhouse = _databases(plan), _clickhouse(plan)
    with new_archive(out) as archive, _running(plan, progress):
        files = new_files(archive, _passphrase(plan))
        contents = {}
        # First: what PostgreSQL has beyond it is replicated again after a restore.
        if clickhouse is None:
            progress.say("ClickHouse is a server of its own: PostgreSQL is enough to fill it again")
        else:
            progress.say("Copying ClickHouse")
            contents[CLICKHOUSE] = asyncio.run(_dump_clickhouse(plan, clickhouse, archive, files))
        progress.say("Copying PostgreSQL")
        for database, name in POSTGRES_DUMPS.items():
            write = partial(files.write, path=archive / files.name(name))
            contents[database] = postgres[database].dump(write)
        write_manifest(
            archive,
            Manifest(
                format=FORMAT,
                created_at=datetime.now(UTC).isoformat(timespec="seconds"),
                data_key_fingerprint=fingerprint(plan.secret("data_key")),
                postgres_version=postgres["dialytics"].version(),
                clickhouse_version=clickhouse.version() if clickhouse else None,
                sha256=checksums(archive),
                contents=contents,
                roles=sorted({role for database in postgres.values() for role in database.roles()}),
            ),
        )
    (plan.data / LAST_BACKUP).touch()
    if keys is not None:
        copy_keys(plan, keys)
    where = keys or plan.keys.directory
    progress.say(f"Backed up to {out}; its keys are in {where}: keep a copy of them apart")


async def _dump_clickhouse(
    plan: Plan, clickhouse: ClickHouse, archive: Path, files: Files
) -> Contents:
    write = partial(files.write, path=archive / files.name(CLICKHOUSE_ARCHIVE))
    async with pipelines_locked_out(plan.database_url()):
        return await asyncio.to_thread(clickhouse.dump, CLICKHOUSE_ARCHIVE, write)


def restore(
    plan: Plan, archive: Path, *, keys: Path | None = None, progress: Progress
) -> list[str]:
    """Fill an empty data directory from a backup. Returns the tables that differ from it.

    Leftovers of a restore that was killed are removed first.

    Raises:
        SettingError: FROM is no backup; DATA_DIR or a database holds data; DATA_KEY is another one
            or absent; BACKUP_PASSPHRASE does not open it.
        StartupError: the backup is damaged.
    """
    manifest = open_archive(archive)
    postgres = _databases(plan)
    left = addresses_of_killed_restore(plan)
    if left is None and any((plan.data / name).exists() for name in STORES):
        raise SettingError("DATA_DIR", f"{plan.data} holds data; restore into an empty directory")
    keys = keys or keys_beside(archive)
    data_key = existing_data_key(plan, keys)
    if fingerprint(data_key) != manifest.data_key_fingerprint:
        raise SettingError(
            "DATA_KEY",
            f"is not the one that this backup was made with; put that key into"
            f" {plan.keys.directory / 'data_key'}",
        )
    files = files_of(archive, _passphrase(plan))
    if plan.postgres is None and left != addresses(postgres):
        for database in postgres.values():
            if not database.is_empty():
                raise SettingError(
                    database.setting, "names a database that holds data; restore into a new one"
                )
    found: dict[str, Contents] = {}
    with clean_up_failed_restore(plan, postgres):
        if left is not None:
            empty(plan, postgres)
        take_missing_keys(plan, keys)
        clickhouse = _clickhouse(plan)
        with Stack(plan, progress=progress, restores=True) as stack:
            progress.say("Restoring PostgreSQL")
            postgres["dialytics"].make_roles(manifest.roles)
            for name, database in postgres.items():
                dump = archive / files.name(POSTGRES_DUMPS[name])
                found[name] = database.restore(partial(files.read, dump))
            postgres["dialytics"].make_versions_current()
            refuse_unreadable(postgres["dialytics"].newest_keys(), data_key)
            if clickhouse is not None and manifest.clickhouse_version is not None:
                progress.say("Restoring ClickHouse")
                read = partial(files.read, archive / files.name(CLICKHOUSE_ARCHIVE))
                found[CLICKHOUSE] = clickhouse.restore(CLICKHOUSE_ARCHIVE, read)
            progress.say("Migrating what an older version wrote")
            stack.prepare_databases()
            stack.bind_values()
    progress.say("Restored; the pipelines will copy the ledger anew under a new epoch")
    return _different(manifest.contents, found)


def check(plan: Plan, source: Path, *, keys: Path | None = None, progress: Progress) -> BackupCheck:
    """Restore the newest backup of a directory into a throw-away place and compare the rows.

    Raises:
        SettingError: FROM holds no backup; DATA_KEY or BACKUP_PASSPHRASE does not open it.
        StartupError: it cannot be restored.
    """
    archive = newest(source)
    manifest = open_archive(archive)
    data_key = existing_data_key(plan, keys or keys_beside(archive))
    progress.say(f"Restoring {archive} into a temporary directory")
    with tempfile.TemporaryDirectory(prefix="dialytics-") as directory:
        isolated = isolated_plan(Path(directory))
        isolated.keys.write("data_key", data_key)
        settings = isolated.settings.model_copy(
            update={"backup_passphrase": plan.settings.backup_passphrase}
        )
        differ = restore(
            replace(isolated, settings=settings, simulated=False), archive, progress=progress
        )
    age = datetime.now(UTC) - datetime.fromisoformat(manifest.created_at)
    tables = sum(len(tables) for tables in manifest.contents.values())
    return BackupCheck(
        backup=str(archive),
        created_at=manifest.created_at,
        age_seconds=int(age.total_seconds()),
        tables=tables,
        differ=tuple(differ),
        ok=bool(tables) and not differ,
    )


def _different(expected: Mapping[str, Contents], found: Mapping[str, Contents]) -> list[str]:
    """Tables, as `database.table`; those of a store that was not restored are not compared."""
    return [
        f"{database}.{table}"
        for database, tables in expected.items()
        if database in found
        for table in sorted({*tables, *found[database]})
        if found[database].get(table) != tables.get(table)
    ]


def _passphrase(plan: Plan) -> str | None:
    given = plan.settings.backup_passphrase
    return given.get_secret_value() if given else None


def _databases(plan: Plan) -> dict[str, Postgres]:
    return {
        "dialytics": Postgres(plan.database_url(), setting="DATABASE_URL"),
        "dagster": Postgres(plan.dagster_database_url(), setting="DAGSTER_DATABASE_URL"),
    }


def _clickhouse(plan: Plan) -> ClickHouse | None:
    if not plan.has_embedded_clickhouse:
        return None
    return ClickHouse(plan.clickhouse_url("writer"), directory=plan.data / "clickhouse")


def _holds_its_stores(plan: Plan) -> bool:
    """Whether every embedded store has ever run in the data directory."""
    return (plan.postgres is None or (plan.data / "postgres" / "data").exists()) and (
        not plan.has_embedded_clickhouse or (plan.data / "clickhouse").exists()
    )


@contextmanager
def _running(plan: Plan, progress: Progress) -> Iterator[None]:
    """The stores run inside: those of a running stack, else started for this."""
    if is_running(plan.data):
        yield
        return
    with Stack(plan, progress=progress):
        yield
