"""Which modules each program imports, and which settings of the machine it reads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parents[2]
ENTRY_POINTS = (
    *(
        "bot.app",
        "bot.inbox.parked",
        "bot.users.key_rotation",
        "api.__main__",
        "api.accounts.__main__",
    ),
    *(
        "pipelines.__main__",
        "pipelines.commands.backfill",
        "pipelines.commands.reconcile",
        "pipelines.commands.erasure_check",
    ),
    *(
        "pipelines.runtime.shutdown",
        "pipelines.definitions",
        "migrations.__main__",
        "common.http.probe",
    ),
    *("embedded.stack.__main__", "tests.chaos.__main__", "tests.soak.__main__"),
    "tests.tour.__main__",
)
# Each in a process of its own; what they share of other people's is loaded once, before.
PROBE = """
import datetime, importlib, json, os, sys, zoneinfo
import alembic, asyncpg, clickhouse_connect, dagster, fastapi, sqlalchemy.ext.asyncio
from bot.aiogram_models import import_aiogram
import_aiogram()
assert not {"common", "warehouse"} & sys.modules.keys()
zoneinfo.ZoneInfo("Europe/Berlin")
for name in sys.argv[1:]:
    if os.fork() == 0:
        importlib.import_module(name)
        berlin = zoneinfo.ZoneInfo("Europe/Berlin")
        offset = datetime.datetime(2026, 1, 1, tzinfo=berlin).utcoffset()
        traces = ("opentelemetry.sdk", "opentelemetry.exporter")
        found = {
            "name": name,
            "zones": zoneinfo.TZPATH,
            "offset": str(offset),
            "traces": [one for one in sys.modules if one.startswith(traces)],
        }
        print(json.dumps(found), flush=True)
        os._exit(0)
    os.wait()
"""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The offset that each program reads where the machine's own time zone files are wrong."""
    zones = tmp_path_factory.mktemp("zones")
    tokyo = files("tzdata").joinpath("zoneinfo", "Asia", "Tokyo").read_bytes()
    (zones / "Europe").mkdir()
    (zones / "Europe" / "Berlin").write_bytes(tokyo)
    seen = subprocess.run(
        [sys.executable, "-c", PROBE, *ENTRY_POINTS],
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), "PYTHONTZPATH": str(zones)},
        check=True,
        capture_output=True,
        text=True,
    )
    return [json.loads(line) for line in seen.stdout.splitlines()]


def test_no_program_reads_a_zone_of_the_machine(loaded: list[dict[str, Any]]) -> None:
    """Not even a variable makes its zones count."""
    assert [(one["name"], one["zones"], one["offset"]) for one in loaded] == [
        (name, [], "1:00:00") for name in ENTRY_POINTS
    ]


def test_no_program_loads_what_sends_traces(loaded: list[dict[str, Any]]) -> None:
    """It does if an endpoint is configured."""
    assert {one["name"]: one["traces"] for one in loaded} == {name: [] for name in ENTRY_POINTS}
