"""Panels: title, query and appearance. Builds Grafana's objects.

ClickHouse's query objects are not part of the foundation SDK, so one is declared here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, Self

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.builders import dashboard as dashboards
from grafana_foundation_sdk.cog import builder as cogbuilder
from grafana_foundation_sdk.cog import variants
from grafana_foundation_sdk.models import common as looks
from grafana_foundation_sdk.models import dashboard as model

from dashboards.grafana.binding import titled
from dashboards.grafana.runbooks import panel_of

CLICKHOUSE = model.DataSourceRef(type_val="grafana-clickhouse-datasource", uid="clickhouse")
PROMETHEUS = model.DataSourceRef(type_val="prometheus", uid="prometheus")
PLUGIN_VERSION = "4.11.1"
TIME_SERIES, TABLE = 0, 1
"""How the plugin shapes an answer."""
OVER_TIME = frozenset({"lines", "bars", "stacked", "states"})
"""Looks whose answer is a time series."""
Levels = Mapping[float | None, str]
"""Colours by the value from which on they hold; None: below all others."""
NO_JUDGEMENT: Levels = {None: "blue"}
"""Without levels Grafana would colour everything from 80 on red."""
CALCS = {"lines": ("mean", "max", "lastNotNull"), "bars": ("sum", "max"), "stacked": ("sum", "max")}
"""Calculations in the legend. Panels whose values cannot be added name their own."""
HEAT, GOOD_SHARE = "continuous-blues", "continuous-greens"
PAGE = "${dashboard}"
"""The web dashboard; a variable of every board."""
PICKED = "period=custom&from=${__from:date:YYYY-MM-DD}&to=${__to:date:YYYY-MM-DD}"
"""The picker's range, as the pages take it."""


class SqlQuery(variants.Dataquery):
    """One query of the ClickHouse plugin."""

    def __init__(self, sql: str, *, shape: int) -> None:
        self._sql = sql
        self._shape = shape

    def to_json(self) -> dict[str, object]:
        return {
            "refId": "A",
            "datasource": CLICKHOUSE,
            "editorType": "sql",
            "rawSql": self._sql,
            "format": self._shape,
            "queryType": "timeseries" if self._shape == TIME_SERIES else "table",
            "pluginVersion": PLUGIN_VERSION,
        }


class _SqlTarget(cogbuilder.Builder[SqlQuery]):
    def __init__(self, query: SqlQuery) -> None:
        self._query = query

    def build(self) -> SqlQuery:
        return self._query


@dataclass(frozen=True, kw_only=True)
class Cells:
    """How cells of a table look.

    Args:
        columns: regular expression of the columns' names.
        unit: Grafana's id of the unit; empty: the panel's.
        shade: continuous colours of the background, from the least to the greatest value.
        levels: colours of the background by value.
        bar: whether a bar shows the share of `greatest`.
        greatest: the value with the full colour; None: the greatest of the table.
        names: text and colour instead of a value.
        page: of the web dashboard, opened by a click; `${__value.raw}` is the cell.
    """

    columns: str
    unit: str = ""
    shade: str = ""
    levels: Levels | None = None
    bar: bool = False
    greatest: float | None = None
    names: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    page: str = ""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One question and its answer.

    Args:
        look: `stat`, `lines`, `bars`, `stacked`, `states`, `table` or `ranking`.
        unit: Grafana's id of the unit.
        section: title of the section that begins with this panel.
        sql: asked of ClickHouse; else Prometheus is asked the `expressions`.
        expressions: PromQL by legend.
        units: the unit of single columns.
        cells: looks of a table's columns.
        levels: colours by value; None: no judgement.
        names: text and colour of values that are states.
        calcs: calculations in the legend; None: those of the look.
        page: of the web dashboard that shows more of it; empty: none.
        runbook: section of docs/runbooks.md for values that are bad; empty: none.
    """

    title: str
    description: str
    look: str
    unit: str
    section: str = ""
    sql: str = ""
    expressions: dict[str, str] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    cells: tuple[Cells, ...] = ()
    levels: Levels | None = None
    names: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    calcs: tuple[str, ...] | None = None
    page: str = ""
    runbook: str = ""
    width: int = 12
    height: int = 8
    decimals: int | None = None

    @property
    def is_clickhouse(self) -> bool:
        return bool(self.sql)

    @property
    def statement(self) -> str:
        """The query, labelled with the panel's title."""
        return titled(self.sql, self.title)


