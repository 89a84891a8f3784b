"""The questions of 31 days, as each alternative would be asked: its SQL, and plain answers.

Every answer is a list of tuples of numbers and days, so that answers can be compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

POSTGRES: Mapping[str, str] = {
    "series": """
        SELECT (received_at AT TIME ZONE 'UTC')::date AS day, sum(user_messages)::bigint,
               count(DISTINCT user_key)
        FROM turns
        WHERE received_at >= $1 AND received_at < $2 AND status <> 'pending'
        GROUP BY 1 ORDER BY 1""",
    "totals": """
        SELECT sum(user_messages)::bigint, count(DISTINCT user_key)
        FROM turns WHERE received_at >= $1 AND received_at < $2 AND status <> 'pending'""",
    "top users": """
        SELECT user_key, sum(user_messages)::bigint AS messages
        FROM turns WHERE received_at >= $1 AND received_at < $2 AND status <> 'pending'
        GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 10""",
    "retention": """
        WITH days AS (
            SELECT DISTINCT user_key, (received_at AT TIME ZONE 'UTC')::date AS day
            FROM turns WHERE received_at >= $1 AND received_at < $2 AND status <> 'pending'
        ), firsts AS (SELECT user_key, min(day) AS day FROM days GROUP BY 1)
        SELECT firsts.day, days.day - firsts.day, count(*)
        FROM days JOIN firsts USING (user_key) GROUP BY 1, 2 ORDER BY 1, 2""",
}
MATVIEW: Mapping[str, str] = {
    "series": """
        SELECT day, sum(messages)::bigint, count(*) FROM user_day
        WHERE day >= $1::date AND day < $2::date GROUP BY 1 ORDER BY 1""",
    "totals": """
        SELECT sum(messages)::bigint, count(DISTINCT user_key) FROM user_day
        WHERE day >= $1::date AND day < $2::date""",
    "top users": """
        SELECT user_key, sum(messages)::bigint FROM user_day
        WHERE day >= $1::date AND day < $2::date GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 10""",
    "retention": """
        WITH firsts AS (SELECT user_key, min(day) AS day FROM user_day GROUP BY 1)
        SELECT firsts.day, days.day - firsts.day, count(*)
        FROM user_day AS days JOIN firsts USING (user_key)
        WHERE days.day >= $1::date AND days.day < $2::date GROUP BY 1, 2 ORDER BY 1, 2""",
}
_IN_RANGE = "received_at >= {since:DateTime('UTC')} AND received_at < {until:DateTime('UTC')}"
FACTS: Mapping[str, str] = {
    "series": f"""
        SELECT toDate(received_at, {{tz:String}}) AS day, sum(user_messages), uniqExact(user_key)
        FROM turns WHERE {_IN_RANGE} GROUP BY day ORDER BY day""",  # noqa: S608 # own text
    "totals": f"""
        SELECT sum(user_messages), uniqExact(user_key)
        FROM turns WHERE {_IN_RANGE}""",  # noqa: S608 # own text
    "top users": f"""
        SELECT user_key, sum(user_messages) AS messages
        FROM turns WHERE {_IN_RANGE}
        GROUP BY user_key ORDER BY messages DESC, user_key LIMIT 10""",  # noqa: S608 # own text
    "retention": f"""
        WITH days AS (
            SELECT user_key, arraySort(groupUniqArray(toDate(received_at))) AS active
            FROM turns WHERE {_IN_RANGE} GROUP BY user_key
        )
        SELECT active[1] AS start, arrayJoin(active) - start AS step, count()
        FROM days GROUP BY start, step ORDER BY start, step""",  # noqa: S608 # own text
}
MAKE_UNIQ = """
CREATE TABLE uniq_hours ENGINE = MergeTree ORDER BY hour AS
SELECT toStartOfHour(received_at) AS hour, bot_id, chat_type, language,
       sum(user_messages) AS messages, uniqState(user_key) AS people
FROM turns GROUP BY hour, bot_id, chat_type, language
"""
_HOURS = "hour >= {since:DateTime('UTC')} AND hour < {until:DateTime('UTC')}"
UNIQ: Mapping[str, str] = {
    "series": f"""
        SELECT toDate(hour) AS day, sum(messages), uniqMerge(people)
        FROM uniq_hours WHERE {_HOURS} GROUP BY day ORDER BY day""",  # noqa: S608 # own text
    "totals": f"""
        SELECT sum(messages), uniqMerge(people)
        FROM uniq_hours WHERE {_HOURS}""",  # noqa: S608 # own text
}


def plain(rows: Any) -> list[tuple[Any, ...]]:
    """Rows of any driver as tuples."""
    return [tuple(row.values()) if isinstance(row, Mapping) else tuple(row) for row in rows]


def day_of(moment: datetime, zone: Any) -> date:
    return moment.astimezone(zone).date()
