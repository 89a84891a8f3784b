"""The suites: each expectation carries the name of the check that it is."""

from __future__ import annotations

from great_expectations import ExpectationSuite
from great_expectations.expectations import core as expect

from common.vocabulary import ChatType, TurnStatus

MAX_TOKENS = 10_000_000
MAX_COST_USD = 1_000
FRESH_SECONDS = 300
FINISHED = [status.value for status in TurnStatus if status is not TurnStatus.PENDING]


def _named(check: str) -> dict[str, str]:
    return {"check": check}


def _true(column: str, check: str, *, mostly: float = 1.0) -> expect.ExpectColumnValuesToBeInSet:
    return expect.ExpectColumnValuesToBeInSet(
        column=column, value_set=[True, 1], mostly=mostly, meta=_named(check)
    )


def _equal(left: str, right: str, check: str) -> expect.ExpectColumnPairValuesToBeEqual:
    return expect.ExpectColumnPairValuesToBeEqual(
        column_A=left, column_B=right, ignore_row_if="neither", meta=_named(check)
    )


def ledger_suite() -> ExpectationSuite:
    """Rules about single turns: nulls, sets, ranges, references."""
    return ExpectationSuite(
        name="ledger",
        expectations=[
            expect.ExpectColumnValuesToBeUnique(column="id", meta=_named("turn_ids_are_unique")),
            expect.ExpectColumnValuesToNotBeNull(column="id", meta=_named("turn_has_id")),
            expect.ExpectColumnValuesToNotBeNull(column="user_key", meta=_named("turn_has_person")),
            _true("is_known_person", "person_is_known"),
            expect.ExpectColumnValuesToBeInSet(
                column="status", value_set=FINISHED, meta=_named("status_is_known")
            ),
            expect.ExpectColumnValuesToBeInSet(
                column="chat_type",
                value_set=[kind.value for kind in ChatType],
                meta=_named("chat_type_is_known"),
            ),
            expect.ExpectColumnValuesToBeBetween(
                column="user_messages", min_value=0, meta=_named("user_messages_in_range")
            ),
            _true("is_past", "turn_is_not_from_the_future"),
            _true("has_answer_time", "answer_has_time"),
            # Clocks of two machines may disagree on a few turns.
            _true("is_answered_after", "answer_follows_question", mostly=0.99),
            _true("has_reason", "failure_has_reason", mostly=0.95),
            *(
                expect.ExpectColumnValuesToBeBetween(
                    column=column,
                    min_value=0,
                    max_value=MAX_TOKENS,
                    meta=_named(f"{column}_in_range"),
                )
                for column in ("prompt_tokens", "completion_tokens")
            ),
            expect.ExpectColumnValuesToBeBetween(
                column="cost_usd",
                min_value=0,
                max_value=MAX_COST_USD,
                meta=_named("cost_in_range"),
            ),
        ],
    )


def days_suite() -> ExpectationSuite:
    """Totals of all tiers are the ledger's."""
    people = ("activity", "day_users", "user_days")
    return ExpectationSuite(
        name="days",
        expectations=[
            *(
                _equal(f"{tier}_turns", "ledger_turns", f"{tier}_turns_equal_ledger")
                for tier in ("activity", "daily", "user_days")
            ),
            *(
                _equal(f"{tier}_cost", "ledger_cost", f"{tier}_cost_equals_ledger")
                for tier in ("activity", "daily", "user_days")
            ),
            *(
                _equal(f"{tier}_people", "ledger_people", f"{tier}_people_equal_ledger")
                for tier in people
            ),
            _equal("new_people", "day_users_new_people", "new_people_are_the_same"),
            expect.ExpectColumnValuesToBeInSet(
                column="is_withheld", value_set=[False, 0], meta=_named("no_day_is_withheld")
            ),
        ],
    )


def freshness_suite() -> ExpectationSuite:
    """How old and how much."""
    return ExpectationSuite(
        name="freshness",
        expectations=[
            expect.ExpectColumnValuesToBeBetween(
                column="lag_seconds", max_value=FRESH_SECONDS, meta=_named("data_is_fresh")
            ),
            expect.ExpectColumnValuesToBeBetween(
                column="stored_turns", min_value=1, meta=_named("ledger_is_not_empty")
            ),
            expect.ExpectColumnValuesToBeBetween(
                column="published_days", min_value=1, meta=_named("days_are_published")
            ),
        ],
    )
