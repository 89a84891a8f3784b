"""A stack is backed up while it runs, restored elsewhere, and answers every report alike."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest

from common.encryption import bindings
from common.encryption.sealing import Vault
from common.errors import SettingError, StartupError
from embedded.backup.jobs import back_up, restore
from embedded.postgres import EmbeddedPostgres
from embedded.stack.keys import KeyRing
from embedded.stack.lifecycle import Progress, Stack
from embedded.stack.plan import PROJECT, Plan
from tests.embedded.backup.stacks import (
    NOW,
    SECRET_TEXT,
    TURNS,
    answers,
    command_line,
    cycle,
    fill,
    stopped_plan,
    unbind,
)
from tests.embedded.constants import PASSPHRASE
from tests.pipelines.ledger import Ledger, turn
from tests.running import left_running, mentioning

# Privileges of every role except the owner.
RIGHTS = """
SELECT oid::regclass::text, pg_get_userbyid(given.grantee), given.privilege_type
FROM pg_class, aclexplode(relacl) AS given
WHERE relnamespace = 'public'::regnamespace AND given.grantee <> relowner
UNION ALL
SELECT oid::regprocedure::text, given.grantee::text, given.privilege_type
FROM pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner))) AS given
WHERE pronamespace = 'public'::regnamespace AND given.grantee <> proowner
"""
MADE = """
SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
UNION ALL SELECT typname FROM pg_type WHERE typnamespace = 'public'::regnamespace
"""
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]


def keys_of(archive: Path) -> Path:
    """Where the keys of the backup were copied."""
    return archive.with_name("copied")


def other_keys(directory: Path) -> Path:
    """Those of another installation."""
    (directory / "other").mkdir()
    (directory / "other" / "data_key").write_text("x" * 43, encoding="utf-8")
    return directory / "other"


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, Path, dict[str, Any]]:
    """A plan whose stack was backed up while it ran, the backup, and its answers before."""
    directory = tmp_path_factory.mktemp("o")
    plan = stopped_plan(directory, backup_passphrase=PASSPHRASE)
    progress = Progress()
    with Stack(plan, progress=progress):
        fill(plan)
        cycle(plan)
        _, before = asyncio.run(answers(plan))
        asyncio.run(unbind(plan))
        back_up(plan, directory / "copy", keys=directory / "copied", progress=progress)
    return plan, directory / "copy", before


def test_after_a_restore_every_report_answers_alike_and_replication_goes_on(
    copied: tuple[Plan, Path, dict[str, Any]], tmp_path: Path
) -> None:
    _, archive, before = copied
    assert before["summary"].current.turns == TURNS
    plan = stopped_plan(tmp_path, backup_passphrase=PASSPHRASE)
    # A first try without keys names what is missing, and leaves nothing that stops the second.
    with pytest.raises(SettingError, match=r"^DATA_KEY: is absent"):
        restore(plan, archive, progress=Progress())
    with pytest.raises(SettingError, match=r"^DATA_KEY: is not the one"):
        restore(plan, archive, keys=other_keys(tmp_path), progress=Progress())
    for given, said in (({}, "is not set"), ({"backup_passphrase": "x" * 12}, "does not open")):
        with pytest.raises(SettingError, match=f"^BACKUP_PASSPHRASE: {said}"):
            restore(
                stopped_plan(tmp_path, **given),
                archive,
                keys=keys_of(archive),
                progress=Progress(),
            )
    assert list(plan.keys.directory.iterdir()) == []
    assert restore(plan, archive, keys=keys_of(archive), progress=Progress()) == []
    with Stack(plan, progress=Progress()):
        old, restored = asyncio.run(answers(plan))
        assert restored == before
        with Ledger(plan.database_url()) as ledger:
            profile = ledger._connection.execute(
                "SELECT telegram_hmac, wrapped_key, sealed_profile FROM users"
            ).fetchone()
            assert profile is not None
            telegram_hmac = profile["telegram_hmac"]
            sealer = Vault(plan.secret("data_key")).user_sealer(
                profile["wrapped_key"], telegram_hmac
            )
            binding = bindings.profile(telegram_hmac)
            assert SECRET_TEXT in sealer.open_text(profile["sealed_profile"], binding)
            marked = ledger._connection.execute("SELECT FROM sealing_marker").fetchall()
            assert len(marked) == 1
            cycle(plan)
            new, copied_again = asyncio.run(answers(plan))
            assert new.epoch > old.epoch
            assert copied_again == before
            ledger.add(turn(user=31, at=NOW))
        cycle(plan)
        latest, counted = asyncio.run(answers(plan))
        assert latest.epoch == new.epoch
        assert counted["summary"].current.turns == TURNS + 1


def test_the_newest_backup_is_restored_elsewhere_and_its_rows_are_compared(
    copied: tuple[Plan, Path, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, archive, _ = copied
    for name, year in (("older", 2025), ("newer", 2026)):
        shutil.copytree(archive, tmp_path / name)
        manifest = json.loads((archive / "manifest.json").read_text(encoding="utf-8"))
        manifest["created_at"] = f"{year}-01-01T00:00:00+00:00"
        assert manifest["contents"]["dialytics"]["turns"].split()[0] == str(TURNS)
        assert manifest["contents"]["clickhouse"]["turns"].split()[0] == str(TURNS)
        # As if one row had been lost on the way.
        manifest["contents"]["clickhouse"]["turns"] = f"{TURNS + 1} 1"
        (tmp_path / name / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    monkeypatch.setenv("DATA_DIR", str(plan.data))
    monkeypatch.setenv("KEYS_DIR", str(plan.keys.directory))
    monkeypatch.setenv("BACKUP_PASSPHRASE", PASSPHRASE)
    outcome = command_line("embedded.backup", "check", str(tmp_path))
    assert outcome.returncode == 1, outcome.stderr
    result = json.loads(outcome.stdout.splitlines()[-1])
    assert (result["backup"], result["ok"]) == (str(tmp_path / "newer"), False)
    # Every other table of both stores was compared and is the same.
    assert result["differ"] == ["clickhouse.turns"]
    assert result["tables"] >= 25


def test_an_external_postgresql_is_backed_up_and_restored_into_an_empty_one(
    postgres_server: EmbeddedPostgres, tmp_path: Path
) -> None:
    urls = [postgres_server.url(f"test_{uuid4().hex}") for _ in range(4)]
    asyncio.run(postgres_server.ensure_databases(*(urlsplit(url).path[1:] for url in urls)))
    full = {"database_url": urls[0], "dagster_database_url": urls[1]}
    plan = stopped_plan(tmp_path / "a", **full)
    reader = f"reader_{uuid4().hex}"
    with Stack(plan, progress=Progress()):
        fill(plan)
        cycle(plan)
        asyncio.run(unbind(plan))
        with psycopg.connect(urls[0], autocommit=True) as connection:
            # A role of the operator's own, which another server does not have.
            connection.execute(f"CREATE ROLE {reader}")
            connection.execute(f"GRANT SELECT ON turns TO {reader}")
        back_up(plan, tmp_path / "copy", progress=Progress())
    # KEYS was not given.
    assert {path.name for path in tmp_path.iterdir()} == {"a", "copy"}
    key = {"data_key": plan.secret("data_key")}
    with pytest.raises(SettingError, match=r"^DATABASE_URL: names a database that holds data"):
        restore(stopped_plan(tmp_path / "b", **full, **key), tmp_path / "copy", progress=Progress())
    empty = {"database_url": urls[2], "dagster_database_url": urls[3]}
    with psycopg.connect(urls[0], autocommit=True) as connection:
        connection.execute(f"DROP OWNED BY {reader}")
        connection.execute(f"DROP ROLE {reader}")
        owned = connection.execute(RIGHTS).fetchall()
    target = stopped_plan(tmp_path / "c", **empty, **key)
    assert restore(target, tmp_path / "copy", progress=Progress()) == []
    with psycopg.connect(urls[2], autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM turns").fetchall() == [(TURNS,)]
        found = connection.execute(RIGHTS).fetchall()
        assert set(owned) < set(found)
        assert [right for right in found if right[1] == reader] == [("turns", reader, "SELECT")]
        connection.execute(f"DROP OWNED BY {reader}")
        connection.execute(f"DROP ROLE {reader}")


def test_a_restore_that_fails_leaves_an_external_database_empty(
    copied: tuple[Plan, Path, dict[str, Any]], postgres_server: EmbeddedPostgres, tmp_path: Path
) -> None:
    urls = [postgres_server.url(f"test_{uuid4().hex}") for _ in range(2)]
    asyncio.run(postgres_server.ensure_databases(*(urlsplit(url).path[1:] for url in urls)))
    plan = stopped_plan(
        tmp_path / "new",
        database_url=urls[0],
        dagster_database_url=urls[1],
        backup_passphrase=PASSPHRASE,
    )
    archive = tmp_path / "copy"
    shutil.copytree(copied[1], archive)
    manifest = json.loads((archive / "manifest.json").read_text(encoding="utf-8"))
    # Whole, and yet of another content: the second database cannot be restored.
    shutil.copyfile(archive / "clickhouse-dialytics.tar.age", archive / "postgres-dagster.dump.age")
    manifest["sha256"]["postgres-dagster.dump.age"] = manifest["sha256"][
        "clickhouse-dialytics.tar.age"
    ]
    (archive / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(StartupError, match=r"^pg_restore failed: .*archive"):
        restore(plan, archive, keys=keys_of(copied[1]), progress=Progress())
    assert list(plan.keys.directory.iterdir()) == []
    assert not (plan.data / "clickhouse").exists()
    for url in urls:
        with psycopg.connect(url) as connection:
            assert connection.execute(MADE).fetchall() == []


@pytest.mark.long
def test_a_restore_that_is_killed_is_noticed_by_the_next_start_and_done_again(
    copied: tuple[Plan, Path, dict[str, Any]],
    postgres_server: EmbeddedPostgres,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    urls = [postgres_server.url(f"test_{uuid4().hex}") for _ in range(2)]
    asyncio.run(postgres_server.ensure_databases(*(urlsplit(url).path[1:] for url in urls)))
    external = {"database_url": urls[0], "dagster_database_url": urls[1]}
    plan = stopped_plan(tmp_path, backup_passphrase=PASSPHRASE, **external)
    for name, value in {
        "DATA_DIR": str(plan.data),
        "KEYS_DIR": str(plan.keys.directory),
        "BACKUP_PASSPHRASE": PASSPHRASE,
        "DATABASE_URL": urls[0],
        "DAGSTER_DATABASE_URL": urls[1],
        **{name: str(port) for name, (_, port) in plan.listeners().items()},
        "TELEGRAM_TOKEN": "4242424242:never-asked",
        "OPENROUTER_API_KEY": "never-asked",
    }.items():
        monkeypatch.setenv(name, value)
    restoring = subprocess.Popen(
        [
            *(sys.executable, "-m", "embedded.backup", "restore", str(copied[1])),
            *("--keys", str(keys_of(copied[1]))),
        ],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
    )
    with restoring:
        assert restoring.stdout is not None
        # Both stores hold a part by then.
        assert any("Migrating what" in line for line in restoring.stdout)
        restoring.kill()
    assert left_running(mentioning(str(tmp_path))) == []
    started = command_line("embedded.stack", "up")
    assert started.returncode == 2
    assert started.stderr == (
        f"DATA_DIR: {plan.data} holds part of a backup, whose restore was interrupted:"
        " run restore again\n"
    )
    # Another database that holds data is still nothing to be emptied.
    other = stopped_plan(
        tmp_path,
        backup_passphrase=PASSPHRASE,
        database_url=urls[0],
        dagster_database_url=urls[0],
    )
    with pytest.raises(SettingError, match=r"^DATABASE_URL: names a database that holds data"):
        restore(other, copied[1], keys=keys_of(copied[1]), progress=Progress())
    assert restore(plan, copied[1], keys=keys_of(copied[1]), progress=Progress()) == []
    with Stack(plan, progress=Progress()):
        assert asyncio.run(answers(plan))[1] == copied[2]


def test_no_key_is_inside_the_backup(copied: tuple[Plan, Path, dict[str, Any]]) -> None:
    plan, archive, _ = copied
    key = plan.secret("data_key").encode()
    assert (keys_of(archive) / "data_key").read_text(encoding="utf-8").strip() == key.decode()
    for held in (key, SECRET_TEXT.encode(), b"PGDMP", b"user_messages"):
        assert not [path for path in archive.iterdir() if held in path.read_bytes()]
    private = [archive, keys_of(archive), *archive.iterdir(), *keys_of(archive).iterdir()]
    assert {oct(path.stat().st_mode & 0o077) for path in private} == {"0o0"}


def test_another_data_key_is_refused_before_anything_is_restored(
    copied: tuple[Plan, Path, dict[str, Any]], tmp_path: Path
) -> None:
    plan = stopped_plan(tmp_path, backup_passphrase=PASSPHRASE)
    KeyRing(plan.keys.directory).write("data_key", "x" * 43)
    with pytest.raises(SettingError, match="DATA_KEY"):
        restore(plan, copied[1], keys=keys_of(copied[1]), progress=Progress())
    assert not (plan.data / "postgres").exists()


def test_a_damaged_backup_is_refused(
    copied: tuple[Plan, Path, dict[str, Any]], tmp_path: Path
) -> None:
    archive = tmp_path / "copy"
    shutil.copytree(copied[1], archive)
    with (archive / "clickhouse-dialytics.tar.age").open("ab") as file:
        file.write(b"x")
    with pytest.raises(StartupError, match=r"clickhouse-dialytics\.tar\.age is damaged"):
        restore(stopped_plan(tmp_path / "new"), archive, progress=Progress())


def test_a_data_directory_that_holds_data_is_refused(
    copied: tuple[Plan, Path, dict[str, Any]],
) -> None:
    with pytest.raises(SettingError, match="DATA_DIR"):
        restore(copied[0], copied[1], progress=Progress())


def test_an_existing_copy_is_never_overwritten(
    copied: tuple[Plan, Path, dict[str, Any]],
) -> None:
    with pytest.raises(SettingError, match="OUT"):
        back_up(copied[0], copied[1], progress=Progress())


def test_keys_are_never_copied_into_the_backup(
    copied: tuple[Plan, Path, dict[str, Any]], tmp_path: Path
) -> None:
    with pytest.raises(SettingError, match="KEYS"):
        back_up(copied[0], tmp_path / "copy", keys=tmp_path / "copy" / "k", progress=Progress())
    assert list(tmp_path.iterdir()) == []
