"""The dashboards of Grafana: generated, described, named in ClickHouse's log."""

from __future__ import annotations

import json
import re

import pytest
import yaml

from dashboards.grafana.__main__ import DIRECTORY
from dashboards.grafana.board import BOARDS, Board, render
from dashboards.grafana.panels import Panel
from dashboards.grafana.probing import clickhouse_panels
from embedded.clickhouse.accounts import reader_may_set

PANELS = list(clickhouse_panels(BOARDS))
ALL_PANELS = [
    pytest.param(panel, id=f"{board.uid}: {panel.title}")
    for board in BOARDS
    for panel in board.panels
]


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_the_dashboards_in_git_are_what_the_code_makes(board: Board) -> None:
    assert (DIRECTORY / f"{board.uid}.json").read_text() == render(board), "run make dashboards"


def test_no_other_dashboard_lies_in_git() -> None:
    assert {path.stem for path in DIRECTORY.iterdir()} == {board.uid for board in BOARDS}


def test_there_are_five_dashboards_and_at_least_25_panels_on_clickhouse() -> None:
    assert len(BOARDS) == 5
    assert len(PANELS) >= 25


@pytest.mark.parametrize("panel", ALL_PANELS)
def test_a_panel_says_what_it_shows_and_in_which_unit(panel: Panel) -> None:
    assert panel.description.endswith(".")
    assert panel.unit
    assert bool(panel.sql) != bool(panel.expressions)


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_titles_of_one_dashboard_differ(board: Board) -> None:
    titles = [panel.title for panel in board.panels]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_a_dashboard_names_provisioned_sources_and_marks_changes(board: Board) -> None:
    content = json.loads(render(board))
    uids = {panel["datasource"]["uid"] for panel in content["panels"]}
    assert uids <= {"clickhouse", "prometheus"}
    marks = {mark["name"] for mark in content["annotations"]["list"]}
    assert marks == {"Model changes", "Starts and deploys"}
    names = {variable["name"] for variable in content["templating"].get("list", [])}
    assert names == ({"bot_id", "chat_type", "language", "model"} if board.is_narrowed else set())


def test_every_query_says_what_it_is_for() -> None:
    for board in BOARDS:
        targets = [
            target for panel in json.loads(render(board))["panels"] for target in panel["targets"]
        ]
        asked = [target["rawSql"] for target in targets if "rawSql" in target]
        assert all(re.search(r"\nSETTINGS log_comment = 'grafana [^']+'$", sql) for sql in asked)


def test_the_source_names_what_has_no_name_of_its_own() -> None:
    content = yaml.safe_load(
        (DIRECTORY.parent / "provisioning" / "datasources" / "dialytics.yaml").read_text()
    )
    source = next(one for one in content["datasources"] if one["uid"] == "clickhouse")
    named = {one["setting"]: one["value"] for one in source["jsonData"]["customSettings"]}
    assert named == {"log_comment": "grafana"}
    assert all(map(reader_may_set, named))


def test_every_panel_that_the_ten_questions_name_is_on_its_dashboard() -> None:
    page = (DIRECTORY.parents[2] / "docs" / "observability.md").read_text()
    rows = re.findall(
        r"^\| [^|]+\?[^|]* \| (.+) \|$", page.partition("## Dashboards")[0], re.MULTILINE
    )
    assert len(rows) == 10
    titles = {board.title: [panel.title for panel in board.panels] for board in BOARDS}
    for row in rows:
        for part in row.split("; "):
            board, _, named = part.partition(": ")
            if board not in titles:
                continue  # the logs, a runbook, a setting
            for title in sorted(titles[board], key=len, reverse=True):
                named = named.replace(title, "")
            assert not named.strip(" ,"), (board, named)
    assert all(any(f"{title}: " in row for row in rows) for title in titles)
