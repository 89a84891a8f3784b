"""DATABASE_URL in the forms that are handed out, and as each driver needs it."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from asyncpg.connect_utils import _parse_connect_arguments
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import make_url

from common.postgres_url import PostgresUrl

PASSWORD = "p+a b/c#d?e@f%g:ü"  # of no server
ENCODED = "p%2Ba%20b%2Fc%23d%3Fe%40f%25g%3A%C3%BC"
AT_HOST = f"postgresql://me%40azure:{ENCODED}@db.example:6543/stats"


@pytest.mark.parametrize(
    "url",
    [
        AT_HOST,
        AT_HOST.replace("postgresql://", "postgres://"),
        AT_HOST.replace("postgresql://", "postgresql+psycopg2://"),
        f"postgresql://me%40azure:{ENCODED}@/stats?host=db.example&port=6543",
        f"postgresql:///stats?host=db.example&port=6543&user=me%40azure&password={ENCODED}",
        f"{AT_HOST}?sslmode=require&channel_binding=require&connect_timeout=10",
        f"{AT_HOST}?pgbouncer=true&connection_limit=1&schema=public",
    ],
)
def test_every_form_means_the_same_to_every_driver(url: str) -> None:
    parsed = PostgresUrl.parse(url)
    expected = {
        "host": "db.example", "port": "6543", "dbname": "stats",
        "user": "me@azure", "password": PASSWORD,
    }  # fmt: skip
    found = conninfo_to_dict(parsed.libpq)
    assert {name: found[name] for name in expected} == expected
    addresses, to_asyncpg = asyncpg_reads(parsed.asyncpg)
    assert addresses == [("db.example", 6543)]
    assert (to_asyncpg.user, to_asyncpg.password) == ("me@azure", PASSWORD)
    assert (to_asyncpg.database, to_asyncpg.server_settings) == ("stats", None)
    to_dagster = psycopg2_arguments(parsed)
    assert {name: str(to_dagster[name]) for name in expected} == expected


def test_a_password_with_an_at_sign_may_be_written_as_it_is() -> None:
    assert PostgresUrl.parse("postgresql://me:a@b@db/stats").password == "a@b"  # none


@pytest.mark.parametrize(
    ("hosts", "addresses"),
    [
        ("[2001:db8::7]:6543", [("2001:db8::7", 6543)]),
        ("a.example,b.example:6543", [("a.example", 5432), ("b.example", 6543)]),
        ("[::1],b.example:6543", [("::1", 5432), ("b.example", 6543)]),
        ("[::1]:6543,[2001:db8::7]", [("::1", 6543), ("2001:db8::7", 5432)]),
        ("", [("/cloudsql/my:region:one/.s.PGSQL.5432")]),
    ],
)
def test_several_hosts_addresses_and_sockets(hosts: str, addresses: list[object]) -> None:
    socket = "" if hosts else "host=/cloudsql/my:region:one&"
    url = f"postgresql://me:secret@{hosts}/stats?{socket}target_session_attrs=read-write"
    parsed = PostgresUrl.parse(url)
    assert asyncpg_reads(parsed.asyncpg)[0] == addresses
    libpq, to_dagster = conninfo_to_dict(parsed.libpq), psycopg2_arguments(parsed)
    assert to_dagster["host"] == libpq["host"]
    assert str(to_dagster.get("port")) == str(libpq.get("port"))
    assert to_dagster["target_session_attrs"] == "read-write"


def test_options_and_tls_reach_the_server_by_every_driver() -> None:
    parsed = PostgresUrl.parse("postgres://me@db/stats?options=endpoint%3Dep-1&sslmode=require")
    assert conninfo_to_dict(parsed.libpq)["options"] == "endpoint=ep-1"
    _, to_asyncpg = asyncpg_reads(parsed.asyncpg)
    assert to_asyncpg.server_settings == {"options": "endpoint=ep-1"}
    assert to_asyncpg.sslmode.name == "require"


@pytest.mark.parametrize(
    ("given", "mode"),
    [("ssl=true", "require"), ("sslmode=no-verify", "require"), ("ssl=verify-ca", "verify-full")],
)
def test_what_other_clients_call_tls_is_understood(
    given: str, mode: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PGSSLROOTCERT", raising=False)
    assert PostgresUrl.parse(f"postgres://db/stats?{given}").parameters["sslmode"] == mode


@pytest.mark.parametrize("given", ["sslmode=verify-full", "sslmode=require&sslrootcert=system"])
def test_without_a_file_the_authorities_of_the_machine_are_asked(
    given: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PGSSLROOTCERT", raising=False)
    (tmp_path / "all.pem").write_text("")
    monkeypatch.setenv(ssl.get_default_verify_paths().openssl_cafile_env, str(tmp_path / "all.pem"))
    parameters = PostgresUrl.parse(f"postgres://db/stats?{given}").parameters
    assert parameters == {"sslmode": "verify-full", "sslrootcert": str(tmp_path / "all.pem")}


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("mysql://db/stats", "must start with postgresql://"),
        ("postgresql://me:a/b@db/stats", "is not like"),
        ("postgresql://me:a#b@db/stats", "is not like"),
        ("postgresql://me@db:0/stats", "is not like"),
        ("postgresql://me@db:nine/stats", "is not like"),
        ("postgresql://me@[::1/stats", "is not like"),
        ("postgresql://me@db/stats?s3cret", "has a parameter after"),
        ("postgresql://me@db/stats?schema=other", "has a parameter after"),
        ("postgresql://me@db/stats?sslmode=always", "sslmode must be one of"),
        ("postgresql://me@db/stats?sslrootcert=/absent/ca", "sslrootcert names a file"),
    ],
)
def test_what_no_driver_could_use_is_refused_without_quoting_it(url: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as refused:
        PostgresUrl.parse(url)
    assert "s3cret" not in str(refused.value)


def asyncpg_reads(dsn: str) -> tuple[list[object], object]:
    return _parse_connect_arguments(
        dsn=dsn, host=None, port=None, user=None, password=None, passfile=None, database=None,
        service=None, servicefile=None, command_timeout=None, statement_cache_size=0,
        max_cached_statement_lifetime=0, max_cacheable_statement_size=0, ssl=None, direct_tls=None,
        server_settings=None, target_session_attrs=None, krbsrvname=None, gsslib=None,
    )[:2]  # fmt: skip


def psycopg2_arguments(parsed: PostgresUrl) -> dict[str, object]:
    url = make_url(parsed.sqlalchemy())
    return url.get_dialect()().create_connect_args(url)[1]
