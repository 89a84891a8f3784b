"""A whole dashboard: panels, variables that narrow them, marks for what changed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import dashboard as dashboards
from grafana_foundation_sdk.cog import builder as cogbuilder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as model

from dashboards.grafana import costs, pipeline, product, reliability, services
from dashboards.grafana.binding import VARIABLES, query, titled
from dashboards.grafana.panels import (
    CLICKHOUSE,
    PAGE,
    PICKED,
    PROMETHEUS,
    TABLE,
    Panel,
    SqlQuery,
    build,
)

ALL = "'*'"
"""The text that a variable's All inserts into a query, unquoted."""
ALL_VALUES = dict.fromkeys(VARIABLES, ALL)

PAGE_VARIABLE = PAGE.strip("${}")
WEB_ADDRESS = "http://127.0.0.1:8000"
"""Where compose.yaml and `make demo` publish the web dashboard."""

_LABELS = {"bot_id": "Bot", "chat_type": "Chat", "language": "Language", "model": "Model"}

# The plugin takes the first column as the value and the second as the text.
VARIABLE_QUERIES = {
    name: titled(
        f"SELECT DISTINCT toString({name}) AS value,"
        f" if(value = '', '(none)', value) AS text FROM daily"
        " WHERE (day, version) IN (SELECT day, version FROM builds) ORDER BY text",
        f"variable {name}",
    )
    for name in VARIABLES
}

MODEL_CHANGES = titled(
    query(
        "SELECT min(bucket) AS time, concat('First turn of ', model) AS text, 'model' AS tags\n"
        "FROM activity\n"
        "WHERE (day, version) IN published_builds AND model != ''\n"
        "GROUP BY model HAVING $__timeFilter(time) ORDER BY time"
    ),
    "model changes",
)
STARTS = 'process_start_time_seconds{job=~"bot|api|pipelines"} * 1000'


@dataclass(frozen=True, kw_only=True)
class Board:
    """One dashboard.

    Args:
        uid: part of its address; also the name of its file.
        page: of the web dashboard that shows the same.
        is_narrowed: whether the variables appear on it.
    """

    uid: str
    title: str
    description: str
    panels: Sequence[Panel]
    page: str
    is_narrowed: bool = True
    since: str = "now-7d"


BOARDS = (
    Board(
        uid="product",
        title="Product",
        description="Who comes, what they do, who returns. The same numbers as the stats API.",
        panels=product.PANELS,
        page="/",
    ),
    Board(
        uid="costs",
        title="Costs & models",
        description="What the answers cost, and which models gave them.",
        panels=costs.PANELS,
        page="/models",
    ),
    Board(
        uid="reliability",
        title="Reliability of answers",
        description="How fast answers are, how often there is none, and why.",
        panels=reliability.PANELS,
        page="/models",
    ),
    Board(
        uid="pipeline",
        title="Data pipeline",
        description="How old and how true the numbers are, and how ClickHouse is.",
        panels=pipeline.PANELS,
        page="/quality",
        is_narrowed=False,
        since="now-24h",
    ),
    Board(
        uid="services",
        title="Services",
        description="Bot, API and pipelines as Prometheus sees them.",
        panels=services.PANELS,
        page="/quality",
        is_narrowed=False,
        since="now-6h",
    ),
)


def render(board: Board) -> str:
    """Grafana's JSON, the same bytes for the same code."""
    made = (
        dashboards.Dashboard(board.title)
        .uid(board.uid)
        .description(board.description)
        .tags(["dialytics"])
        .time(board.since, "now")
        .timezone("browser")
        .refresh("1m")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .readonly()
        .link(
            dashboards.DashboardLink("Other dashboards")
            .type(model.DashboardLinkType.DASHBOARDS)
            .tags(["dialytics"])
            .as_dropdown(True)
            .keep_time(True)
            .include_vars(True)
        )
        .link(
            dashboards.DashboardLink("Web dashboard")
            .type(model.DashboardLinkType.LINK)
            .icon("external link")
            .tooltip("The page that shows the same, for the range of the picker.")
            .url(f"{PAGE}{board.page}?{PICKED}")
            .target_blank(True)
        )
        .with_variable(
            dashboards.TextBoxVariable(PAGE_VARIABLE)
            .label("Web dashboard at")
            .description("Where links to the web dashboard lead.")
            .default_value(WEB_ADDRESS)
        )
        .annotation(_model_changes())
        .annotation(_starts())
    )
    if board.is_narrowed:
        for name in VARIABLES:
            made = made.with_variable(_variable(name))
    for panel in board.panels:
        if panel.section:
            made = made.with_row(dashboards.Row(panel.section))
        made = made.with_panel(build(panel))
    return json.dumps(made.build(), cls=JSONEncoder, indent=2, sort_keys=True) + "\n"


def _variable(name: str) -> dashboards.QueryVariable:
    return (
        dashboards.QueryVariable(name)
        .label(_LABELS[name])
        .description(f"Narrows the dashboard by {_LABELS[name].lower()}.")
        .datasource(CLICKHOUSE)
        .query(VARIABLE_QUERIES[name])
        .refresh(model.VariableRefresh.ON_DASHBOARD_LOAD)
        .multi(True)
        .include_all(True)
        .all_value(ALL)
        .current(
            model.VariableOption(selected=True, text="All", value="$__all"),
        )
    )


class _Mark(model.AnnotationQuery):
    """Annotations of a data source. The SDK has only Grafana's built-in ones."""

    def __init__(self, name: str, source: model.DataSourceRef, **more: object) -> None:
        super().__init__(name=name, datasource=source, icon_color="purple")
        self._more = more

    def to_json(self) -> dict[str, object]:
        return {**super().to_json(), **self._more}


class _MarkBuilder(cogbuilder.Builder[model.AnnotationQuery]):
    def __init__(self, mark: _Mark) -> None:
        self._mark = mark

    def build(self) -> _Mark:
        return self._mark


def _model_changes() -> _MarkBuilder:
    target = {**SqlQuery(MODEL_CHANGES, shape=TABLE).to_json(), "refId": "Anno"}
    return _MarkBuilder(_Mark("Model changes", CLICKHOUSE, target=target))


def _starts() -> _MarkBuilder:
    return _MarkBuilder(
        _Mark(
            "Starts and deploys",
            PROMETHEUS,
            expr=STARTS,
            step="60s",
            useValueForTime="on",
            titleFormat="{{job}} started",
        )
    )