def figure(**about: Any) -> Panel:
    """A panel with one number, a sixth as wide as the board."""
    return Panel(look="stat", width=4, height=4, **about)


lines = partial(Panel, look="lines")
bars = partial(Panel, look="bars")
stacked = partial(Panel, look="stacked")
listing = partial(Panel, look="table")


class _Builder(Protocol):
    """The common methods of the SDK's panel builders."""

    def title(self, title: str) -> Self: ...
    def description(self, description: str) -> Self: ...
    def unit(self, unit: str) -> Self: ...
    def datasource(self, datasource: model.DataSourceRef) -> Self: ...
    def span(self, w: int) -> Self: ...
    def height(self, h: int) -> Self: ...
    def with_target(self, target: cogbuilder.Builder[Any]) -> Self: ...
    def interval(self, interval: str) -> Self: ...
    def decimals(self, decimals: float) -> Self: ...
    def thresholds(self, thresholds: cogbuilder.Builder[model.ThresholdsConfig]) -> Self: ...
    def no_value(self, no_value: str) -> Self: ...
    def override_by_name(self, name: str, properties: list[model.DynamicConfigValue]) -> Self: ...
    def override_by_regexp(
        self, regexp: str, properties: list[model.DynamicConfigValue]
    ) -> Self: ...
    def mappings(self, mappings: list[model.ValueMapping]) -> Self: ...
    def links(self, links: list[cogbuilder.Builder[model.DashboardLink]]) -> Self: ...
    def legend(self, legend: cogbuilder.Builder[looks.VizLegendOptions]) -> Self: ...
    def build(self) -> model.Panel: ...


class _Built(cogbuilder.Builder[model.Panel]):
    def __init__(self, panel: model.Panel) -> None:
        self._panel = panel

    def build(self) -> model.Panel:
        return self._panel


def build(panel: Panel) -> cogbuilder.Builder[model.Panel]:
    """Grafana's panel."""
    look: _Builder = _LOOKS[panel.look]()
    made = (
        look.title(panel.title)
        .description(panel.description)
        .unit(panel.unit)
        .span(panel.width)
        .height(panel.height)
        .datasource(CLICKHOUSE if panel.is_clickhouse else PROMETHEUS)
        # A value that is not known is no zero; where zero is meant, the query says 0.
        .no_value("-")
        .thresholds(_thresholds(panel.levels or NO_JUDGEMENT))
        .links(list(_links(panel)))
    )
    if panel.decimals is not None:
        made = made.decimals(panel.decimals)
    if panel.names:
        made = made.mappings([_named(panel.names)])
    if calcs := CALCS.get(panel.look) if panel.calcs is None else panel.calcs:
        made = made.legend(_legend(calcs))
    for column, unit in panel.units.items():
        made = made.override_by_name(column, [_property("unit", unit)])
    for cells in panel.cells:
        made = made.override_by_regexp(f"/^({cells.columns})$/", list(_cell_properties(cells)))
    if panel.is_clickhouse:
        shape = TIME_SERIES if panel.look in OVER_TIME else TABLE
        query = SqlQuery(panel.statement, shape=shape)
        # The rollups know quarters of an hour; finer buckets would look empty.
        return _Built(made.with_target(_SqlTarget(query)).interval("15m").build())
    for place, (legend, expression) in enumerate(panel.expressions.items()):
        target = prometheus.Dataquery().expr(expression).legend_format(legend)
        made = made.with_target(target.ref_id("ABCDEFGH"[place]))
    return _Built(made.build())


def runbook_address(section: str) -> str:
    """Where Grafana shows a section of the runbooks (`dashboards.grafana.runbooks`)."""
    return f"/d/runbooks?viewPanel={panel_of(section)}"


