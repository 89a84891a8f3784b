"""Copies of a server's stores, with real stores behind a stand-in for the container engine.

deploy/backup.sh makes them, deploy/backup-check.sh tries them, deploy/restore.sh brings them back.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy.ext.asyncio import async_sessionmaker

from common.encryption import bindings
from common.encryption.sealing import Vault
from common.postgres import create_engine
from common.settings import DatabaseSettings, ReportSettings
from embedded.postgres import BINARIES, EmbeddedPostgres
from pipelines.cycle import run_cycle
from pipelines.settings import PipelineSection, PipelineSettings
from tests.bot.users.old_values import make_old
from tests.clickhouse_process import WRITER_PASSWORD, ClickHouseProcess
from tests.conftest import alembic_config
from tests.contracts.servers.roles import PROJECT
from tests.pipelines.ledger import Ledger, turn
from warehouse.settings import WarehouseSettings

# A container engine that runs the scripts' commands directly against the stores.
DOCKER = """#!{python}
import os, subprocess, sys
arguments = sys.argv[1:]
assert arguments[0] == "compose", arguments
def here(text):
    return text.replace("/var/lib/clickhouse/backups", "{disk}")
def roles():
    environment = {{"PATH": os.environ["PATH"], "PGHOST": "{pg}", "PGUSER": "postgres",
                    "SECRETS_DIR": "{secrets}"}}
    return subprocess.run(["bash", "{project}/deploy/postgres/roles.sh"], env=environment)
match arguments[1:]:
    case ["exec", "-T", "clickhouse", "chown", *_]:
        pass
    case ["exec", "-T", "postgres", *line]:
        environment = {{"PATH": os.environ["PATH"], "PGHOST": "{pg}"}}
        sys.exit(subprocess.run(line, env=environment).returncode)
    case ["exec", "-T", "clickhouse", *line]:
        sys.exit(subprocess.run([here(word) for word in line]).returncode)
    case ["exec", "-T", "dagster-code", "touch", "/data/last-backup"]:
        open("{last_backup}", "a").close()
    case ["up", "--detach", "--wait", "postgres", "clickhouse"]:
        pass
    case ["run", "--rm", "roles"]:
        sys.exit(roles().returncode)
    case ["run", "--rm", "bot", "python", *line]:
        # Migrations and grants come first: the service waits for them.
        url = {{"DATABASE_URL": "{owner}", "PATH": os.environ["PATH"], "ENV_FILE": os.devnull}}
        os.chdir("{project}")
        subprocess.run(["{python}", "-m", "migrations", "postgres"], env=url, check=True)
        environment = {{"PATH": os.environ["PATH"], "PGHOST": "{pg}", "PGUSER": "postgres"}}
        subprocess.run(["bash", "deploy/postgres/grants.sh"], env=environment, check=True)
        bot = {{**url, "DATABASE_URL": "{bot}", "DATA_KEY_FILE": "{secrets}/data_key"}}
        sys.exit(subprocess.run(["{python}", *line], env=bot).returncode)
    case _:
        sys.exit(f"what is {{arguments}}?")
"""
CLIENT = """#!{python}
import sys, urllib.error, urllib.request
assert sys.argv[1:3] == ["--user", "writer"] and sys.argv[5] == "--query", sys.argv
request = urllib.request.Request("{url}", data=sys.argv[6].encode(), headers={{
    "X-ClickHouse-User": "writer", "X-ClickHouse-Key": "{password}"}})
try:
    print(urllib.request.urlopen(request).read().decode())
except urllib.error.HTTPError as error:
    sys.exit(error.read().decode())
