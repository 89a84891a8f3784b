"""No SQL of ours asks a database about a zone: its zones are of another release than ours."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dashboards.grafana.board import BOARDS, Board, render
from embedded.stack.keys import KeyRing
from embedded.stack.plan import Plan
from embedded.stack.settings import StackSettings
from pipelines.quality import comparison, retention
from pipelines.rollups import publish
from pipelines.runtime.home import environment
from pipelines.settings import DagsterSettings
from tests.conftest import PROJECT

SQL = sorted(
    path.relative_to(PROJECT)
    for folder in ("warehouse/sql", "bot/db/sql")
    for path in (PROJECT / folder).rglob("*.sql")
)
# A zone as an argument of a function or of AT TIME ZONE: a parameter, a name, a column.
ZONE_ARGUMENT = re.compile(
    r"AT TIME ZONE|timezone|toTimeZone|date_trunc\(|, *\{(zone|tz):|'(?!UTC')[A-Z]\w+/[A-Z]\w+'"
    r"|\bto[A-Z]\w*\([^()]*, *\w*zone\b|\{tz:",
    re.IGNORECASE,
)
STATEMENTS_IN_CODE = (comparison, publish, retention)


def without_comments(sql: str) -> str:
    return re.sub(r"--.*", "", sql)


@pytest.mark.parametrize("path", SQL, ids=str)
def test_no_statement_names_a_zone(path: Path) -> None:
    assert not ZONE_ARGUMENT.search(without_comments((PROJECT / path).read_text(encoding="utf-8")))


@pytest.mark.parametrize("module", STATEMENTS_IN_CODE, ids=lambda module: module.__name__)
def test_no_statement_in_code_names_a_zone(module: object) -> None:
    texts = [value for value in vars(module).values() if isinstance(value, str)]
    assert not [text for text in texts if "AT TIME ZONE" in text or "date_trunc" in text]


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_a_panel_names_no_zone_but_that_of_its_picker(board: Board) -> None:
    text = render(board)
    # Grafana's macro is resolved by the engine.
    text = re.sub(r"if\('\$\{__timezone\}' = 'utc', 'UTC', '\$\{__timezone\}'\)", "", text)
    assert "__timezone" not in text
    assert "report_zone" not in text
    assert not re.search(r"'(?!UTC')[A-Z]\w+/[A-Z]\w+'", text)


def test_every_process_is_told_to_read_no_zone_of_the_machine(tmp_path: Path) -> None:
    assert 'PYTHONTZPATH=""' in (PROJECT / "Dockerfile").read_text(encoding="utf-8")
    assert "\nexport PYTHONTZPATH :=\n" in (PROJECT / "Makefile").read_text(encoding="utf-8")
    settings = DagsterSettings.model_validate({"dagster_database_url": "postgresql://u@h/d"})
    assert environment(settings, {"PYTHONTZPATH": "/usr/share/zoneinfo"})["PYTHONTZPATH"] == ""
    plan = Plan(settings=StackSettings(), keys=KeyRing(tmp_path), simulated=True)
    assert plan.environment()["PYTHONTZPATH"] == ""
