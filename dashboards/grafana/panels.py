"""Panels: title, query and appearance. Builds Grafana's objects.

ClickHouse's query objects are not part of the foundation SDK, so one is declared here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol, Self

from grafana_foundation_sdk.builders import (
    barchart,
    bargauge,
    common,
    prometheus,
    stat,
    table,
    timeseries,
)
from grafana_foundation_sdk.builders import dashboard as dashboards
from grafana_foundation_sdk.cog import builder as cogbuilder
from grafana_foundation_sdk.cog import variants
from grafana_foundation_sdk.models import common as looks
from grafana_foundation_sdk.models import dashboard as model

from dashboards.grafana.binding import titled

CLICKHOUSE = model.DataSourceRef(type_val="grafana-clickhouse-datasource", uid="clickhouse")
PROMETHEUS = model.DataSourceRef(type_val="prometheus", uid="prometheus")
PLUGIN_VERSION = "4.11.1"
TIME_SERIES, TABLE = 0, 1
"""How the plugin shapes an answer."""


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
class Panel:
    """One question and its answer.

    Args:
        look: `stat`, `lines`, `bars`, `stacked`, `table`, `ranking` or `columns`.
        unit: Grafana's id of the unit.
        sql: asked of ClickHouse; else Prometheus is asked the `expressions`.
        expressions: PromQL by legend.
        units: the unit of single columns.
        bad_from: from which value on it is red; None: no judgement.
    """

    title: str
    description: str
    look: str
    unit: str
    sql: str = ""
    expressions: dict[str, str] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    bad_from: float | None = None
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
        .no_value("0")
    )
    if panel.decimals is not None:
        made = made.decimals(panel.decimals)
    if panel.bad_from is not None:
        made = made.thresholds(_red_from(panel.bad_from))
    for column, unit in panel.units.items():
        made = made.override_by_name(column, [model.DynamicConfigValue(id_val="unit", value=unit)])
    if panel.is_clickhouse:
        is_series = panel.look in {"lines", "bars", "stacked"}
        query = SqlQuery(panel.statement, shape=TIME_SERIES if is_series else TABLE)
        # The rollups know quarters of an hour; finer buckets would look empty.
        return _Built(made.with_target(_SqlTarget(query)).interval("15m").build())
    for place, (legend, expression) in enumerate(panel.expressions.items()):
        target = prometheus.Dataquery().expr(expression).legend_format(legend)
        made = made.with_target(target.ref_id("ABCDEFGH"[place]))
    return _Built(made.build())


def _red_from(value: float) -> cogbuilder.Builder[model.ThresholdsConfig]:
    return (
        dashboards.ThresholdsConfig()
        .mode(model.ThresholdsMode.ABSOLUTE)
        .steps(
            [
                model.Threshold(color="green", value=None),
                model.Threshold(color="red", value=value),
            ]
        )
    )


def _lines() -> timeseries.Panel:
    return (
        timeseries.Panel()
        .line_width(2)
        .fill_opacity(8)
        .show_points(looks.VisibilityMode.AUTO)
        .min(0)
        .legend(_legend())
        .tooltip(common.VizTooltipOptions().mode(looks.TooltipDisplayMode.MULTI))
    )


def _bars() -> timeseries.Panel:
    return _lines().draw_style(looks.GraphDrawStyle.BARS).fill_opacity(60).line_width(1)


def _stacked() -> timeseries.Panel:
    return _bars().stacking(common.StackingConfig().mode(looks.StackingMode.NORMAL).group("A"))


def _legend() -> common.VizLegendOptions:
    return (
        common.VizLegendOptions()
        .display_mode(looks.LegendDisplayMode.LIST)
        .placement(looks.LegendPlacement.BOTTOM)
        .show_legend(True)
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


def _columns() -> barchart.Panel:
    return barchart.Panel().legend(_legend()).min(0)


_LOOKS: dict[str, Any] = {
    "stat": _stat,
    "lines": _lines,
    "bars": _bars,
    "stacked": _stacked,
    "table": table.Panel,
    "ranking": _ranking,
    "columns": _columns,
}