def _links(panel: Panel) -> Iterator[dashboards.DashboardLink]:
    if panel.page:
        yield _link("More on the dashboard", f"{PAGE}{panel.page}?{PICKED}")
    if panel.runbook:
        yield _link(f"Runbook: {panel.runbook}", runbook_address(panel.runbook))


def _link(title: str, url: str) -> dashboards.DashboardLink:
    return (
        dashboards.DashboardLink(title)
        .type(model.DashboardLinkType.LINK)
        .url(url)
        .target_blank(True)
    )


def _thresholds(levels: Levels) -> dashboards.ThresholdsConfig:
    steps = [model.Threshold(color=color, value=value) for value, color in levels.items()]
    return dashboards.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(steps)


def _named(names: Mapping[str, tuple[str, str]]) -> model.ValueMap:
    return model.ValueMap(
        options={
            value: model.ValueMappingResult(text=text, color=color or None, index=place)
            for place, (value, (text, color)) in enumerate(names.items())
        }
    )


def _property(name: str, value: object) -> model.DynamicConfigValue:
    return model.DynamicConfigValue(id_val=name, value=value)


def _cell_properties(cells: Cells) -> Iterator[model.DynamicConfigValue]:
    if cells.unit:
        yield _property("unit", cells.unit)
    if cells.bar:
        yield _property("custom.cellOptions", {"type": "gauge", "mode": "basic"})
    elif cells.shade or cells.levels or any(color for _, color in cells.names.values()):
        yield _property("custom.cellOptions", {"type": "color-background", "mode": "basic"})
    if cells.shade:
        yield _property("color", {"mode": cells.shade})
    if cells.shade or cells.bar:
        yield _property("min", 0)
    if cells.greatest is not None:
        yield _property("max", cells.greatest)
    if cells.levels:
        yield _property("color", {"mode": "thresholds"})
        yield _property("thresholds", _thresholds(cells.levels).build())
    if cells.names:
        yield _property("mappings", [_named(cells.names)])
    if cells.page:
        url = f"{PAGE}{cells.page}?{PICKED}"
        link = {"title": "Open on the dashboard", "url": url, "targetBlank": True}
        yield _property("links", [link])


def _lines() -> timeseries.Panel:
    return (
        timeseries.Panel()
        .line_width(2)
        .fill_opacity(8)
        .show_points(looks.VisibilityMode.AUTO)
        .min(0)
        .tooltip(common.VizTooltipOptions().mode(looks.TooltipDisplayMode.MULTI))
    )


def _bars() -> timeseries.Panel:
    return _lines().draw_style(looks.GraphDrawStyle.BARS).fill_opacity(60).line_width(1)


def _stacked() -> timeseries.Panel:
    return _bars().stacking(common.StackingConfig().mode(looks.StackingMode.NORMAL).group("A"))


def _states() -> statetimeline.Panel:
    return statetimeline.Panel().merge_values(True).show_value(looks.VisibilityMode.NEVER)


def _legend(calcs: tuple[str, ...]) -> common.VizLegendOptions:
    return (
        common.VizLegendOptions()
        .display_mode(looks.LegendDisplayMode.TABLE)
        .placement(looks.LegendPlacement.BOTTOM)
        .show_legend(True)
        .calcs(list(calcs))
    )


def _stat() -> stat.Panel:
    return (
        stat.Panel()
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .graph_mode(looks.BigValueGraphMode.NONE)
        .color_mode(looks.BigValueColorMode.VALUE)
    )


def _ranking() -> bargauge.Panel:
    return (
        bargauge.Panel()
        .reduce_options(common.ReduceDataOptions().values(True))
        .orientation(looks.VizOrientation.HORIZONTAL)
        .display_mode(looks.BarGaugeDisplayMode.BASIC)
        .min(0)
    )


_LOOKS: dict[str, Any] = {
    "stat": _stat,
    "lines": _lines,
    "bars": _bars,
    "stacked": _stacked,
    "states": _states,
    "table": table.Panel,
    "ranking": _ranking,
}
