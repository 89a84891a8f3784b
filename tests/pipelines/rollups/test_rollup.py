"""Rollups equal a plain computation over the ledger, whatever happens to the ledger."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from common.settings import ReportSettings
from pipelines.cycle import exclusive_run, run_cycle
from pipelines.rollups.build import linked_days
from pipelines.settings import PipelineSection, PipelineSettings
from tests.pipelines.cycles import collect_until
from tests.pipelines.ledger import NOON, Ledger, random_turn, turn
from warehouse.clickhouse.client import Writer
from warehouse.errors import QueryTooExpensiveError

MOSCOW = ZoneInfo("Europe/Moscow")

DAYS = """
SELECT d.day AS day, d.turns AS turns, d.answers AS answers, d.user_messages AS user_messages,
       d.prompt_tokens AS prompt_tokens, d.cost_usd AS cost_usd, d.unpriced AS unpriced,
       d.priced AS priced, d.served_turns AS served_turns, d.pacing_wait_ms AS pacing_wait_ms,
       arraySort(bitmapToArray(u.active)) AS active, arraySort(bitmapToArray(u.reached)) AS reached,
       arraySort(bitmapToArray(u.served)) AS served,
       arraySort(bitmapToArray(u.new)) AS new
FROM (
    SELECT day, sum(turns) AS turns, sum(answers) AS answers, sum(user_messages) AS user_messages,
           sum(prompt_tokens) AS prompt_tokens, sum(cost_usd) AS cost_usd,
           sum(unpriced) AS unpriced, sum(priced) AS priced, sum(served_turns) AS served_turns,
           sum(pacing_wait_ms) AS pacing_wait_ms
    FROM daily WHERE (day, version) IN (SELECT day, version FROM builds) GROUP BY day
) AS d
JOIN (
    SELECT day, groupBitmapMergeState(active) AS active, groupBitmapMergeState(reached) AS reached,
           groupBitmapMergeState(served) AS served, groupBitmapMergeState(new) AS new
    FROM day_users WHERE (day, version) IN (SELECT day, version FROM builds) GROUP BY day
) AS u ON u.day = d.day
"""
QUARTERS = """
SELECT bucket, sum(turns) AS turns,
       arraySort(bitmapToArray(groupBitmapMergeState(active))) AS active