"""


class Server:
    """The stores of a server, reached as the scripts reach them."""

    def __init__(
        self, directory: Path, postgres: EmbeddedPostgres, clickhouse: ClickHouseProcess
    ) -> None:
        self.postgres, self.clickhouse = postgres, clickhouse
        self.secrets = directory / "secrets"
        subprocess.run(
            ["bash", PROJECT / "deploy" / "make-secrets.sh", self.secrets],
            check=True,
            capture_output=True,
        )
        self.last_backup = directory / "last-backup"
        self.programs = directory / "bin"
        self.programs.mkdir()
        (disk,) = {path.parent for path in clickhouse.directory.rglob("engine.xml")}
        (disk / "backups").mkdir(exist_ok=True)
        values = {
            "python": sys.executable,
            "pg": str(postgres.directory),
            "secrets": str(self.secrets),
            "project": str(PROJECT),
            "last_backup": str(self.last_backup),
            "disk": str(disk / "backups"),
            "url": f"{clickhouse.url}/",
            "password": WRITER_PASSWORD,
            "owner": postgres.url("dialytics").replace("postgres@", "dialytics_owner@"),
            "bot": postgres.url("dialytics").replace("postgres@", "dialytics_bot@"),
        }
        for name, source in (("docker", DOCKER), ("clickhouse-client", CLIENT)):
            path = self.programs / name
            path.write_text(source.format(**values))
            path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def run(
        self, script: str, *arguments: str | Path, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", PROJECT / "deploy" / script, *arguments],
            env={
                "PATH": f"{self.programs}:{BINARIES}:{os.environ['PATH']}",
                "LC_ALL": "C",
                **environment,
            },
            capture_output=True,
            text=True,
            check=False,
        )

    def sql(self, database: str, statement: str) -> str:
        outcome = subprocess.run(
            [BINARIES / "psql", "-tAX", "-v", "ON_ERROR_STOP=1", self.postgres.url(database)],
            input=statement,
            capture_output=True,
            text=True,
            check=True,
        )
        return outcome.stdout

    def databases(self) -> set[str]:
        return set(self.sql("postgres", "SELECT datname FROM pg_database").split())

    def vault(self) -> Vault:
        return Vault((self.secrets / "data_key").read_text().strip())

    async def make_old(self) -> None:
        """As the version before bindings left it."""
        settings = DatabaseSettings.model_validate({"database_url": self.postgres.url("dialytics")})
        engine = create_engine(settings, application_name="tests")
        await make_old(async_sessionmaker(engine), self.vault())
        await engine.dispose()

    def drop(self) -> None:
        """New volumes."""
        for database in ("dialytics", "dagster"):
            self.sql("postgres", f"DROP DATABASE IF EXISTS {database} WITH (FORCE);")
        self.clickhouse.execute("DROP DATABASE IF EXISTS dialytics SYNC")

    def state(self) -> tuple[str, str, str]:
        """The content of both databases, and the owners of tables."""
        return (
            self.sql("dialytics", "SELECT id, version, cost_usd FROM turns ORDER BY id"),
            self.sql("dialytics", "SELECT tablename, tableowner FROM pg_tables ORDER BY 1"),
            self.clickhouse.execute(
                "SELECT 'turns', count(), toString(sum(cityHash64(*))) FROM dialytics.turns"
                " UNION ALL SELECT 'activity', count(), toString(sum(user_messages))"
                " FROM dialytics.activity ORDER BY 1"
            ),
        )


def set_to_work(server: Server) -> None:
    """A ledger, replicated and published."""
    server.drop()
    subprocess.run(
        [server.programs / "docker", "compose", "run", "--rm", "roles"],
        env={"PATH": f"{BINARIES}:{os.environ['PATH']}"},
        capture_output=True,
        check=True,
    )
    owner = DatabaseSettings.model_validate(
        {"database_url": server.postgres.url("dialytics").replace("postgres@", "dialytics_owner@")}
    )
    command.upgrade(alembic_config("postgres", owner.asyncpg_url), "head")
    server.clickhouse.execute("CREATE DATABASE dialytics")
    warehouse = server.clickhouse.database("dialytics")
    command.upgrade(alembic_config("clickhouse", warehouse.url), "head")
    database = DatabaseSettings.model_validate({"database_url": server.postgres.url("dialytics")})
    vault = server.vault()
    telegram_hmac = vault.lookup("user", 1)
    sealer, wrapped_key = vault.new_user_key(telegram_hmac)
    profile = sealer.seal(b'{"telegram_id": 1}', bindings.profile(telegram_hmac))
    with Ledger(database.libpq_url) as ledger:
        person = ledger.add_person(
            telegram_hmac=telegram_hmac, wrapped_key=wrapped_key, sealed_profile=profile
        )
        ledger.add(*(turn(user=person) for _ in range(5)))
    run_cycle(
        PipelineSettings(
            database=database,
            warehouse=WarehouseSettings.model_validate({"clickhouse_url": warehouse.url}),
            pipelines=PipelineSection(),
            report=ReportSettings(),
        )
    )


@dataclass(frozen=True)
class Copied:
    """A server of which copies were made; each test begins with new volumes."""

    server: Server
    before: tuple[str, str, str]
    whole: Path
    only_postgres: Path
    encrypted: Path
    passphrase: Path


@pytest.fixture(scope="module")
def copied(
    tmp_path_factory: pytest.TempPathFactory,
    postgres_server: EmbeddedPostgres,
    clickhouse_server: ClickHouseProcess,
) -> Iterator[Copied]:
    directory = tmp_path_factory.mktemp("server")
    server = Server(directory, postgres_server, clickhouse_server)
    set_to_work(server)
    before = server.state()
    asyncio.run(server.make_old())
    passphrase = directory / "passphrase"
    passphrase.write_text("correct horse battery\n", encoding="utf-8")
    copies = []
    for environment in (
        {},
        {"ONLY_POSTGRES": "1"},
        {"BACKUP_PASSPHRASE_FILE": str(passphrase)},
    ):
        made = server.run("backup.sh", directory / f"copies{len(copies)}", **environment)
        assert made.returncode == 0, made.stderr
        copies.append(Path(made.stdout.strip()))
    yield Copied(server, before, *copies, passphrase)
    server.drop()


def test_a_copy_fills_new_volumes_with_the_same(copied: Copied) -> None:
    server, copy = copied.server, copied.whole
    assert server.last_backup.exists()
    assert {path.name for path in copy.iterdir()} == {
        *("SHA256SUMS", "clickhouse.tar", "dialytics.dump", "dagster.dump"),
        *("dialytics.contents", "dagster.contents"),
    }
    assert copy.stat().st_mode & 0o077 == 0
    secrets = {path.read_text().strip() for path in server.secrets.iterdir()} - {""}
    held = b"".join(path.read_bytes() for path in copy.iterdir())
    assert not any(secret.encode() in held for secret in secrets)

    server.drop()
    restored = server.run("restore.sh", copy)
    assert restored.returncode == 0, restored.stdout + restored.stderr
    assert server.state() == copied.before
    key, telegram_hmac = (
        bytes.fromhex(part)
        for part in server.sql(
            "dialytics",
            "SELECT encode(wrapped_key, 'hex'), encode(telegram_hmac, 'hex') FROM users;",
        ).split("|")
    )
    assert server.vault().user_sealer(key, telegram_hmac)
    assert server.sql("dialytics", "SELECT count(*) FROM sealing_marker").strip() == "1"

    refused = server.run("restore.sh", copy)
    assert refused.returncode == 2
    assert "not empty" in refused.stderr


def test_with_a_passphrase_every_file_is_encrypted_and_only_the_passphrase_opens_it(
    copied: Copied, tmp_path: Path
) -> None:
    server, copy = copied.server, copied.encrypted
    assert {path.name for path in copy.iterdir()} == {
        *("SHA256SUMS", "clickhouse.tar.gpg", "dialytics.dump.gpg", "dagster.dump.gpg"),
        *("dialytics.contents.gpg", "dagster.contents.gpg"),
    }
    assert not [path for path in copy.iterdir() if b"PGDMP" in path.read_bytes()]
    other = tmp_path / "other"
    other.write_text("another horse battery\n", encoding="utf-8")
    server.drop()
    assert server.run("restore.sh", copy).returncode != 0
    assert server.run("restore.sh", copy, BACKUP_PASSPHRASE_FILE=str(other)).returncode != 0
    # Nothing that they left spoils the next try.
    restored = server.run("restore.sh", copy, BACKUP_PASSPHRASE_FILE=str(copied.passphrase))
    assert restored.returncode == 0, restored.stdout + restored.stderr
    assert server.state() == copied.before


def test_a_passphrase_that_is_short_is_refused(copied: Copied, tmp_path: Path) -> None:
    short = tmp_path / "short"
    short.write_text("short\n", encoding="utf-8")
    made = copied.server.run("backup.sh", tmp_path / "c", BACKUP_PASSPHRASE_FILE=str(short))
    assert (made.returncode, (tmp_path / "c").exists()) == (2, False)


def sums_anew(copy: Path) -> None:
    """As if the files were as they were made."""
    names = sorted(path.name for path in copy.iterdir() if path.name != "SHA256SUMS")
    made = subprocess.run(
        ["sha256sum", *names], cwd=copy, capture_output=True, text=True, check=True
    )
    (copy / "SHA256SUMS").write_text(made.stdout, encoding="utf-8")


def test_the_newest_copy_is_restored_beside_the_stores_and_compared(
    copied: Copied, tmp_path: Path
) -> None:
    server, directory = copied.server, tmp_path
    older, newer = directory / "2020-01-01T00-00-00Z", directory / "2026-01-31T02-17-00Z"
    shutil.copytree(copied.encrypted, older)
    before = server.databases()
    passphrase = {"BACKUP_PASSPHRASE_FILE": str(copied.passphrase)}
    assert server.run("backup-check.sh", directory).returncode == 2
    outcome = server.run("backup-check.sh", directory, **passphrase)
    assert outcome.returncode == 0, outcome.stderr
    found = json.loads(outcome.stdout)
    assert (found["backup"], found["differ"], found["ok"]) == (str(older), [], True)
    assert found["tables"] > 10
    assert found["age_seconds"] > 86_400

    shutil.copytree(copied.whole, newer)
    lines = (newer / "dialytics.contents").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("turns|5|")]
    # As if one row had been lost on the way.
    lines = [line.replace("turns|5|", "turns|6|") for line in lines]
    (newer / "dialytics.contents").write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert server.run("backup-check.sh", directory).returncode != 0  # not as SHA256SUMS says
    sums_anew(newer)
    outcome = server.run("backup-check.sh", directory)
    assert outcome.returncode == 1, outcome.stderr
    found = json.loads(outcome.stdout)
    assert (found["backup"], found["differ"]) == (str(newer), ["dialytics.turns"])

    (newer / "dialytics.dump").write_bytes(b"PGDMP is not all of it")
    sums_anew(newer)
    outcome = server.run("backup-check.sh", directory)
    assert (outcome.returncode, outcome.stdout) == (1, "")
    assert outcome.stderr.endswith(f"{newer}: dialytics cannot be restored\n")
    assert server.databases() == before


def test_a_copy_of_postgresql_alone_is_enough(copied: Copied) -> None:
    server, copy = copied.server, copied.only_postgres
    assert not (copy / "clickhouse.tar").exists()
    server.drop()
    restored = server.run("restore.sh", copy)
    assert restored.returncode == 0, restored.stdout + restored.stderr
    server.clickhouse.execute("CREATE DATABASE dialytics")
    command.upgrade(
        alembic_config("clickhouse", server.clickhouse.database("dialytics").url), "head"
    )
    assert server.state()[:2] == copied.before[:2]


def test_a_damaged_copy_is_refused_before_anything_is_written(
    copied: Copied, tmp_path: Path
) -> None:
    copy, server = shutil.copytree(copied.whole, tmp_path / "copy"), copied.server
    with (copy / "dialytics.dump").open("ab") as file:
        file.write(b"x")
    server.drop()
    assert server.run("restore.sh", copy).returncode != 0
    assert "dialytics" not in server.databases()


def test_a_copy_that_breaks_off_is_seen_to_be_no_copy_and_old_ones_go(
    tmp_path: Path, postgres_server: EmbeddedPostgres, clickhouse_server: ClickHouseProcess
) -> None:
    server = Server(tmp_path, postgres_server, clickhouse_server)
    server.drop()
    old = tmp_path / "copies" / "2020-01-01T00-00-00Z"
    old.mkdir(parents=True)
    os.utime(old, (0, 0))
    assert server.run("backup.sh", tmp_path / "copies").returncode != 0
    assert not server.last_backup.exists()
    names = [path.name for path in (tmp_path / "copies").iterdir()]
    assert old.name in names
    assert next(name for name in names if name != old.name).endswith(".partial")
