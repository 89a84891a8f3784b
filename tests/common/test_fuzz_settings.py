"""Garbage in every setting of every section: it holds, or one line names it. Nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.errors import SettingError
from common.settings import Section, load
from deploy.settings import Setting
from deploy.settings import settings as every_setting

PROJECT = Path(__file__).parents[2]
EXAMPLES = int(os.environ.get("SETTINGS_FUZZ_EXAMPLES", "30"))
GARBAGE = (
    *("", " ", "\t", "-1", "0", "1", "1e400", "nan", "-inf", "NULL", "null", "None", "true", "да"),
    *("٣", "0x10", "1_000", "1.5", "10/minute", "10/fortnight", "[]", "{}", '{"a": 1}', '"', "'"),
    *("\x7f", "\udcff", "\u202e", "😀" * 50, "a" * 70_000, "9" * 5_000, "*", ",", ",,", "://"),
    *("http://", "http://[", "http://a:b", "http://a:99999", "http://\u2100", "postgresql://"),
    *("postgresql://[", "redis://:x@", "redis://[", "file:///etc/passwd", "/", "/dev/null"),
    *("../../etc/passwd", "Mars/Olympus", "../Berlin", "/etc/passwd", "Europe/Berlin\n", "UTC "),
    *("https://a.example/", "https://a.example:x", "1:x", "x:y", "$(id)", "`id`", "%s", "%(x)s"),
)
# Required before the others are validated.
NEEDED = {
    "DATABASE_URL": "postgresql://host/name",
    "CLICKHOUSE_URL": "http://host:8123/name",
    "DAGSTER_DATABASE_URL": "postgresql://host/dagster",
    "TELEGRAM_TOKEN": "123456:" + "t" * 35,
    "OPENROUTER_API_KEY": "k" * 20,
    "DATA_KEY": "d" * 43,
    "CLICKHOUSE_WRITER_PASSWORD": "w" * 43,
    "CLICKHOUSE_READER_PASSWORD": "r" * 43,
}
SETTINGS = sorted(every_setting(), key=lambda item: (item.module, item.name))


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for item in SETTINGS:
        monkeypatch.delenv(item.name, raising=False)
    for name, value in NEEDED.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def used(section: Section) -> None:
    """Everything that a service may ask of a section."""
    own = [kind for kind in type(section).__mro__ if issubclass(kind, Section)]
    for name in {
        name for kind in own for name, it in vars(kind).items() if isinstance(it, property)
    }:
        getattr(section, name)
    repr(section)


def refusal_of(kind: type[Section]) -> str:
    """The one line, empty when the section holds."""
    try:
        used(load(kind))
    except SettingError as error:
        return str(error)
    return ""


def test_every_section_holds_with_what_is_needed(environment: pytest.MonkeyPatch) -> None:
    assert environment
    assert {item.section.__name__: refusal_of(item.section) for item in SETTINGS} == {
        item.section.__name__: "" for item in SETTINGS
    }
    assert len(SETTINGS) > 80


def cases() -> Iterator[object]:
    """Each setting meets a third of the garbage, and all of it weekly."""
    for number, item in enumerate(SETTINGS):
        for where in ("development", "production"):
            # Where a section does not know it, the environment changes nothing.
            if where == "production" and "environment" not in item.section.model_fields:
                continue
            name = f"{where}-{item.section.__name__}-{item.name}"
            # Production is strict about secrets; of the others it asks what development asks.
            is_long = where == "production" and not item.is_secret
            if not is_long:
                yield pytest.param(item, where, GARBAGE[number % 3 :: 3], id=name)
            yield pytest.param(item, where, GARBAGE, id=f"{name}-all", marks=pytest.mark.long)


@pytest.mark.parametrize(("item", "where", "garbage"), list(cases()))
def test_garbage_in_a_setting_is_named(
    environment: pytest.MonkeyPatch, item: Setting, where: str, garbage: tuple[str, ...]
) -> None:
    if item.name != "ENVIRONMENT":
        environment.setenv("ENVIRONMENT", where)
    before = refusal_of(item.section)
    for value in garbage:
        environment.setenv(item.name, value)
        line = refusal_of(item.section)
        assert "\n" not in line
        # In production another one may be missing already.
        assert line in {"", before} or item.name in line, (value[:40], line)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    content=st.binary(max_size=200)
    | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))
    | st.lists(
        st.builds(
            "{}={}".format,
            st.sampled_from([item.name for item in SETTINGS]) | st.text(max_size=9),
            st.text(max_size=20),
        )
    ).map(lambda lines: "\n".join(lines).encode("utf-8", "replace"))
)
def test_any_settings_file_is_read_or_named(
    environment: pytest.MonkeyPatch, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "settings.env"
    path.write_bytes(content)
    environment.setenv("ENV_FILE", str(path))
    for kind in {item.section for item in SETTINGS if item.module.startswith(("common", "api"))}:
        assert "\n" not in refusal_of(kind)


def wrong_files(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    yield tmp_path / "binary"
    yield tmp_path / "missing"
    yield tmp_path
    yield Path("a\x00b".replace("\x00", ""))


def test_a_secret_file_that_cannot_be_read_is_named(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kinds = {item.name: item.section for item in SETTINGS if item.is_secret}
    for name, kind in kinds.items():
        environment.delenv(name, raising=False)
        for path in wrong_files(tmp_path):
            environment.setenv(f"{name}_FILE", str(path))
            assert refusal_of(kind).startswith(f"{name}_FILE: cannot read "), (name, path)
        environment.delenv(f"{name}_FILE")
        if name in NEEDED:
            environment.setenv(name, NEEDED[name])


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("bot", "TELEGRAM_TOKEN"),
        ("migrations", "LOG_FORMAT"),
        pytest.param("api", "API_PORT", marks=pytest.mark.long),
    ],
)
def test_a_process_ends_with_that_line_and_exit_code_two(
    environment: pytest.MonkeyPatch, tmp_path: Path, module: str, name: str
) -> None:
    environment.setenv(name, "\u202e😀 no")
    outcome = subprocess.run(
        [sys.executable, "-m", module],
        env={**os.environ, "ENV_FILE": os.devnull, "PYTHONPATH": str(PROJECT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert outcome.returncode == 2, outcome.stderr
    [line] = outcome.stderr.splitlines()
    assert line.startswith(f"{name}: ")
