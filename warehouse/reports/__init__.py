"""Typed answers about what happened: one function per question. Knows no service and no HTTP.

Every function takes the reader, the snapshot that the whole answer rests on (`snapshot.resolve`)
and a resolved period (`periods.resolve`), and returns frozen dataclasses. Times are UTC.
"""

from warehouse.reports.answers import (
    NO_FILTERS,
    Activity,
    ActivityPoint,
    CauseRow,
    DialogPage,
    Filters,
    ModelRow,
    Models,
    RecentDialog,
    Summary,
    TopUser,
    TopUsersBy,
    Totals,
)
from warehouse.reports.costs import costs
from warehouse.reports.dialogs import MOST_AT_ONCE, CursorError, every_dialog, recent_dialogs
from warehouse.reports.funnel import funnel
from warehouse.reports.models import models
from warehouse.reports.people import lifecycle, retention, stickiness
from warehouse.reports.people_answers import (
    CheckResult,
    Cohort,
    CohortWidth,
    CostPoint,
    Costs,
    DimensionValues,
    Freshness,
    Funnel,
    FunnelRow,
    FunnelStep,
    Heatmap,
    HeatmapCell,
    Lifecycle,
    LifecyclePoint,
    Quality,
    ReconciledDay,
    Retention,
    Stickiness,
    StickinessPoint,
    UnpricedModel,
)
from warehouse.reports.state import dimension_values, freshness, quality
from warehouse.reports.top_users import top_users
from warehouse.reports.traffic import activity, heatmap, overview, summary

__all__ = [
    "MOST_AT_ONCE",
    "NO_FILTERS",
    "Activity",
    "ActivityPoint",
    "CauseRow",
    "CheckResult",
    "Cohort",
    "CohortWidth",
    "CostPoint",
    "Costs",
    "CursorError",
    "DialogPage",
    "DimensionValues",
    "Filters",
    "Freshness",
    "Funnel",
    "FunnelRow",
    "FunnelStep",
    "Heatmap",
    "HeatmapCell",
    "Lifecycle",
    "LifecyclePoint",
    "ModelRow",
    "Models",
    "Quality",
    "RecentDialog",
    "ReconciledDay",
    "Retention",
    "Stickiness",
    "StickinessPoint",
    "Summary",
    "TopUser",
    "TopUsersBy",
    "Totals",
    "UnpricedModel",
    "activity",
    "costs",
    "dimension_values",
    "every_dialog",
    "freshness",
    "funnel",
    "heatmap",
    "lifecycle",
    "models",
    "overview",
    "quality",
    "recent_dialogs",
    "retention",
    "stickiness",
    "summary",
    "top_users",
]
