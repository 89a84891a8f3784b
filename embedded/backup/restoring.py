"""Cleans up after a restore that failed, and marks one that was killed."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from common.errors import SettingError
from embedded.backup.postgres import Postgres
from embedded.stack.lifecycle import UNFINISHED_RESTORE
from embedded.stack.plan import Plan

STORES = ("postgres", "clickhouse")
"""Their directories in the data directory."""


@contextmanager
def clean_up_failed_restore(plan: Plan, postgres: Mapping[str, Postgres]) -> Iterator[None]:
    """Remove all that a failed restore made, keys included: a second try starts clean.

    One that is killed removes nothing: the file that it leaves tells the next start.
    """
    before = set(plan.keys.directory.iterdir())
    unfinished = plan.data / UNFINISHED_RESTORE
    try:
        plan.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        unfinished.write_text(addresses(postgres), encoding="utf-8")
    except OSError as error:
        raise SettingError("DATA_DIR", f"cannot write to {plan.data}: {error.strerror}") from error
    try:
        yield
    except BaseException:
        for path in set(plan.keys.directory.iterdir()) - before:
            path.unlink()
        empty(plan, postgres)
        unfinished.unlink()
        raise
    unfinished.unlink()


def empty(plan: Plan, postgres: Mapping[str, Postgres]) -> None:
    for name in STORES:
        shutil.rmtree(plan.data / name, ignore_errors=True)
    if plan.postgres is None:
        for database in postgres.values():
            database.empty()


def addresses_of_killed_restore(plan: Plan) -> str | None:
    """Addresses that the killed restore wrote to; None where there was none.

    Raises:
        SettingError: it still runs.
    """
    unfinished = plan.data / UNFINISHED_RESTORE
    if not unfinished.exists():
        return None
    if is_running(plan.data):
        raise SettingError("DATA_DIR", f"{plan.data} is being restored")
    return unfinished.read_text(encoding="utf-8")


def addresses(postgres: Mapping[str, Postgres]) -> str:
    return "".join(f"{database.address}\n" for database in postgres.values())


def is_running(data: Path) -> bool:
    try:
        with (data / "stack.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError as error:
        raise SettingError("DATA_DIR", f"cannot use {data}: {error.strerror}") from error
    return False
