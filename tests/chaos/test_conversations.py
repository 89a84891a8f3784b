"""The comparison of conversations finds every kind of difference, and nothing in equal records."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from tests.chaos.checks.conversations import (
    Recorded,
    duplicated_calls,
    joined,
    lost,
    unexpected,
    unseen_answers,
)
from tests.chaos.writers import SentUpdates

FIRST, SECOND, AGAIN = UUID(int=1), UUID(int=2), UUID(int=4)
LONG = "x" * 4096
SENT = SentUpdates(
    texts={1: "one 🌊", 2: LONG, 3: "rest"},
    others={4: "command", 5: ""},
    repeats={6, 7},
    uncertain=["maybe"],
)
RECORDED = Recorded(
    outcomes={
        1: ("turn", FIRST),
        2: ("turn", SECOND),
        3: ("turn", SECOND),
        4: ("command", None),
        5: ("ignored", None),
        6: ("turn", AGAIN),
        7: ("command", None),
    },
    user_messages={FIRST: 1, SECOND: 2, AGAIN: 0},
    pending=0,
    texts={FIRST: ["one 🌊"], SECOND: [LONG + "rest"]},
    repeats={AGAIN: LONG + "rest"},
    attempts={
        FIRST: [(10.0, "http_error"), (11.0, "answered")],
        SECOND: [(12.0, "answered")],
        AGAIN: [(13.0, "answered")],
    },
)


def call(text: str, event: str = "started") -> dict[str, Any]:
    return {"event": event, "text_sha256": hashlib.sha256(text.encode()).hexdigest()}


CALLS = [
    *(call("one 🌊"), call("one 🌊"), call("one 🌊", "ended")),
    *(call(LONG + "rest"), call(LONG + "rest")),
]
STARTS = [5.0, 20.0]


def test_equal_records_have_no_differences() -> None:
    assert lost(SENT, RECORDED).count == 0
    assert unexpected(SENT, RECORDED).count == 0
    assert duplicated_calls(CALLS, STARTS, RECORDED, SENT).count == 0
    assert unseen_answers(CALLS, RECORDED).count == 0


@pytest.mark.parametrize(
    ("changed", "count"),
    [
        ({1: None}, 1),
        ({1: (None, None)}, 1),
        ({1: ("parked", None)}, 1),
        ({4: ("ignored", None)}, 1),
        ({5: (None, None)}, 1),
        ({6: ("ignored", None)}, 1),
        ({6: ("turn", None)}, 1),
        ({7: (None, None)}, 1),
        ({7: ("turn", AGAIN)}, 2),
        # One of two parts is missing: its turn holds more than the other part.
        ({3: None}, 3),
    ],
)
def test_an_update_without_its_outcome_is_lost(changed: dict[int, Any], count: int) -> None:
    outcomes = {
        one: outcome
        for one, outcome in {**RECORDED.outcomes, **changed}.items()
        if outcome is not None
    }
    assert lost(SENT, replace(RECORDED, outcomes=outcomes)).count == count


@pytest.mark.parametrize(
    "texts",
    [{FIRST: ["one 🌊 "]}, {FIRST: []}, {FIRST: ["one 🌊", "one 🌊"]}, {FIRST: ["one \ud83c"]}],
)
def test_a_text_that_differs_by_a_byte_is_lost(texts: dict[UUID, list[str]]) -> None:
    assert lost(SENT, replace(RECORDED, texts=dict(RECORDED.texts) | texts)).count == 1


def test_two_updates_in_one_turn_that_counts_one_are_found() -> None:
    counted = replace(RECORDED, user_messages={FIRST: 1, SECOND: 1, AGAIN: 0})
    assert lost(SENT, counted).count == 1


def test_a_repeated_text_that_is_counted_again_is_found() -> None:
    counted = replace(RECORDED, user_messages={FIRST: 1, SECOND: 2, AGAIN: 1})
    assert lost(SENT, counted).count == 1


def test_a_repeated_text_that_is_asked_twice_is_a_duplicate() -> None:
    assert duplicated_calls([*CALLS, call(LONG + "rest")], STARTS, RECORDED, SENT).count == 1


def test_a_text_that_was_joined_with_an_uncertain_one_is_not_lost() -> None:
    outcomes = dict(RECORDED.outcomes) | {9: ("turn", FIRST)}
    counted = dict(RECORDED.user_messages) | {FIRST: 2}
    texts = dict(RECORDED.texts) | {FIRST: ["one 🌊\nmaybe"]}
    mixed = replace(RECORDED, outcomes=outcomes, user_messages=counted, texts=texts)
    assert lost(SENT, mixed).count == 0
    never = replace(mixed, texts=texts | {FIRST: ["one 🌊\nnever written"]})
    assert lost(SENT, never).count == 2


def with_files(text: str, asked: str, *, transcriptions: int = 1) -> Recorded:
    """The first turn, joined with a photo and two recordings."""
    return replace(
        RECORDED,
        outcomes=dict(RECORDED.outcomes) | dict.fromkeys((10, 11, 12), ("turn", FIRST)),
        user_messages=dict(RECORDED.user_messages) | {FIRST: 4},
        texts=dict(RECORDED.texts) | {FIRST: [text]},
        asked={FIRST: asked},
        side_calls={("transcription", FIRST): transcriptions},
    )


def test_a_text_may_be_joined_with_files_whose_words_are_missing_but_not_changed() -> None:
    sent = replace(SENT, files={10: "caption", 11: "said", 12: "said too"}, recordings={11, 12})
    whole = "one 🌊\ncaption\nsaid\nsaid too"
    calls = [*CALLS, call(whole), call(whole)]
    transcribed = {"event": "started", "purpose": "transcription", "text_sha256": "0"}
    calls = [*calls[3:], transcribed, transcribed]

    def counts(recorded: Recorded) -> tuple[int, int, int]:
        return (
            lost(sent, recorded).count,
            unexpected(sent, recorded).count,
            duplicated_calls(calls, STARTS, recorded, sent).count,
        )

    assert counts(with_files(whole, whole, transcriptions=2)) == (0, 0, 0)
    assert counts(with_files("one 🌊\nsaid too", whole, transcriptions=2)) == (0, 0, 0)
    assert counts(with_files("one 🌊\nsaid otherwise", whole, transcriptions=2)) == (4, 0, 0)
    assert counts(with_files(whole, whole, transcriptions=3)) == (0, 0, 1)
    assert counts(with_files(whole, "something else", transcriptions=2)) == (0, 0, 2)


def test_only_a_turn_of_recordings_may_be_without_a_message() -> None:
    silent = UUID(int=8)
    recorded = replace(
        RECORDED,
        outcomes=dict(RECORDED.outcomes) | {10: ("turn", silent), 11: ("turn", silent)},
        user_messages=dict(RECORDED.user_messages) | {silent: 2},
    )
    assert lost(replace(SENT, files={10: "said", 11: "said too"}), recorded).count == 0
    with_text = replace(SENT, texts=dict(SENT.texts) | {10: "written"}, files={11: "said too"})
    assert lost(with_text, recorded).count == 2


def test_a_file_without_an_outcome_is_lost() -> None:
    assert lost(replace(SENT, files={10: "caption"}), RECORDED).count == 1


def test_a_text_sent_with_an_unanswered_one_counts_alone() -> None:
    together_with_last = call("one 🌊\n\n" + LONG + "rest")
    merged = {together_with_last["text_sha256"]: call(LONG + "rest")["text_sha256"]}
    together = replace(RECORDED, merged=merged)
    calls = [*CALLS[:-1], together_with_last]
    assert duplicated_calls(calls, STARTS, together, SENT).count == 0
    assert unseen_answers(calls, together).count == 0
    assert duplicated_calls(calls, STARTS, RECORDED, SENT).count == 1


def test_an_unfinished_turn_is_lost() -> None:
    assert lost(SENT, replace(RECORDED, pending=2)).count == 2


def test_a_turn_with_an_unsent_text_is_found_and_an_uncertain_one_is_not() -> None:
    third = UUID(int=3)
    maybe = replace(RECORDED, texts=dict(RECORDED.texts) | {third: ["maybe"]})
    never = replace(RECORDED, texts=dict(RECORDED.texts) | {third: ["never written"]})
    assert unexpected(SENT, maybe).count == 0
    assert unexpected(SENT, never).count == 1


def test_a_turn_that_repeats_a_text_and_belongs_to_no_update_is_found() -> None:
    twice = dict(RECORDED.user_messages) | {UUID(int=5): 0}
    assert unexpected(SENT, replace(RECORDED, user_messages=twice)).count == 1


def test_an_update_that_stays_open_is_found_even_if_it_was_not_sent() -> None:
    outcomes = dict(RECORDED.outcomes) | {99: (None, None)}
    assert unexpected(SENT, replace(RECORDED, outcomes=outcomes)).count == 1


def test_a_call_after_a_restart_is_a_duplicate_and_a_retry_before_it_is_not() -> None:
    assert duplicated_calls(CALLS, [5.0, 10.5], RECORDED, SENT).count == 1


def test_an_unrecorded_call_is_a_duplicate() -> None:
    assert duplicated_calls([*CALLS, call("one 🌊")], STARTS, RECORDED, SENT).count == 1


def test_an_answer_that_the_model_never_gave_is_found() -> None:
    assert unseen_answers(CALLS[:-1], RECORDED).count == 1


def test_a_full_part_is_joined_directly_and_a_shorter_one_with_a_line_break() -> None:
    assert joined([LONG, "rest"]) == LONG + "rest"
    assert joined(["x" * 4090, "rest"]) == "x" * 4090 + "\nrest"
    assert joined(["🌊" * 2048, "rest"]) == "🌊" * 2048 + "rest"
