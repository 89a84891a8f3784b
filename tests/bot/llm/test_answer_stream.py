"""Answers in every shape that a server sends, read without a network."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from itertools import count
from typing import Any

import pytest

from bot.llm.completion import (
    Completion,
    ErrorKind,
    ModelError,
    read_usage,
)
from bot.llm.errors import parse_failure
from bot.llm.stream import AnswerStream, StreamProgress
from bot.llm.thinking import split_thinking, visible_part

PAID = {"usage": {"prompt_tokens": 200, "completion_tokens": 2048, "cost": 0.02}, "choices": []}

THOUGHT = {
    "usage": {
        "prompt_tokens": 9,
        "completion_tokens": 9,
        "completion_tokens_details": {"reasoning_tokens": 4},
    },
    "choices": [],
}


def delta(**fields: Any) -> dict[str, Any]:
    return {"id": "gen-1", "model": "m", "choices": [{"index": 0, "delta": fields}]}


def finish(reason: str) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}


def read(*chunks: Any, done: bool = True) -> tuple[AnswerStream, list[str]]:
    """An answer of these events, and what could be shown while it grew."""
    answer, shown = AnswerStream(), []
    for chunk in chunks:
        if answer.read_line(f"data: {json.dumps(chunk)}") is StreamProgress.TEXT:
            shown.append(answer.shown)
        answer.read_line("")
    if done:
        answer.read_line("data: [DONE]")
    answer.end()
    return answer, shown


def pieces(text: str, size: int) -> list[dict[str, Any]]:
    return [delta(content=text[at : at + size]) for at in range(0, len(text), size)]


def failed(answer: AnswerStream) -> ModelError:
    with pytest.raises(ModelError) as caught:
        answer.completion()
    return caught.value


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<think>secret</think>The answer.", "The answer."),
        ("\n <think>\nsecret\n</think>\n\nThe answer.", "The answer."),
        ("<THINK>secret</THINK>The answer.", "The answer."),
        ("<thinking>secret</thinking>The answer.", "The answer."),
        ("<think></think>The answer.", "The answer."),
        ("<think>secret</think><think>secret</think>The answer.", "The answer."),
        ("<think>secret `</think>` secret</think>The answer.", "The answer."),
        ("The tag `<think>` begins it.", "The tag `<think>` begins it."),
        ("```\n<think>code</think>\n```", "```\n<think>code</think>\n```"),
        ("Before <think>that</think> after", "Before <think>that</think> after"),
        ("<thinker> is no tag", "<thinker> is no tag"),
        ("a < b", "a < b"),
    ],
)
def test_thinking_in_tags_is_no_part_of_the_answer(text: str, expected: str, size: int) -> None:
    answer, shown = read(*pieces(text, size), finish("stop"))

    assert answer.completion().text == expected
    assert all(expected.startswith(part) for part in shown)
    assert not any("secret" in part for part in shown)


def test_a_thinking_block_opened_in_the_prompt_ends_on_its_own_line() -> None:
    assert split_thinking("secret\n</think>\n\nThe answer.").answer == "The answer."
    kept = "```\nsecret\n</think>\n```"
    assert split_thinking(kept).answer == kept


@pytest.mark.parametrize("size", [1, 4, 1000])
def test_unclosed_thinking_keeps_its_tag_and_is_never_empty(size: int) -> None:
    answer, shown = read(*pieces("<think>it is two</thin", size), finish("stop"))

    completion = answer.completion()

    assert completion.is_thinking
    assert split_thinking(completion.text).thinking.strip() == "it is two</thin"
    assert shown == []


@pytest.mark.parametrize(
    ("lines", "milliseconds"),
    [
        ((delta(content="one"), delta(content=" two"), delta(content=" three")), 2_000),
        ((delta(content=""), delta(content="one"), delta(content=" two")), 1_000),
        ((delta(content="one"),), 0),
        # How many of the tokens were thinking is stated, or is not.
        ((delta(reasoning="hm"), delta(content="a"), delta(content="b"), THOUGHT), 1_000),
        ((delta(reasoning="hm"), delta(content="a"), delta(content="b"), PAID), 0),
        ((delta(content="<think>hm</think>"), delta(content="a"), delta(content="b"), PAID), 0),
    ],
)
def test_an_answer_is_timed_from_its_first_to_its_last_visible_text(
    lines: Sequence[Any], milliseconds: int
) -> None:
    seconds = count()
    answer = AnswerStream(clock=lambda: float(next(seconds)))
    for line in lines:
        answer.read_line(f"data: {json.dumps(line)}")
        answer.read_line("")
    assert answer.generation_ms == milliseconds


def test_thinking_before_an_error_is_no_answer() -> None:
    answer, _ = read(delta(content="<think>hm"), {"error": {"code": 503, "message": "gone"}})

    assert failed(answer).kind is ErrorKind.SERVER_ERROR


def test_a_partial_tag_is_not_shown() -> None:
    assert visible_part("<thi") == ""
    assert visible_part("<think>a</think>\n<th") == ""
    assert visible_part("<this") == "<this"


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
def test_reasoning_is_progress_and_never_text(field: str) -> None:
    answer, shown = read(delta(**{field: "secret"}), delta(content="yes"), finish("stop"))

    assert (answer.completion().text, shown) == ("yes", ["yes"])
    assert answer.has_thought


def test_details_of_reasoning_and_comments_are_signs_of_life() -> None:
    answer = AnswerStream()
    details = delta(reasoning_details=[{"type": "reasoning.text", "text": "secret"}])

    assert answer.read_line(": PROCESSING") is StreamProgress.ALIVE
    assert answer.read_line(f"data: {json.dumps(details)}") is StreamProgress.ALIVE
    assert answer.read_line("event: message") is StreamProgress.NOTHING


def test_a_character_split_over_two_chunks_is_joined() -> None:
    answer, shown = read(
        delta(content="Hi \ud83d"),
        delta(content="\ude00!"),
        delta(content="\ud83d"),
        finish("stop"),
    )

    assert answer.completion().text == "Hi 😀!\ud83d"
    assert shown == ["Hi ", "Hi 😀!"]


def test_done_without_a_finish_reason_is_whole() -> None:
    answer, _ = read(delta(content="whole"))
    assert (answer.completion().text, answer.completion().cut_by) == ("whole", None)

    answer, _ = read(delta(content="cut"), done=False)
    assert answer.completion().cut_by is ErrorKind.CUT


def test_a_refusal_is_shown_and_recorded_as_one() -> None:
    answer, shown = read(delta(refusal="I can"), delta(refusal="not."), finish("stop"))

    completion = answer.completion()

    assert (completion.text, completion.outcome) == ("I cannot.", "refused")
    assert shown[-1] == "I cannot."


@pytest.mark.parametrize(
    "content",
    [
        [{"type": "text", "text": "one "}, {"type": "text", "text": "two"}],
        [{"type": "thinking", "thinking": [{"type": "text", "text": "secret"}]},
         {"type": "text", "text": "one two"}],
        [{"type": "image_url"}, {"type": "output_text", "text": "one two"}],
        {"type": "text", "text": "one two"},
        ["one ", "two"],
    ],
)  # fmt: skip
def test_content_as_parts_is_read(content: Any) -> None:
    answer, _ = read(delta(content=content), finish("stop"))
    assert answer.completion().text == "one two"


def body(**fields: Any) -> AnswerStream:
    """An answer that is one body, pretty-printed."""
    answer = AnswerStream()
    for line in json.dumps(fields, indent=2).split("\n"):
        answer.read_line(line)
    answer.end()
    return answer


def test_a_whole_completion_is_understood() -> None:
    message = {"role": "assistant", "content": "whole", "reasoning": "secret"}
    answer = body(
        id="gen-1", model="m", usage=PAID["usage"],
        choices=[{"index": 0, "message": message, "finish_reason": "stop"}],
    )  # fmt: skip

    completion = answer.completion()

    assert (completion.text, completion.report.usage.cost_usd) == ("whole", Decimal("0.02"))
    assert completion.report.generation_id == "gen-1"


@pytest.mark.parametrize(
    ("error", "kind", "is_unpriced"),
    [
        ({"error": {"code": 429, "message": "slow down"}}, ErrorKind.RATE_LIMITED, False),
        ({"error": {"code": 402, "message": "no money"}}, ErrorKind.PAYMENT, False),
        ({"error": {"code": "rate_limit_exceeded"}}, ErrorKind.RATE_LIMITED, False),
        ({"error": {"code": 503, "message": "overloaded"}}, ErrorKind.SERVER_ERROR, True),
        ({"error": "it broke"}, ErrorKind.SERVER_ERROR, True),
        ({"object": "error", "code": 404, "message": "no"}, ErrorKind.NOT_FOUND, False),
        ({"choices": "none"}, ErrorKind.MALFORMED, True),
    ],
)
def test_an_error_under_200_is_understood(
    error: dict[str, Any], kind: ErrorKind, *, is_unpriced: bool
) -> None:
    answer = body(**error)
    answer.has_left, answer.http_status = True, 200

    failure = failed(answer)

    assert failure.kind is kind
    assert failure.report.is_unpriced is is_unpriced


@pytest.mark.parametrize("page", ["<html>502</html>", "OK", "[]", '{"id": "gen'])
def test_a_body_that_is_no_answer_is_malformed(page: str) -> None:
    answer = AnswerStream()
    answer.read_line(page)
    answer.end()
    assert failed(answer).kind is ErrorKind.MALFORMED


def test_a_gap_in_the_stream_ends_the_text_but_not_the_parsing() -> None:
    answer = AnswerStream()
    for line in (
        f"data: {json.dumps(delta(content='one'))}", "", 'data: {"choi', "",
        f"data: {json.dumps(delta(content=' three'))}", "", f"data: {json.dumps(PAID)}", "",
    ):  # fmt: skip
        answer.read_line(line)
    answer.end()

    completion = answer.completion()

    assert (completion.text, completion.cut_by) == ("one", ErrorKind.MALFORMED)
    assert completion.report.usage.cost_usd == Decimal("0.02")


def test_an_event_of_several_lines_is_one() -> None:
    answer = AnswerStream()
    first, second = json.dumps(delta(content="whole"), indent=1).split("\n", 1)
    answer.read_line(f"data: {first}")
    for line in second.split("\n"):
        answer.read_line(f"data:{line}")
    answer.read_line("")
    answer.read_line("data: [DONE]")
    answer.end()
    assert answer.completion().text == "whole"


@pytest.mark.parametrize(
    ("chunks", "kind"),
    [
        ([delta(reasoning="secret"), finish("length")], ErrorKind.EMPTY),
        ([finish("content_filter")], ErrorKind.MODERATION),
        ([delta(tool_calls=[{"id": "1"}]), finish("tool_calls")], ErrorKind.EMPTY),
        ([delta(content=" \n\u200b"), finish("stop")], ErrorKind.EMPTY),
        ([delta(images=[{"type": "image_url"}]), finish("stop")], ErrorKind.EMPTY),
        ([delta(content=[{"type": "image_url"}]), finish("stop")], ErrorKind.EMPTY),
        ([delta(content="<think>secret</think>"), finish("stop")], ErrorKind.EMPTY),
        ([PAID, {"error": {"code": 500, "message": "late"}}], ErrorKind.SERVER_ERROR),
        ([PAID, {"error": {"code": 429, "message": "late"}}], ErrorKind.RATE_LIMITED),
        ([{"choices": [{"delta": {}, "finish_reason": "error"}]}], ErrorKind.SERVER_ERROR),
        ([], ErrorKind.EMPTY),
    ],
)  # fmt: skip
def test_every_failure_reports_what_was_stated(
    chunks: list[dict[str, Any]], kind: ErrorKind
) -> None:
    answer, shown = read(*chunks, PAID)

    failure = failed(answer)

    assert (failure.kind, shown) == (kind, [])
    usage = failure.report.usage
    assert (usage.cost_usd, usage.completion_tokens) == (Decimal("0.02"), 2048)
    assert not failure.report.is_unpriced


def test_a_later_usage_removes_nothing() -> None:
    answer, _ = read(delta(content="yes"), finish("stop"), PAID, {"usage": {"prompt_tokens": 201}})

    usage = answer.completion().report.usage

    assert (usage.prompt_tokens, usage.cost_usd) == (201, Decimal("0.02"))


@pytest.mark.parametrize(
    ("stated", "cost"),
    [
        ("0", "0"),
        ("0.02", "0.02"),
        ("0.0000000001", "0.0000000001"),
        ("999999.1234567891", "999999.1234567891"),
        ("2e-5", "0.00002"),
        ('"0.02"', "0.02"),
        ("0.00000000001", None),
        ("1e-400", None),
        ("-0.01", None),
        ("1000000", None),
        ("1e400", None),
        ("NaN", None),
        ("Infinity", None),
        ("true", None),
        ('"free"', None),
        ('"1_0"', None),
        ('"\uff11"', None),
        ('"1e999999999"', None),
        ("[0.02]", None),
        ("null", None),
    ],
)
def test_a_cost_is_kept_exactly_or_unknown(stated: str, cost: str | None) -> None:
    answer = AnswerStream()
    answer.read_line(f'data: {{"usage": {{"cost": {stated}}}}}')

    assert answer.report().usage.cost_usd == (None if cost is None else Decimal(cost))


@pytest.mark.parametrize("usage", [None, [], "none", 7, {"prompt_tokens": "many", "cost": {}}])
def test_usage_of_another_shape_is_unknown(usage: Any) -> None:
    assert read_usage(usage) == read_usage({})


def test_every_text_has_an_outcome() -> None:
    answer, _ = read(delta(content="half"), finish("content_filter"))
    completion: Completion = answer.completion()
    assert (completion.outcome, completion.shortfall) == ("incomplete", "incomplete")


def test_a_token_count_out_of_range_is_unknown() -> None:
    usage = read_usage({"prompt_tokens": 2**31 - 1, "completion_tokens": 10**8})
    assert (usage.prompt_tokens, usage.completion_tokens) == (None, 10**8)


def test_a_refusal_with_usage_and_without_a_cost_is_unpriced() -> None:
    answer = AnswerStream()
    answer.has_left = True
    answer.fail(parse_failure({"error": {"message": "no"}}, status=400))
    assert not answer.report().is_unpriced

    answer.fail(parse_failure({"error": "no", "usage": {"prompt_tokens": 5}}, status=400))
    assert answer.report().is_unpriced

    answer.fail(parse_failure({"error": "no", "usage": {"cost": 0.01}}, status=400))
    assert answer.report().usage.cost_usd == Decimal("0.01")


def test_the_key_is_not_repeated() -> None:
    answer = AnswerStream("sk-secret")
    answer.fail(parse_failure({"error": {"message": "bad key sk-secret"}}, status=401))
    assert answer.report().provider_message == "bad key [key]"


@pytest.mark.parametrize("value", [{"a": 1}, 5, "x" * 65, "two words", None])
def test_an_invalid_code_is_not_stored(value: Any) -> None:
    failure = parse_failure({"error": {"code": value, "message": "no"}}, status=500)
    assert failure.code == ("5" if value == 5 else None)


Stated = tuple[dict[str, str], dict[str, Any]]


@pytest.mark.parametrize(
    "state",
    [
        lambda _: ({"retry-after": "600"}, {}),
        lambda end: ({"retry-after": format_datetime(end, usegmt=True)}, {}),
        lambda end: ({}, {"X-RateLimit-Reset": str(int(end.timestamp() * 1000))}),
        lambda end: ({}, {"X-RateLimit-Reset": end.timestamp()}),
    ],
    ids=["seconds", "date", "reset in milliseconds", "reset in seconds"],
)
def test_retry_after_is_parsed(state: Callable[[datetime], Stated]) -> None:
    headers, metadata = state(datetime.now(UTC) + timedelta(seconds=600))
    error = {"error": {"message": "slow down", "metadata": {"headers": metadata}}}
    seconds = parse_failure(error, status=429, headers=headers).retry_after
    assert seconds is not None
    assert 500 <= seconds <= 600


@pytest.mark.parametrize("stated", ["", "soon", "nan", "inf", "-5", "Thu, 99 Foo"])
def test_an_invalid_retry_after_is_unknown(stated: str) -> None:
    assert parse_failure({}, status=429, headers={"retry-after": stated}).retry_after is None
