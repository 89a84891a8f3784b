"""A backup on disk: a directory with a manifest of checksums. Independent of the databases."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from common.errors import SettingError, StartupError

Contents = Mapping[str, str]
"""Rows and a sum of their hashes, by table."""
FORMAT = 2
READABLE = frozenset({1, FORMAT})
PARTIAL = ".partial"
MANIFEST = "manifest.json"
POSTGRES_DUMPS = {"dialytics": "postgres-dialytics.dump", "dagster": "postgres-dagster.dump"}
CLICKHOUSE_ARCHIVE = "clickhouse-dialytics.tar"


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Contents of a backup."""

    format: int
    created_at: str
    """ISO 8601, UTC."""
    data_key_fingerprint: str
    """Identifies the data key that sealed this data; decrypts nothing."""
    postgres_version: str
    clickhouse_version: str | None
    """None when the backup has no ClickHouse."""
    sha256: Mapping[str, str]
    contents: Mapping[str, Contents] = field(default_factory=dict)
    """Counts by database. Format 1 has none."""
    roles: Sequence[str] = ()
    """Roles with rights on objects of the PostgreSQL databases. Format 1 has none."""


@contextmanager
def new_archive(out: Path) -> Iterator[Path]:
    """A directory to fill; it gets its name only when it is complete.

    Raises:
        SettingError: `out` exists or cannot be made, naming OUT.
    """
    if out.exists():
        raise SettingError("OUT", f"{out} exists; choose another directory")
    partial = out.with_name(out.name + PARTIAL)
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True, mode=0o700)
    except OSError as error:
        raise SettingError("OUT", f"cannot write to {out}: {error.strerror}") from error
    try:
        yield partial
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    partial.rename(out)


def write_manifest(directory: Path, manifest: Manifest) -> None:
    path = directory / MANIFEST
    path.write_text(json.dumps(asdict(manifest), indent=2) + "\n", encoding="utf-8")
    for file in directory.iterdir():
        file.chmod(0o600)
        with file.open("rb") as opened:
            os.fsync(opened.fileno())


def checksums(directory: Path) -> dict[str, str]:
    """SHA-256 of every file of a backup but its manifest."""
    return {
        path.name: _sha256(path) for path in sorted(directory.iterdir()) if path.name != MANIFEST
    }


def open_archive(directory: Path) -> Manifest:
    """The manifest of a backup, after checking every file against its checksum.

    Raises:
        SettingError: there is no backup, naming FROM.
        StartupError: it is damaged or of another format.
    """
    manifest = _manifest(directory)
    if manifest.format not in READABLE:
        raise StartupError(f"{directory} has format {manifest.format}, this program reads {FORMAT}")
    for name, expected in manifest.sha256.items():
        path = directory / name
        if not path.exists():
            raise StartupError(f"{directory}: {name} is missing")
        if _sha256(path) != expected:
            raise StartupError(f"{directory}: {name} is damaged")
    return manifest


def newest(directory: Path) -> Path:
    """The newest backup in a directory, or the directory itself when it is one.

    Raises:
        SettingError: there is none, naming FROM.
        StartupError: a manifest is damaged.
    """
    if (directory / MANIFEST).exists():
        return directory
    made = {
        _manifest(path.parent).created_at: path.parent
        for path in directory.glob(f"*/{MANIFEST}")
        if path.parent.suffix != PARTIAL
    }
    if not made:
        raise SettingError("FROM", f"{directory} holds no backup")
    return made[max(made)]


def _manifest(directory: Path) -> Manifest:
    try:
        content = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
        return Manifest(**content)
    except OSError as error:
        raise SettingError("FROM", f"{directory} is no backup: {error.strerror}") from error
    except (ValueError, TypeError) as error:
        raise StartupError(f"{directory}: {MANIFEST} is damaged") from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
