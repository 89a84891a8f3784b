"""The dashboards of Grafana: generated, described, named in ClickHouse's log."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.grafana.__main__ import DIRECTORY, rendered
from dashboards.grafana.board import BOARDS, PAGE_VARIABLE, Board, render
from dashboards.grafana.panels import CALCS, Panel, build, runbook_address
from dashboards.grafana.probing import clickhouse_panels
from embedded.clickhouse.accounts import reader_may_set

PANELS = list(clickhouse_panels(BOARDS))
ALL_PANELS = [
    pytest.param(panel, id=f"{board.uid}: {panel.title}")
    for board in BOARDS
    for panel in board.panels
]


def shown(content: dict[str, Any]) -> list[dict[str, Any]]:
    """Panels without the titles of sections."""
    return [panel for panel in content["panels"] if panel["type"] != "row"]


@pytest.mark.parametrize("uid", rendered())
def test_the_dashboards_in_git_are_what_the_code_makes(uid: str) -> None:
    assert (DIRECTORY / f"{uid}.json").read_text() == rendered()[uid], "run make dashboards"


def test_no_other_dashboard_lies_in_git() -> None:
    assert {path.stem for path in DIRECTORY.iterdir()} == set(rendered())


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
    uids = {panel["datasource"]["uid"] for panel in shown(content)}
    assert uids <= {"clickhouse", "prometheus"}
    marks = {mark["name"] for mark in content["annotations"]["list"]}
    assert marks == {"Model changes", "Starts and deploys"}
    names = {variable["name"] for variable in content["templating"].get("list", [])}
    narrowing = {"bot_id", "chat_type", "language", "model"} if board.is_narrowed else set()
    assert names == {PAGE_VARIABLE} | narrowing


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_a_dashboard_has_sections_and_leads_to_its_page(board: Board) -> None:
    content = json.loads(render(board))
    assert content["panels"][0]["type"] == "row"
    assert sum(panel["type"] == "row" for panel in content["panels"]) >= 3
    (page,) = (link["url"] for link in content["links"] if link["title"] == "Web dashboard")
    assert page.startswith(f"${{{PAGE_VARIABLE}}}{board.page}?period=custom&from=")


@pytest.mark.parametrize("panel", ALL_PANELS)
def test_a_panel_is_red_only_from_a_value_that_is_named(panel: Panel) -> None:
    """Without steps Grafana takes its own: red from 80 on, whatever is shown."""
    built = build(panel).build()
    steps = built.field_config.defaults.thresholds.steps
    assert steps[0].value is None
    assert len(steps) > 1 or steps[0].color == "blue"
    # Values between good and bad have a colour of their own.
    assert "red" not in {step.color for step in steps} or len(steps) > 2


@pytest.mark.parametrize("panel", ALL_PANELS)
def test_legends_have_calculations_and_states_have_names(panel: Panel) -> None:
    content = json.loads(json.dumps(build(panel).build(), cls=JSONEncoder))
    if panel.look in CALCS:
        assert content["options"]["legend"]["calcs"]
        assert content["options"]["legend"]["displayMode"] == "table"
    if panel.look == "states":
        assert panel.names
        assert content["fieldConfig"]["defaults"]["mappings"]


def test_links_lead_to_pages_that_the_web_dashboard_has() -> None:
    app = (DIRECTORY.parents[1] / "web" / "src" / "app" / "App.tsx").read_text(encoding="utf-8")
    routes = {
        re.sub(r":\w+", "${__value.raw}", path) for path in re.findall(r'path="(/[^"]*)"', app)
    }
    panels = [panel for board in BOARDS for panel in board.panels]
    pages = {board.page for board in BOARDS} | {panel.page for panel in panels if panel.page}
    pages |= {cells.page for panel in panels for cells in panel.cells if cells.page}
    assert pages <= routes


def test_heatmap_and_share_cells_are_coloured() -> None:
    by_title = {panel.title: panel for board in BOARDS for panel in board.panels}
    shaded = {
        title: [cells.columns for cells in by_title[title].cells if cells.shade or cells.levels]
        for title in ("Weekday and hour", "Retention by first day", "Errors by model")
    }
    assert shaded == {
        "Weekday and hour": [r"\d\d"],
        "Retention by first day": ["day .+"],
        "Errors by model": ["failed|cut short"],
    }


def test_every_judged_panel_leads_to_a_runbook_that_exists() -> None:
    runbooks = {
        panel["id"]: panel["title"] for panel in json.loads(rendered()["runbooks"])["panels"]
    }
    linked = [panel for board in BOARDS for panel in board.panels if panel.runbook]
    assert len(linked) >= 15
    for panel in linked:
        number = int(runbook_address(panel.runbook).rpartition("=")[2])
        assert runbooks[number] == panel.runbook


def test_every_query_says_what_it_is_for() -> None:
    for board in BOARDS:
        targets = [
            target for panel in shown(json.loads(render(board))) for target in panel["targets"]
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
