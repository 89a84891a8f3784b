"""Product: who comes, what they do, who returns."""

from __future__ import annotations

from dashboards.grafana.asking import (
    COST,
    cost_per,
    day_series,
    listed,
    named,
    series,
    share,
    total,
)
from dashboards.grafana.binding import SERIES, TOUCHED_DAYS, bound, day_start, query
from dashboards.grafana.panels import GOOD_SHARE, HEAT, Cells, bars, figure, lines, listing

COUNT = "locale"
SHARE = "percentunit"


def _active_on(step: int) -> str:
    """People of a cohort who were active so many days after their first one."""
    return f"sumIf(found.people, step = {step})"


_RETENTION = bound(
    "retention_narrowed",
    first_day="first_touched",
    last_day="last_touched",
    followed_last="ledger_today",
    width="toUInt8(1)",
    steps="toUInt8(30)",
)
_BLOCKS = bound("user_events", kinds="['blocked', 'unblocked']", starts="bucket_edges")
_SESSIONS = bound(
    "sessions",
    **SERIES,
    pause="toUInt32(1800)",
    read_until="(picked_until + toIntervalDay(7))",
)
_STEPS = (1, 2, 3, 7, 14, 30)
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

PANELS = (
    figure(
        section="In the range",
        title="User messages",
        description="Messages that people sent in the range, rejected ones included.",
        unit=COUNT,
        sql=total(messages="user_messages"),
    ),
    figure(
        title="Active users",
        description="Distinct people with at least one finished turn in the range. Exact, and"
        " never a sum over days.",
        unit=COUNT,
        sql=total(active="active_users"),
    ),
    figure(
        title="New users",
        description="People whose first turn ever lies in the range.",
        unit=COUNT,
        sql=total(new="new_users"),
    ),
    figure(
        title="Answers",
        description="Turns that ended answered, incomplete ones included.",
        unit=COUNT,
        sql=total(answers="answers"),
    ),
    figure(
        title="Messages per user",
        description="User messages by active users; 0 without users.",
        unit=COUNT,
        decimals=1,
        sql=total(ratio=share("user_messages", "active_users")),
    ),
    figure(
        title="Reached users",
        description="Distinct people who received at least one answer.",
        unit=COUNT,
        sql=total(reached="reached_users"),
    ),
    bars(
        section="Over time",
        title="Messages and answers over time",
        description="Per bucket of the picker's zone. Empty buckets are zero.",
        unit=COUNT,
        sql=series(messages="points.user_messages", answers="points.answers"),
    ),
    lines(
        title="People over time",
        description="Distinct active and new people per bucket. They cannot be added across"
        " buckets.",
        page="/users",
        unit=COUNT,
        sql=series(active="points.active_users", new="points.new_users"),
    ),
    lines(
        title="Daily, weekly and monthly users",
        description="For each day of the report zone: distinct people of the day, of the 7 days"
        " and of the 30 days that end with it.",
        page="/retention",
        unit=COUNT,
        sql=day_series(
            "stickiness_narrowed",
            "target",
            columns={"DAU": "points.dau", "WAU": "points.wau", "MAU": "points.mau"},
            **TOUCHED_DAYS,
        ),
    ),
    bars(
        title="New, returning and lost people",
        description="Per day of the report zone: new, active the day before too, and people"
        " whose last message turned 28 days old.",
        unit=COUNT,
        # A person returns on many days: only means can be read.
        calcs=("mean", "max"),
        page="/retention",
        sql=day_series(
            "lifecycle_narrowed",
            "start",
            columns={
                "new": "points.new",
                "returning": "points.returning",
                "lost": "points.churned",
            },
            **TOUCHED_DAYS,
            history_first="first_touched - 29",
            edges="day_edges",
        ),
    ),
    lines(
        title="Sessions over time",
        description="Turns of one person, each less than 30 minutes after the one before, by the"
        " bucket in which they begin; their turns are counted up to a week after the range.",
        page="/users",
        unit=COUNT,
        sql=query(
            "SELECT toDateTime(edge, 'UTC') AS time, points.sessions AS sessions,"
            f" {share('points.turns', 'points.sessions')} AS `turns per session`\n"
            "FROM (SELECT arrayJoin(bucket_edges) AS edge) AS spine\n"
            f"LEFT JOIN (\n{_SESSIONS}\n) AS points ON points.start = spine.edge\n"
            "ORDER BY time"
        ),
        width=24,
    ),
    listing(
        section="Who returns",
        title="Retention by first day",
        description="People whose first turn fell on a day, and the share of them that was active"
        " exactly n days later; empty where that day is not over.",
        unit=SHARE,
        units={"people": COUNT},
        cells=(Cells(columns="day .+", shade=GOOD_SHARE, greatest=1),),
        page="/retention",
        sql=query(
            f"SELECT toString(cohort) AS `first day`, {_active_on(0)} AS people, "
            + ", ".join(
                f"if(cohort + {step} >= ledger_today, NULL,"
                f" {share(_active_on(step), _active_on(0))}) AS `day {step}`"
                for step in _STEPS
            )
            + "\nFROM (SELECT toDate(arrayJoin(range(toUInt32(first_touched),"
            " toUInt32(last_touched + 1)))) AS cohort) AS spine\n"
            f"LEFT JOIN (\n{_RETENTION}\n) AS found ON found.start = spine.cohort\n"
            "GROUP BY cohort\nORDER BY cohort DESC"
        ),
    ),
    listing(
        title="Funnel by source",
        description="People who began in the range by the source of their /start link: third"
        " turn, return after 1, 7 and 30 days, cost per activated person.",
        unit=COUNT,
        cells=(Cells(columns="started|third turn|day .+", bar=True),),
        page="/retention",
        units={"cost per activated": "currencyUSD"},
        sql=listed(
            "funnel",
            columns={
                "source": named("source", "(none)"),
                "started": "started",
                "third turn": "activated",
                "day 1": "day_1",
                "day 7": "day_7",
                "day 30": "day_30",
                "cost per activated": cost_per("activated"),
            },
        ),
    ),
    listing(
        section="Commands and blocks",
        title="Commands",
        description="Commands that people used in the range, by registered name; all others are"
        " `unknown`. People are distinct. A filter by model leaves none: commands have no model.",
        unit=COUNT,
        cells=(Cells(columns="uses|people", bar=True),),
        page="/users",
        sql=listed(
            "user_events",
            columns={
                "command": named("command", "(none)"),
                "uses": "events",
                "people": "people",
            },
            kinds="['command']",
            starts="bucket_edges",
            tail=" AND found.is_of_command AND NOT found.is_of_bucket",
        ),
        width=12,
    ),
    bars(
        title="Blocked and came back",
        description="Distinct people per bucket of the picker's zone who blocked the bot, and who"
        " unblocked it. They cannot be added across buckets.",
        unit=COUNT,
        calcs=("mean", "max"),
        page="/users",
        sql=query(
            "SELECT toDateTime(edge, 'UTC') AS time,"
            " sumIf(found.people, found.happened = 'blocked') AS `blocked`,"
            " sumIf(found.people, found.happened = 'unblocked') AS `came back`\n"
            "FROM (SELECT arrayJoin(bucket_edges) AS edge) AS spine\n"
            f"LEFT JOIN (\n{_BLOCKS}\n) AS found"
            " ON found.bucket_start = spine.edge AND NOT found.is_of_command\n"
            "GROUP BY edge\nORDER BY time"
        ),
        width=12,
    ),
    listing(
        section="When and who",
        title="Weekday and hour",
        description="User messages by weekday and hour of the picker's zone.",
        unit=COUNT,
        cells=(
            Cells(
                columns="weekday",
                names={str(place): (day, "") for place, day in enumerate(_WEEKDAYS, start=1)},
            ),
            Cells(columns=r"\d\d", shade=HEAT),
        ),
        sql=query(
            "SELECT toUInt8(number + 1) AS weekday, "
            + ", ".join(
                f"sumIf(found.user_messages, found.hour = {hour}) AS `{hour:02}`"
                for hour in range(24)
            )
            + "\nFROM numbers(7) AS days\n"
            f"LEFT JOIN (\n{bound('heatmap_narrowed')}\n) AS found"
            " ON found.weekday = days.number + 1\n"
            "GROUP BY number\nORDER BY weekday"
        ),
        width=24,
    ),
    listing(
        title="Most active people",
        description="By their pseudonymous key; no name and no identifier is in the warehouse.",
        unit=COUNT,
        units={"cost": "currencyUSD"},
        cells=(
            Cells(columns="person", page="/people/${__value.raw}"),
            Cells(columns="messages|answers|tokens|cost", bar=True),
            Cells(columns="last seen", unit="dateTimeFromNow"),
        ),
        page="/users",
        sql=listed(
            "top_users",
            columns={
                "person": "user_key",
                "messages": "user_messages",
                "answers": "answers",
                "tokens": "tokens",
                "cost": COST,
                "last seen": "last_at",
            },
            # Sums per person are kept per bot: any narrower question is asked of the ledger.
            first_day="if(people_narrowed, toDate('1970-01-02'), first_whole)",
            last_day="if(people_narrowed, toDate('1970-01-01'), last_whole)",
            days_since=f"if(people_narrowed, picked_since, {day_start('first_whole')})",
            days_until="if(people_narrowed, picked_since,"
            f" greatest({day_start('last_whole + 1')}, {day_start('first_whole')}))",
            by="'messages'",
            limit="20",
        ),
    ),
)
