"""Reports: typed answers from the warehouse, one function per report.

Every function takes the reader, the snapshot that the whole answer rests on (`snapshot.resolve`)
and a resolved period (`periods.resolve`), and returns frozen dataclasses. Times are UTC.
"""

from warehouse.reports.activity import Activity, ActivityPoint, activity, summary_and_activity
from warehouse.reports.costs import CostPoint, Costs, UnpricedModel, costs
from warehouse.reports.dialog_places import CursorError
from warehouse.reports.dialogs import (
    MAX_DIALOGS_AT_ONCE,
    DialogPage,
    RecentDialog,
    every_dialog,
    ordered_dialogs,
    recent_dialogs,
)
from warehouse.reports.dimension_values import DimensionValues, dimension_values
from warehouse.reports.feedback import Feedback, RatedGroup, feedback
from warehouse.reports.forecast import Forecast, forecast
from warehouse.reports.freshness import Freshness, freshness
from warehouse.reports.funnel import Funnel, FunnelRow, FunnelStep, funnel
from warehouse.reports.heatmap import Heatmap, HeatmapCell, heatmap
from warehouse.reports.lifecycle import Lifecycle, LifecyclePoint, lifecycle
from warehouse.reports.listed_turns import ListedTurn, TurnPage, listed_turns
from warehouse.reports.minutes import LastMinutes, Minute, end_of_minute, last_minutes
from warehouse.reports.models import CauseRow, ModelRow, Models, models
from warehouse.reports.person import PersonTotals, person
from warehouse.reports.quality import CheckResult, Quality, ReconciledDay, quality
from warehouse.reports.ranked_dialogs import (
    NEWEST_FIRST,
    DialogColumn,
    DialogOrder,
)
from warehouse.reports.retention import Cohort, CohortWidth, Retention, retention
from warehouse.reports.sessions import SessionPoint, UserSessions, sessions
from warehouse.reports.shapes import NO_FILTERS, Condition, Filters
from warehouse.reports.stickiness import Stickiness, StickinessPoint, stickiness
from warehouse.reports.summary import Summary, Totals, summary
from warehouse.reports.top_users import TopUser, TopUsersBy, top_users
from warehouse.reports.user_events import (
    BlockPoint,
    Blocks,
    CommandBucket,
    CommandPoint,
    Commands,
    CommandUse,
    blocks,
    commands,
)

__all__ = [
    "MAX_DIALOGS_AT_ONCE",
    "NEWEST_FIRST",
    "NO_FILTERS",
    "Activity",
    "ActivityPoint",
    "BlockPoint",
    "Blocks",
    "CauseRow",
    "CheckResult",
    "Cohort",
    "CohortWidth",
    "CommandBucket",
    "CommandPoint",
    "CommandUse",
    "Commands",
    "Condition",
    "CostPoint",
    "Costs",
    "CursorError",
    "DialogColumn",
    "DialogOrder",
    "DialogPage",
    "DimensionValues",
    "Feedback",
    "Filters",
    "Forecast",
    "Freshness",
    "Funnel",
    "FunnelRow",
    "FunnelStep",
    "Heatmap",
    "HeatmapCell",
    "LastMinutes",
    "Lifecycle",
    "LifecyclePoint",
    "ListedTurn",
    "Minute",
    "ModelRow",
    "Models",
    "PersonTotals",
    "Quality",
    "RatedGroup",
    "RecentDialog",
    "ReconciledDay",
    "Retention",
    "SessionPoint",
    "Stickiness",
    "StickinessPoint",
    "Summary",
    "TopUser",
    "TopUsersBy",
    "Totals",
    "TurnPage",
    "UnpricedModel",
    "UserSessions",
    "activity",
    "blocks",
    "commands",
    "costs",
    "dimension_values",
    "end_of_minute",
    "every_dialog",
    "feedback",
    "forecast",
    "freshness",
    "funnel",
    "heatmap",
    "last_minutes",
    "lifecycle",
    "listed_turns",
    "models",
    "ordered_dialogs",
    "person",
    "quality",
    "recent_dialogs",
    "retention",
    "sessions",
    "stickiness",
    "summary",
    "summary_and_activity",
    "top_users",
]