FROM activity WHERE (day, version) IN (SELECT day, version FROM builds) GROUP BY bucket
"""
NEWCOMERS = """
SELECT bucket, bot_id, source, arraySort(bitmapToArray(groupBitmapMergeState(new))) AS new
FROM new_users WHERE (day, version) IN (SELECT day, version FROM builds)
GROUP BY bucket, bot_id, source
"""
PEOPLE_DAYS = """
SELECT day, user_key, bot_id, is_person, turns, cost_usd, first_at, last_at
FROM user_days WHERE (day, version) IN (SELECT day, version FROM builds)
"""


def by_hand(ledger: Ledger, zone: ZoneInfo) -> dict[str, Any]:
    """Compute the same figures in plain Python, turn by turn."""
    turns = sorted(
        map(_as_counted, ledger.execute("SELECT * FROM turns WHERE status <> 'pending'")),
        key=lambda row: (row["received_at"], row["id"]),
    )
    days: dict[date, dict[str, Any]] = defaultdict(
        lambda: {
            "turns": 0, "answers": 0, "user_messages": 0, "prompt_tokens": 0,
            "cost_usd": Decimal(0), "unpriced": 0, "priced": 0, "served_turns": 0,
            "pacing_wait_ms": 0, "active": set(), "reached": set(), "served": set(), "new": set(),
        }
    )  # fmt: skip
    quarters: dict[datetime, dict[str, Any]] = defaultdict(lambda: {"turns": 0, "active": set()})
    newcomers: dict[tuple[Any, ...], set[int]] = defaultdict(set)
    people: dict[tuple[Any, ...], dict[str, Any]] = {}
    seen: set[int] = set()
    for row in turns:
        user, moment = row["user_key"], row["received_at"]
        day = days[moment.astimezone(zone).date()]
        bucket = moment.replace(minute=moment.minute // 15 * 15, second=0, microsecond=0)
        answered = row["status"] == "answered"
        day["turns"] += 1
        day["answers"] += answered
        day["user_messages"] += row["user_messages"]
        day["prompt_tokens"] += row["prompt_tokens"] or 0
        day["cost_usd"] += row["cost_usd"] or 0
        day["unpriced"] += row["unpriced_calls"] > 0
        day["priced"] += row["cost_usd"] is not None
        served = row["status"] != "rejected" and bool(row["model_used"] or row["model_asked"])
        day["served_turns"] += served
        day["pacing_wait_ms"] += row["pacing_wait_ms"]
        quarters[bucket]["turns"] += 1
        person = people.setdefault(
            (moment.astimezone(zone).date(), user, row["bot_id"]),
            {
                "turns": 0,
                "cost_usd": Decimal(0),
                "first_at": moment,
                "is_person": row["is_person"],
            },
        )
        person["turns"] += 1
        person["cost_usd"] += row["cost_usd"] or 0
        person["last_at"] = moment
        if not row["is_person"]:
            continue
        day["active"].add(user)
        quarters[bucket]["active"].add(user)
        if answered:
            day["reached"].add(user)
        if served:
            day["served"].add(user)
        if user not in seen:
            seen.add(user)
            day["new"].add(user)
            newcomers[bucket, row["bot_id"], row["source"] or ""].add(user)
    return {
        "days": {day: _sorted(values) for day, values in days.items()},
        "quarters": {bucket: _sorted(values) for bucket, values in quarters.items()},
        "newcomers": {key: sorted(users) for key, users in newcomers.items()},
        "people": people,
    }


def published(writer: Writer) -> dict[str, Any]:
    return {
        "days": {row.pop("day"): _sorted(row) for row in writer.rows("days", sql=DAYS)},
        "quarters": {
            row.pop("bucket"): _sorted(row) for row in writer.rows("quarters", sql=QUARTERS)
        },
        "newcomers": {
            (row["bucket"], row["bot_id"], row["source"]): list(row["new"])
            for row in writer.rows("newcomers", sql=NEWCOMERS)
        },
        "people": {
            (row.pop("day"), row.pop("user_key"), row.pop("bot_id")): row
            for row in writer.rows("people days", sql=PEOPLE_DAYS)
        },
    }


def _sorted(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: sorted(value) if isinstance(value, (set, list)) else value
        for name, value in values.items()
    }


def _as_counted(row: dict[str, Any]) -> dict[str, Any]:
    """A turn that is not counted has no person."""
    return row if row["is_counted"] else {**row, "user_key": 0, "is_person": False}


def assert_exact(ledger: Ledger, writer: Writer, zone: ZoneInfo = MOSCOW) -> None:
    expected, found = by_hand(ledger, zone), published(writer)
    for part, figures in expected.items():
        assert found[part] == figures, part


def test_rollups_stay_exact_through_inserts_updates_and_deletes(
    pipeline_settings: PipelineSettings, ledger: Ledger, writer: Writer
) -> None:
    chance = random.Random(21)
    for round_number in range(4):
        ledger.add(*(random_turn(chance, days=4, users=12) for _ in range(40)))
        ids = [row["id"] for row in ledger.execute("SELECT id FROM turns ORDER BY id")]
        for key in chance.sample(ids, 4):
            ledger.execute("UPDATE turns SET prompt_tokens = 5, cost_usd = 1 WHERE id = %s", key)
        for key in chance.sample(ids, 8 if round_number else 0):
            ledger.execute("DELETE FROM turns WHERE id = %s", key)
        _, publication = run_cycle(pipeline_settings)
        assert publication is not None
        assert publication.failures == ()
        assert_exact(ledger, writer)


def test_a_turn_forty_days_back_corrects_its_day_and_moves_the_newcomer(
    pipeline_settings: PipelineSettings, ledger: Ledger, writer: Writer
) -> None:
    ledger.add(turn(user=5), turn(user=6))
    run_cycle(pipeline_settings)
    ledger.add(turn(user=5, at=NOON - timedelta(days=40)))
    _, publication = run_cycle(pipeline_settings)
    assert publication is not None
    assert set(publication.days) == {NOON.date(), NOON.date() - timedelta(days=40)}
    assert_exact(ledger, writer)


def test_deleting_a_first_turn_makes_the_next_day_the_first(
    pipeline_settings: PipelineSettings, ledger: Ledger, writer: Writer
) -> None:
    first, _ = ledger.add(turn(at=NOON), turn(at=NOON + timedelta(days=3)))
    run_cycle(pipeline_settings)
    ledger.execute("DELETE FROM turns WHERE id = %s", first)
    run_cycle(pipeline_settings)
    assert_exact(ledger, writer)
    assert published(writer)["days"][NOON.date() + timedelta(days=3)]["new"] == [1]
    assert writer.value("empty", sql="SELECT turns FROM builds ORDER BY day LIMIT 1") == 0


def test_rebuilt_three_times_the_rows_are_the_same(
    pipeline_settings: PipelineSettings, ledger: Ledger, writer: Writer
) -> None:
    chance = random.Random(2)
    ledger.add(*(random_turn(chance, days=3) for _ in range(150)))
    run_cycle(pipeline_settings)
    before = published(writer)
    for _ in range(3):
        with exclusive_run(pipeline_settings) as pipeline_run:
            days = [NOON.date() - timedelta(days=shift) for shift in range(4)]
            assert pipeline_run.rollups.rebuild(pipeline_run.state(), days).rows_differ == 0
        assert published(writer) == before


def test_builds_of_older_rules_are_all_made_again_once(
    pipeline_settings: PipelineSettings, ledger: Ledger, writer: Writer
) -> None:
    chance = random.Random(3)
    ledger.add(*(random_turn(chance, days=5) for _ in range(60)))
    run_cycle(pipeline_settings)
    # As the version before left it: its publication says by which rules, its rows lack counts.
    settled = "SETTINGS mutations_sync = 2"
    writer.run("older rules", sql=f"ALTER TABLE published UPDATE rules = 1 WHERE 1 {settled}")
    writer.run("older rows", sql=f"ALTER TABLE daily UPDATE served_turns = 0 WHERE 1 {settled}")
    _, publication = run_cycle(pipeline_settings)
    assert publication is not None
    assert len(publication.days) == len(published(writer)["days"])
    assert publication.failures == ()
    assert_exact(ledger, writer)
    _, publication = run_cycle(pipeline_settings)
    assert publication is not None
    assert publication.days == ()


@pytest.mark.parametrize("limit", [(8, 2), (2, 3)], ids=["eight days", "two days"])
def test_a_build_over_its_limits_begins_again_with_fewer_days_at_once(
    pipeline_settings: PipelineSettings,
    ledger: Ledger,
    writer: Writer,
    monkeypatch: pytest.MonkeyPatch,
    limit: tuple[int, int],
) -> None:
    most_days, builds = limit
    run, versions = Writer.run, set()

    def limited(
        self: Writer, name: str, parameters: dict[str, Any] | None = None, *, sql: str | None = None
    ) -> None:
        run(self, name, parameters, sql=sql)
        if name == "rollups/activity" and parameters is not None:
            versions.add(parameters["version"])
            # As with a limit of memory: after blocks were stored.
            if len(parameters["days"]) > most_days:
                raise QueryTooExpensiveError("statement rollups/activity went over its limits")

    monkeypatch.setattr(Writer, "run", limited)
    chance = random.Random(30)
    ledger.add(*(random_turn(chance, days=9) for _ in range(100)))
    run_cycle(pipeline_settings)
    assert len(versions) == builds
    assert_exact(ledger, writer)


def test_a_day_over_its_limits_is_not_published(
    pipeline_settings: PipelineSettings,
    ledger: Ledger,
    writer: Writer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = Writer.run

    def limited(self: Writer, name: str, *arguments: Any, **options: Any) -> None:
        if name == "rollups/daily":
            raise QueryTooExpensiveError("statement rollups/daily went over its limits")
        run(self, name, *arguments, **options)

    monkeypatch.setattr(Writer, "run", limited)
    ledger.add(*(random_turn(random.Random(31), days=3) for _ in range(20)))
    with pytest.raises(QueryTooExpensiveError):
        run_cycle(pipeline_settings)
    assert writer.value("published", sql="SELECT count() FROM published") == 0


def test_a_question_that_is_asked_again_keeps_its_day_published(
    pipeline_settings: PipelineSettings, ledger: Ledger, writer: Writer
) -> None:
    # As /redo leaves it: a turn of its own, and no new message.
    ledger.add(turn(user=1), turn(user=1, user_messages=0))
    _, publication = run_cycle(pipeline_settings)
    assert publication is not None
    assert publication.withheld == ()
    assert writer.rows("told", sql="SELECT sum(turns), sum(user_messages) FROM daily") == [
        {"sum(turns)": 2, "sum(user_messages)": 1}
    ]


def test_a_quiet_cycle_publishes_only_its_watermark(
    pipeline_settings: PipelineSettings, ledger: Ledger, writer: Writer
) -> None:
    ledger.add(turn())
    _, first = run_cycle(pipeline_settings)
    ledger.add_person()
    _, second = run_cycle(pipeline_settings)
    assert first is not None
    assert second is not None
    assert second.days == ()
    assert second.watermark > first.watermark
    assert writer.value("head", sql="SELECT max(watermark) FROM snapshots") == second.watermark


def test_a_changed_zone_rebuilds_every_day_before_it_is_used(
    pipeline_settings: PipelineSettings, ledger: Ledger, writer: Writer
) -> None:
    chance = random.Random(8)
    ledger.add(*(random_turn(chance, days=3) for _ in range(100)))
    run_cycle(pipeline_settings)
    there = ReportSettings.model_validate({"report_timezone": "Asia/Kathmandu"})
    run_cycle(replace(pipeline_settings, report=there))
    assert_exact(ledger, writer, ZoneInfo("Asia/Kathmandu"))


def test_a_day_that_fails_a_check_keeps_its_last_good_numbers(
    pipeline_settings: PipelineSettings, ledger: Ledger, writer: Writer
) -> None:
    yesterday = NOON - timedelta(days=1)
    ledger.add(turn(at=yesterday), turn(user=2))
    run_cycle(pipeline_settings)
    (bad,) = ledger.add(turn(user=3, at=yesterday, cost_usd=Decimal(-1)))
    ledger.add(turn(user=4))

    _, publication = run_cycle(pipeline_settings)

    assert publication is not None
    assert publication.withheld == (yesterday.date(),)
    assert {failure.check for failure in publication.failures} == {"ledger_is_plausible"}
    turns = {row["day"]: row["turns"] for row in writer.rows("b", sql="SELECT * FROM builds")}
    assert turns == {yesterday.date(): 1, NOON.date(): 2}
    withheld = writer.rows("w", sql="SELECT * FROM builds WHERE withheld")
    assert [row["day"] for row in withheld] == [yesterday.date()]
    assert withheld[0]["watermark"] < publication.watermark

    ledger.execute("UPDATE turns SET cost_usd = 0 WHERE id = %s", bad)
    _, healed = run_cycle(pipeline_settings)
    assert healed is not None
    assert healed.withheld == ()
    assert_exact(ledger, writer)
    # Also the record says at once that it is well again.
    latest = "SELECT argMax(passed, checked_at) FROM checks WHERE name = 'ledger_is_plausible'"
    assert writer.value("latest", sql=latest)


def test_days_that_share_a_moving_newcomer_are_withheld_together() -> None:
    one, two, three, four = (date(2025, 1, day) for day in (1, 2, 3, 4))
    never = date(1970, 1, 1)
    moves = [(one, two), (two, three), (four, never)]
    assert linked_days({one}, moves) == {one, two, three}
    assert linked_days(set(), moves) == set()
    assert linked_days({four}, moves) == {four}


def test_old_builds_are_collected_after_the_grace_period_and_not_before(
    pipeline_settings: PipelineSettings, ledger: Ledger, writer: Writer
) -> None:
    versions = "SELECT uniqExact(version) FROM activity"
    an_hour = PipelineSection.model_validate({"snapshot_grace_seconds": 3_600})
    patient = replace(pipeline_settings, pipelines=an_hour)
    ledger.add(turn())
    run_cycle(patient)
    ledger.add(turn(user=2))
    run_cycle(patient)
    assert writer.value("versions", sql=versions) == 2
    with exclusive_run(pipeline_settings) as pipeline_run:
        collect_until(pipeline_run, lambda: writer.value("versions", sql=versions) == 1)
    assert_exact(ledger, writer)


def test_a_new_publication_date_opens_with_the_full_map_and_the_old_one_goes(
    pipeline_settings: PipelineSettings, ledger: Ledger, writer: Writer
) -> None:
    ledger.add(turn(), turn(at=NOON - timedelta(days=9)))
    run_cycle(pipeline_settings)
    # As if all this had been published two days ago.
    writer.run(
        "age",
        sql="INSERT INTO published SELECT * REPLACE (published_at - INTERVAL 2 DAY AS published_at)"
        " FROM published",
    )
    writer.run(
        "age",
        sql="ALTER TABLE published DELETE WHERE published_at > now() - INTERVAL 1 DAY"
        " SETTINGS mutations_sync = 2",
    )
    ledger.add(turn(user=2))
    run_cycle(pipeline_settings)
    dates = "SELECT count(DISTINCT toDate(published_at)) FROM published"
    with exclusive_run(pipeline_settings) as pipeline_run:
        collect_until(pipeline_run, lambda: writer.value("dates", sql=dates) == 1)
    assert_exact(ledger, writer)
