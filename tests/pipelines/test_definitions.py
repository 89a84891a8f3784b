"""Dagster's definitions: the asset graph, its jobs, and a run of them without Dagster's daemons."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from common.settings import DatabaseSettings, ReportSettings
from common.zones import zone_named
from pipelines.commands.reconcile import reconcile
from pipelines.cycle import run_cycle
from pipelines.definitions import build_definitions
from pipelines.defs.assets import first_day, rollup_partitions
from pipelines.defs.quality import range_to_check
from pipelines.rollups.publish import ROLLUPS
from pipelines.runtime.home import (
    command,
    environment,
    instance_configuration,
    write_home,
)
from pipelines.settings import DagsterSettings, PipelineSection, PipelineSettings
from tests.pipelines.constants import FIRST_DAY
from tests.pipelines.ledger import NOON, Ledger, assert_equal, turn
from warehouse.clickhouse.client import Writer
from warehouse.settings import WarehouseSettings

SNAPSHOT = Path(__file__).parent / "asset_graph.json"


def graph(definitions: dg.Definitions) -> dict[str, Any]:
    specs = {spec.key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs()}
    checks: dict[str, list[str]] = {}
    for key in definitions.resolve_asset_graph().asset_check_keys:
        checks.setdefault(key.asset_key.to_user_string(), []).append(key.name)
    repository = definitions.get_repository_def()
    return {
        "assets": {
            name: {
                "group": spec.group_name,
                "kinds": sorted(spec.kinds),
                "owners": list(spec.owners),
                "description": spec.description,
                "depends_on": sorted(dep.asset_key.to_user_string() for dep in spec.deps),
                "daily": spec.partitions_def is not None,
                "checks": sorted(checks.get(name, [])),
            }
            for name, spec in sorted(specs.items())
        },
        "jobs": sorted(job.name for job in repository.get_all_jobs()),
        "schedules": {
            schedule.name: [schedule.job_name, schedule.cron_schedule]
            for schedule in repository.schedule_defs
        },
        "sensors": sorted(sensor.name for sensor in repository.sensor_defs),
    }


def test_the_asset_graph_is_the_one_in_the_repository() -> None:
    nowhere = PipelineSettings(
        database=DatabaseSettings.model_validate({"database_url": "postgresql://nowhere"}),
        warehouse=WarehouseSettings.model_validate({"clickhouse_url": "http://nowhere"}),
        pipelines=PipelineSection(),
        report=ReportSettings(),
    )
    found = graph(build_definitions(nowhere, first_day=FIRST_DAY))
    if os.environ.get("UPDATE_SNAPSHOTS"):
        SNAPSHOT.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    assert found == json.loads(SNAPSHOT.read_text(encoding="utf-8"))


MIN_DESCRIPTION = 50
"""A sentence that a stranger understands takes at least as many letters."""


def test_everything_on_dagsters_page_has_a_description(
    pipeline_settings: PipelineSettings,
) -> None:
    definitions = build_definitions(pipeline_settings, first_day=FIRST_DAY)
    repository = definitions.get_repository_def()
    jobs = [job for job in repository.get_all_jobs() if not job.name.startswith("__")]
    described = {
        **{spec.key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs()},
        **{job.name: job for job in jobs},
        **{node.name: node.definition for job in jobs for node in job.graph.nodes},
        **{sensor.name: sensor for sensor in repository.sensor_defs},
        **{schedule.name: schedule for schedule in repository.schedule_defs},
    }
    short = {
        name: thing.description
        for name, thing in described.items()
        if len(thing.description or "") < MIN_DESCRIPTION or not thing.description.endswith(".")
    }
    assert not short
    checks = definitions.resolve_asset_graph().asset_check_keys
    assert checks
    specs = {
        spec.key: spec.description
        for check in definitions.asset_checks or []
        for spec in check.check_specs
    } | {
        spec.key: spec.description
        for asset in definitions.assets or []
        if isinstance(asset, dg.AssetsDefinition)
        for spec in asset.check_specs
    }
    assert specs.keys() == set(checks)
    assert all((text or "").endswith(".") for text in specs.values())


def test_partitions_are_the_days_from_the_oldest_turn_to_today(
    pipeline_settings: PipelineSettings, ledger: Ledger
) -> None:
    zone = zone_named(pipeline_settings.report.report_timezone)
    today = datetime.now(zone).date()
    assert first_day(pipeline_settings) == today
    ledger.add(turn(at=NOON - timedelta(days=3)), turn())
    oldest = (NOON - timedelta(days=3)).astimezone(zone).date()
    assert first_day(pipeline_settings) == oldest
    keys = rollup_partitions(oldest, str(zone)).get_partition_keys()
    assert (keys[0], keys[-1]) == (oldest.isoformat(), today.isoformat())
    assert len(keys) == (today - oldest).days + 1


def test_a_postgresql_that_is_away_hides_no_day(pipeline_settings: PipelineSettings) -> None:
    away = replace(
        pipeline_settings,
        database=DatabaseSettings.model_validate({"database_url": "postgresql://u@127.0.0.1:9/d"}),
    )
    assert first_day(away) < datetime.now(UTC).date() - timedelta(days=9 * 365)


def test_a_follower_run_materialises_ledger_and_days_and_ends_when_it_is_quiet(
    pipeline_settings: PipelineSettings, ledger: Ledger, writer: Writer
) -> None:
    ledger.add(turn(), turn(at=NOON - timedelta(days=1)))
    brisk = PipelineSettings(
        database=pipeline_settings.database,
        warehouse=pipeline_settings.warehouse,
        pipelines=PipelineSection.model_validate({"cycle_seconds": 1, "follow_idle_seconds": 0}),
        report=pipeline_settings.report,
    )
    with dg.DagsterInstance.ephemeral() as instance:
        job = build_definitions(brisk, first_day=FIRST_DAY).resolve_job_def("follow")
        result = job.execute_in_process(instance=instance)
        assert result.success
        days = instance.get_materialized_partitions(dg.AssetKey("daily"))
        assert days == {NOON.date().isoformat(), (NOON.date() - timedelta(days=1)).isoformat()}
        event = instance.get_latest_materialization_event(dg.AssetKey("turns"))
        assert event is not None
        assert event.asset_materialization is not None
        metadata = event.asset_materialization.metadata
        assert {"dagster/row_count", "bytes", "seconds", "watermark"} <= metadata.keys()
    assert_equal(ledger, writer)


def test_rollups_that_are_materialised_alone_are_checked_too(
    pipeline_settings: PipelineSettings,
) -> None:
    repository = build_definitions(pipeline_settings, first_day=FIRST_DAY).get_repository_def()
    (every,) = [job for job in repository.get_all_jobs() if job.name.startswith("__ASSET_JOB")]
    for assets, ops in (
        (ROLLUPS, {"roll_up", "daily_expectations"}),
        (("turns", "people", "feedback", "user_events"), {"replicate", "turns_expectations"}),
    ):
        # As Dagster's page asks: these assets, with whatever checks they have.
        chosen = every.get_subset(asset_selection={dg.AssetKey(name) for name in assets})
        assert {node.name for node in chosen.graph.nodes} == ops


def test_a_run_of_partitions_is_checked_for_its_days_and_any_other_for_the_last_ones() -> None:
    today = date(2025, 3, 10)
    bounds = {
        "dagster/asset_partition_range_start": "2024-02-28",
        "dagster/asset_partition_range_end": "2024-03-02",
    }
    assert range_to_check(bounds, days=2, today=today) == (date(2024, 2, 28), date(2024, 3, 2))
    one = {"dagster/partition": "2024-05-05"}
    assert range_to_check(one, days=2, today=today) == (date(2024, 5, 5), date(2024, 5, 5))
    assert range_to_check({}, days=2, today=today) == (date(2025, 3, 8), today)
    first, last = range_to_check({}, days=0, today=today)
    assert (first.year, last.year) == (1970, 2149)


def test_the_sensor_asks_for_a_run_when_something_is_new_and_for_one_only(
    pipeline_settings: PipelineSettings, ledger: Ledger
) -> None:
    ledger.add(turn())
    definitions = build_definitions(pipeline_settings, first_day=FIRST_DAY)
    sensor = definitions.get_repository_def().get_sensor_def("new_data")
    with dg.DagsterInstance.ephemeral() as instance:
        first = sensor.evaluate_tick(dg.build_sensor_context(instance=instance))
        assert len(first.run_requests or []) == 1
        instance.create_run_for_job(
            definitions.resolve_job_def("follow"), status=dg.DagsterRunStatus.STARTING
        )
        second = sensor.evaluate_tick(dg.build_sensor_context(instance=instance))
        assert not second.run_requests
        assert second.skip_message == "a run is starting or ending"


def test_the_nightly_run_reconciles_then_erases_what_has_served_its_time(
    pipeline_settings: PipelineSettings, ledger: Ledger, writer: Writer
) -> None:
    ledger.add(turn(), turn(user=2))
    run_cycle(pipeline_settings)
    writer.run(
        "damage", sql="ALTER TABLE turns DELETE WHERE user_key = 2 SETTINGS mutations_sync = 2"
    )
    ledger.execute(
        "INSERT INTO spent_budgets (telegram_hmac, period, period_start, messages, cost_usd)"
        " VALUES ('h', 'day', '2025-01-01', 1, 0)"
    )
    with dg.DagsterInstance.ephemeral() as instance:
        job = build_definitions(pipeline_settings, first_day=FIRST_DAY).resolve_job_def("nightly")
        assert job.execute_in_process(instance=instance).success
    assert_equal(ledger, writer)
    (day,) = writer.rows("reconciled", sql="SELECT * FROM reconciliation")
    assert (day["rows_differ"], day["repaired"], day["ok"]) == (1, True, True)
    assert ledger.execute("SELECT 1 FROM spent_budgets") == []


def test_runs_that_move_data_or_follow_or_take_memory_wait_for_their_like(
    pipeline_settings: PipelineSettings, dagster_settings: DagsterSettings
) -> None:
    limits = instance_configuration(dagster_settings)["concurrency"]["runs"]
    alone = {limit["key"]: limit["limit"] for limit in limits["tag_concurrency_limits"]}
    definitions = build_definitions(pipeline_settings, first_day=FIRST_DAY)
    for name, tags in {
        "follow": {"dialytics/follows"},
        "rebuild": {"dialytics/moves_data", "dialytics/heavy"},
        "nightly": {"dialytics/moves_data", "dialytics/heavy"},
        "quality": {"dialytics/heavy"},
    }.items():
        assert tags <= definitions.resolve_job_def(name).tags.keys(), name
        assert {alone[tag] for tag in tags} == {1}


@pytest.fixture
def dagster_settings(tmp_path: Path) -> DagsterSettings:
    return DagsterSettings.model_validate(
        {"dagster_database_url": "postgresql://u@/dagster?host=/run", "dagster_home": tmp_path}
    )


def test_dagster_keeps_its_state_in_postgresql_and_reports_nothing_home(
    dagster_settings: DagsterSettings,
) -> None:
    configuration = instance_configuration(dagster_settings)
    assert "postgres" in configuration["storage"]
    assert configuration["telemetry"] == {"enabled": False}
    home = write_home(dagster_settings)
    assert json.loads((home / "dagster.yaml").read_text(encoding="utf-8")) == configuration
    seen = environment(dagster_settings, {})
    assert seen["DAGSTER_DATABASE_URL"] == "postgresql+psycopg2://u@/dagster?host=%2Frun"
    assert "3030" in command("code-server", dagster_settings)


def test_a_failed_run_is_a_failed_check_until_its_job_succeeds(
    pipeline_settings: PipelineSettings, writer: Writer
) -> None:
    definitions = build_definitions(pipeline_settings, first_day=FIRST_DAY)
    sensor = definitions.get_repository_def().get_sensor_def("run_results")

    def stored() -> list[tuple[str, bool]]:
        sql = "SELECT asset, passed FROM checks WHERE suite = 'runs' ORDER BY checked_at"
        return [(row["asset"], row["passed"]) for row in writer.rows("runs", sql=sql)]

    with dg.DagsterInstance.ephemeral() as instance:
        cursor: str | None = None

        def end(job: str, status: dg.DagsterRunStatus) -> None:
            nonlocal cursor
            run = instance.create_run_for_job(definitions.resolve_job_def(job))
            kind = {
                dg.DagsterRunStatus.SUCCESS: dg.DagsterEventType.RUN_SUCCESS,
                dg.DagsterRunStatus.FAILURE: dg.DagsterEventType.RUN_FAILURE,
            }[status]
            instance.report_dagster_event(
                dg.DagsterEvent(event_type_value=kind.value, job_name=job), run.run_id
            )
            for _ in range(2):  # a second look stores nothing more
                context = dg.build_sensor_context(instance=instance, cursor=cursor)
                cursor = sensor.evaluate_tick(context).cursor

        end("digest", dg.DagsterRunStatus.SUCCESS)
        assert stored() == []
        end("digest", dg.DagsterRunStatus.FAILURE)
        end("notices", dg.DagsterRunStatus.SUCCESS)
        assert stored() == [("digest", False)]
        end("digest", dg.DagsterRunStatus.SUCCESS)
        assert stored() == [("digest", False), ("digest", True)]


def test_a_first_load_is_compared_as_soon_as_it_is_published_and_once(
    pipeline_settings: PipelineSettings, ledger: Ledger
) -> None:
    ledger.add(turn())
    sensor = (
        build_definitions(pipeline_settings, first_day=FIRST_DAY)
        .get_repository_def()
        .get_sensor_def("first_comparison")
    )

    def asked() -> list[str | None]:
        with dg.build_sensor_context() as context:
            return [run.run_key for run in sensor.evaluate_tick(context).run_requests or []]

    assert asked() == []
    run_cycle(pipeline_settings)
    (key,) = asked()
    assert asked() == [key]  # Dagster starts one run for a key
    assert reconcile(pipeline_settings).ok
    assert asked() == []
