"""Parses DATABASE_URL in the forms that providers use, and writes it for each driver.

libpq (psycopg, psycopg2, ADBC, pg_dump) accepts all of its parameters, asyncpg some of them, and
sends unknown ones to the server. SQLAlchemy has its own syntax for several hosts.
"""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote, unquote

PORTS = range(1, 65_536)
_FORM = re.compile(
    r"postgres(?:ql)?(?:\+\w+)?://(?:(?P<login>[^/?#]*)@)?(?P<hosts>[^/?#@]*)"
    r"(?:/(?P<database>[^?#]*))?(?:\?(?P<parameters>[^#]*))?"
)
_HOST = re.compile(r"(?P<name>\[[^\]]*\]|[^:]*)(?::(?P<port>[0-9]*))?")
_FLAG_OF_SSL = {"true": "require", "1": "require", "false": "disable", "0": "disable"}
# The name used by node-postgres.
_MODES = {"no-verify": "require"}
_VERIFYING = frozenset({"verify-ca", "verify-full"})
_ALL_MODES = frozenset({"disable", "allow", "prefer", "require"}) | _VERIFYING
SYSTEM = "system"
"""The value of sslrootcert for the machine's certificate authorities."""
_SYSTEM_FILES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
_FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl")

# Parameters of other clients (Prisma, Vercel) that do not affect the connection.
_IGNORED = frozenset(
    {
        *("pgbouncer", "connection_limit", "pool_timeout", "socket_timeout", "sslaccept"),
        *("statement_cache_size", "prepared_statement_cache_size", "uselibpqcompat"),
        *("supa", "workaround"),
    }
)
_ASYNCPG = frozenset(
    {
        *("host", "port", "dbname", "user", "password", "passfile", "service", "options"),
        *("application_name", "target_session_attrs", "krbsrvname", "gsslib"),
        *("sslmode", "sslnegotiation", "sslcert", "sslkey", "sslpassword", "sslrootcert"),
        *("sslcrl", "ssl_min_protocol_version", "ssl_max_protocol_version"),
    }
)
_LIBPQ = _ASYNCPG | {
    *("hostaddr", "connect_timeout", "client_encoding", "fallback_application_name"),
    *("keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count"),
    *("tcp_user_timeout", "gssencmode", "gssdelegation", "channel_binding", "require_auth"),
    *("requirepeer", "sslcompression", "sslcertmode", "sslsni", "sslcrldir"),
    *("load_balance_hosts", "min_protocol_version", "max_protocol_version"),
}


@dataclass(frozen=True, slots=True)
class PostgresUrl:
    """The decoded parts of a URL.

    Args:
        hosts: names and ports; a name is empty if a parameter has it.
        parameters: known to libpq.
    """

    user: str | None
    password: str | None
    hosts: tuple[tuple[str, int | None], ...]
    database: str
    parameters: Mapping[str, str]

    @classmethod
    def parse(cls, url: str) -> PostgresUrl:
        """Parse a URL.

        Raises:
            ValueError: it is invalid. The message quotes no part of the URL.
        """
        if not re.match(r"postgres(ql)?(\+\w+)?://", url):
            raise ValueError("must start with postgresql://")
        found = _FORM.fullmatch(url)
        hosts = found and tuple(map(_host, found["hosts"].split(",")))
        if found is None or hosts is None or None in hosts:
            raise ValueError(
                "is not like postgresql://user:password@host:port/database"
                " (characters such as / # ? @ in a password are written as %2F %23 %3F %40)"
            )
        user, has_password, password = (found["login"] or "").partition(":")
        return cls(
            user=unquote(user) if user else None,
            password=unquote(password) if has_password else None,
            hosts=tuple(host for host in hosts if host),
            database=unquote(found["database"] or ""),
            parameters=_parameters(found["parameters"] or ""),
        )

    @property
    def libpq(self) -> str:
        """The URL for libpq."""
        return _written(self, self.parameters)

    @property
    def asyncpg(self) -> str:
        """The URL for asyncpg."""
        kept = {name: value for name, value in self.parameters.items() if name in _ASYNCPG}
        if len(self.hosts) == 1:
            return _written(self, kept)
        # asyncpg uses urllib, which accepts no other host after a bracketed address.
        several = ",".join(_bracketed(name) + _behind(port) for name, port in self.hosts)
        return _written(replace(self, hosts=(("", None),)), {"host": several, **kept})

    def sqlalchemy(self) -> str:
        """The URL for an SQLAlchemy engine with psycopg2."""
        scheme = "postgresql+psycopg2"
        if len(self.hosts) == 1:
            return _written(self, self.parameters, scheme=scheme)
        several = {
            "host": ",".join(name for name, _ in self.hosts),
            "port": ",".join("" if port is None else str(port) for _, port in self.hosts),
        }
        alone = replace(self, hosts=(("", None),))
        return _written(alone, {**several, **self.parameters}, scheme=scheme)


