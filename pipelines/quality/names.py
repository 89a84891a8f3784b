"""The names of all expectations, by the asset they are about.

Apart from the suites themselves, because importing Great Expectations takes seconds and memory
that only the process that runs them should pay.
"""

from __future__ import annotations

from collections.abc import Mapping

LEDGER = {
    "turn_ids_are_unique": "Each finished turn is stored once.",
    "turn_has_id": "Every turn has an id.",
    "turn_has_person": "Every turn has a pseudonym.",
    "person_is_known": "The pseudonym was given out by the users table.",
    "status_is_known": "A finished turn was answered, failed, cancelled or rejected.",
    "chat_type_is_known": "A chat is private, a group, a supergroup or a channel.",
    "user_messages_in_range": "A turn joins messages, or asks one again.",
    "turn_is_not_from_the_future": "No turn was received later than tomorrow.",
    "answer_has_time": "An answered turn says when.",
    "answer_follows_question": "No answer is older than its question.",
    "failure_has_reason": "A turn without an answer says why.",
    "prompt_tokens_in_range": "A turn has 0 to 10 million prompt tokens, or an unknown number.",
    "completion_tokens_in_range": "A turn has 0 to 10 million completion tokens, or an unknown"
    " number.",
    "cost_in_range": "A turn costs 0 to 1,000 USD, or an unknown amount.",
}
DAYS = {
    "activity_turns_equal_ledger": "Quarters of an hour add up to the ledger.",
    "daily_turns_equal_ledger": "Days add up to the ledger.",
    "user_days_turns_equal_ledger": "People's days add up to the ledger.",
    "activity_cost_equals_ledger": "The cost of quarters of an hour is the ledger's, to the last"
    " digit.",
    "daily_cost_equals_ledger": "The cost of days is the ledger's, to the last digit.",
    "user_days_cost_equals_ledger": "The cost of people's days is the ledger's, to the last digit.",
    "activity_people_equal_ledger": "Quarters of an hour have exactly the ledger's people.",
    "day_users_people_equal_ledger": "Bots' days have exactly the ledger's people.",
    "user_days_people_equal_ledger": "People's days have exactly the ledger's people.",
    "new_people_are_the_same": "New people by quarter of an hour and by day are the same.",
    "no_day_is_withheld": "Every published day is current.",
}
FRESHNESS = {
    "data_is_fresh": "Readers see what was committed at most five minutes ago.",
    "ledger_is_not_empty": "Something was replicated.",
    "days_are_published": "Something was published.",
}

CHECKS: Mapping[str, Mapping[str, str]] = {
    "turns": {**LEDGER, **FRESHNESS},
    "daily": DAYS,
}
"""Asset -> check -> description."""