def _written(url: PostgresUrl, parameters: Mapping[str, str], *, scheme: str = "postgresql") -> str:
    login = "" if url.user is None else quote(url.user, safe="")
    if url.password is not None:
        login += f":{quote(url.password, safe='')}"
    hosts = ",".join(_quoted_host(name) + _behind(port) for name, port in url.hosts)
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in parameters.items())
    return (
        f"{scheme}://{login}{'@' if login else ''}{hosts}"
        f"{'/' if url.database else ''}{quote(url.database, safe='')}"
        f"{'?' if query else ''}{query}"
    )


def _host(text: str) -> tuple[str, int | None] | None:
    found = _HOST.fullmatch(text)
    if found is None or (found["port"] and int(found["port"]) not in PORTS):
        return None
    return unquote(found["name"]).strip("[]"), int(found["port"]) if found["port"] else None


def _quoted_host(name: str) -> str:
    bracketed = _bracketed(name)
    return quote(name, safe="") if bracketed == name else bracketed


def _bracketed(name: str) -> str:
    # IPv6 addresses; socket directories may contain colons, too.
    return f"[{name}]" if ":" in name and not name.startswith("/") else name


def _behind(port: int | None) -> str:
    return "" if port is None else f":{port}"


def _parameters(query: str) -> dict[str, str]:
    given: dict[str, str] = {}
    for pair in filter(None, query.split("&")):
        name, _, value = pair.partition("=")
        # Unlike in forms, + is not a space.
        given[unquote(name)] = unquote(value)
    mode = given.pop("ssl", None)
    if mode is not None:
        given.setdefault("sslmode", _FLAG_OF_SSL.get(mode, mode))
    if "sslmode" in given:
        given["sslmode"] = _MODES.get(given["sslmode"], given["sslmode"])
        if given["sslmode"] not in _ALL_MODES:
            raise ValueError(f"sslmode must be one of {', '.join(sorted(_ALL_MODES))}")
    if given.get("schema") == "public":
        del given["schema"]
    known = {name: value for name, value in given.items() if name not in _IGNORED}
    if not known.keys() <= _LIBPQ:
        raise ValueError("has a parameter after ? that PostgreSQL's clients do not support")
    _use_the_machines_authorities(known)
    for name in _FILES:
        if name in known and not os.access(known[name], os.R_OK):
            raise ValueError(f"{name} names a file that cannot be read: {known[name]}")
    return known


def _use_the_machines_authorities(parameters: dict[str, str]) -> None:
    """Set sslrootcert to the machine's file: drivers' own TLS libraries may not find it."""
    asked = parameters.get("sslrootcert")
    if asked is None and parameters.get("sslmode") in _VERIFYING:
        own = Path(os.environ.get("HOME", ""), ".postgresql", "root.crt")
        if "PGSSLROOTCERT" not in os.environ and not own.exists():
            asked = SYSTEM
    if asked != SYSTEM:
        return
    candidates = (ssl.get_default_verify_paths().cafile, *_SYSTEM_FILES)
    file = next((path for path in candidates if path and Path(path).is_file()), None)
    if file is None:
        raise ValueError(
            "this machine has no certificate authorities: install ca-certificates,"
            " or set sslrootcert to the server's CA file"
        )
    # Public authorities sign for any name, so the name must be verified.
    parameters |= {"sslmode": "verify-full", "sslrootcert": file}
