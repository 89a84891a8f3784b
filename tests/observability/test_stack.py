"""A whole stack at its most talkative: its counts, what Prometheus finds, what no log may hold."""

from __future__ import annotations

import asyncio
import json
import re
import time
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx
import psutil
import psycopg
import pytest

from common.http.listening import is_loopback
from dashboards.grafana.board import BOARDS
from dashboards.grafana.macros import Picked
from dashboards.grafana.probing import Asker, clickhouse_panels
from embedded.stack.lifecycle import Stack
from embedded.stack.smoke import SmokeResult
from tests.observability.prometheus import ask
from tests.observability.test_alerts import documented
from tests.observability.whole_stack import (
    LINES,
    PASSWORD,
    counts,
    expected_counts,
    forbidden_words,
    is_record,
    logs,
    targets,
    version_of,
)
from tests.otlp_collector import Collector
from tests.running import until
from tests.soak.sampling import SAMPLED

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
# Only with several pollers, or before anything of the kind has happened.
SILENT = {
    "api_refusals_total", "rate_limit_storage_unavailable_total", "llm_errors_total",
    "telegram_send_failures_total", "telegram_poll_errors_total", "dagster_last_tick_failed",
    "dagster_last_success_timestamp_seconds", "bot_refused_content_total",
}  # fmt: skip

OURS = {"api", "bot", "common", "embedded", "pipelines", "simulator", "warehouse"}


def test_the_stack_does_its_main_job_and_every_count_agrees(
    smoked: tuple[Stack, SmokeResult],
) -> None:
    result = asdict(smoked[1])
    assert counts(result) == expected_counts(result["updates_sent"])
    assert result["updates_sent"] >= LINES
    assert result["rss_mib"] > 0


def test_prometheus_finds_every_service_and_every_documented_metric(
    stack: Stack, prometheus: str
) -> None:
    expected = documented() - SILENT
    deadline = time.monotonic() + 150
    missing, down = expected, set(targets(stack))
    while (missing or down) and time.monotonic() < deadline:
        time.sleep(0.5)
        try:
            scraped = ask(prometheus, "label/__name__/values")
            up = ask(prometheus, f"query?query={quote('up == 1')}")["result"]
        except httpx.HTTPError:
            continue  # not there yet, or still reading what it had
        found = {re.sub(r"_(bucket|count|sum)$", "", name) for name in scraped} | set(scraped)
        missing = expected - found
        down = set(targets(stack)) - {one["metric"]["job"] for one in up}
    assert not down
    assert not missing


def test_prometheus_judges_every_rule_and_a_healthy_stack_rings_nothing(
    stack: Stack, prometheus: str
) -> None:
    assert stack.supervisor.is_running
    rules: list[dict[str, Any]] = []
    deadline = time.monotonic() + 150
    while time.monotonic() < deadline:
        time.sleep(0.5)
        try:
            groups = ask(prometheus, "rules")["groups"]
        except httpx.HTTPError:
            continue  # not there yet
        rules = [rule for group in groups for rule in group["rules"]]
        if rules and all(rule["health"] == "ok" for rule in rules):
            break
    assert {rule["health"] for rule in rules} == {"ok"}
    assert [rule["name"] for rule in rules if rule["state"] == "firing"] == []


def test_no_log_holds_a_secret_a_text_a_name_or_a_telegram_id(stack: Stack) -> None:
    forbidden = forbidden_words(stack)
    found = {
        (name, line[:300])
        for name, content in logs(stack).items()
        for line in content.splitlines()
        if any(word in line for word in forbidden)
    }
    assert found == set()
    assert sum(map(len, logs(stack).values())) > 10_000


@pytest.mark.parametrize(
    ("name", "service"),
    [
        ("bot", "bot"),
        ("api", "api"),
        ("clickhouse", "clickhouse"),
        ("dagster-code", "pipelines"),
        ("dagster-daemon", "pipelines"),
        ("dagster-webserver", "pipelines"),
        ("simulator", "simulator"),
    ],
)
def test_every_line_is_json_with_time_and_level_and_ours_name_their_service(
    name: str, service: str, stack: Stack
) -> None:
    lines = logs(stack)[f"{name}.log"].splitlines()
    # Dagster's programs may have had nothing to say.
    assert lines or name.startswith("dagster-")
    assert [line for line in lines if not is_record(line)] == []
    records = [json.loads(line) for line in lines]
    # Dagster's first lines and lines of library threads have no service.
    told = [one for one in records if "service" in one or one["logger"].partition(".")[0] in OURS]
    assert told or name.startswith("dagster-")
    assert [one for one in told if one.get("service") != service] == []


def test_each_service_connects_as_a_role_of_its_own(stack: Stack) -> None:
    with psycopg.connect(stack.plan.database_url()) as connection:
        rows = connection.execute(
            "SELECT DISTINCT application_name, usename FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        ).fetchall()
    roles = {name: role for name, role in rows if name in {"bot-lanes", "api"}}
    assert roles == {"bot-lanes": "dialytics_bot", "api": "dialytics_api"}
    assert {role for _, role in rows} <= {
        "dialytics_bot", "dialytics_api", "dialytics_pipelines", "dagster",
    }  # fmt: skip
    assert "permission denied" not in "".join(logs(stack).values())


def test_other_machines_reach_the_api_and_the_webhook_alone(stack: Stack) -> None:
    # Asked of the kernel at once: a child may end while its own connections are read.
    open_to_others = {
        one.pid
        for one in psutil.net_connections("inet")
        if one.status == psutil.CONN_LISTEN and not is_loopback(one.laddr.ip)
    }
    opened = set()
    for name in SAMPLED:
        program = psutil.Process(stack.supervisor.pid_of(name))
        tree = {program.pid, *(child.pid for child in program.children(recursive=True))}
        if tree & open_to_others:
            opened.add(name)
    assert opened == {"api", "bot"}


def test_dagsters_page_is_behind_its_guard(stack: Stack) -> None:
    url = stack.plan.dagster_url
    assert httpx.get(f"{url}/graphql?query={{version}}", timeout=90).status_code == 405
    assert httpx.get(url, headers={"Host": "evil.example"}, timeout=90).status_code == 400
    assert httpx.post(f"{url}/graphql", json={"query": "{version}"}, timeout=90).is_success


def test_metrics_are_exported_once(stack: Stack) -> None:
    # Dagster asks for the definitions twice.
    assert "no metrics" not in logs(stack)["dagster-code.log"]


def test_one_message_is_followed_from_update_to_turn_to_batch(stack: Stack) -> None:
    records = [json.loads(line) for line in logs(stack)["bot.log"].splitlines()]
    updates = {
        one["update_id"]: one["turn_id"]
        for one in records
        if "update_id" in one and "turn_id" in one
    }
    assert updates
    turn = next(iter(updates.values()))
    version = asyncio.run(version_of(stack.plan.database_url(), turn))
    batches = [
        one
        for line in logs(stack)["dagster-code.log"].splitlines()
        if is_record(line) and (one := json.loads(line))["event"] == "replicated"
    ]
    assert any(one["since_version"] <= version < one["until_version"] for one in batches)


def test_a_request_is_followed_from_the_api_to_the_query_of_clickhouse(stack: Stack) -> None:
    request = "follow-me-0123456789"
    answer = httpx.get(
        f"{stack.plan.api_url}/api/v1/stats/models",
        params={"period": "week"},
        headers={"X-Request-Id": request},
        auth=("analyst", PASSWORD),
        timeout=60,
    )
    assert answer.headers["X-Request-Id"] == request
    until(lambda: f'"request_id": "{request}"' in logs(stack)["api.log"])
    until(lambda: request in logs(stack)["clickhouse.log"])


def test_a_panel_of_grafana_is_known_by_its_title_in_the_log_of_clickhouse(stack: Stack) -> None:
    panel = next(one for _, one in clickhouse_panels(BOARDS) if one.title == "Models")
    asker = Asker(stack.plan.clickhouse_url("reader"))
    now = datetime.now(UTC)
    try:
        asker.ask(panel.statement, Picked(since=now - timedelta(days=1), until=now))
    finally:
        asker.close()

    def askers() -> set[str]:
        asked = [json.loads(line) for line in logs(stack)["clickhouse.log"].splitlines()]
        return {one["user"] for one in asked if one.get("report") == "grafana Models"}

    until(lambda: bool(askers()))
    assert "reader" in askers()


def test_one_answer_is_one_trace_from_update_to_model_to_ledger(
    stack: Stack, collector: Collector
) -> None:
    assert stack.supervisor.is_running
    collector.until(lambda: bool(collector.named("ledger finish_turn")))
    finished = collector.named("ledger finish_turn")[0]
    collector.until(lambda: "update" in collector.of(finished.trace_id))
    spans = collector.of(finished.trace_id)
    (update,) = spans["update"]
    (turn,) = spans["turn"]
    assert turn.parent_id == update.span_id
    assert {one.parent_id for one in spans["model call"]} == {turn.span_id}
    assert {one.parent_id for one in spans["deliver"]} == {turn.span_id}
    assert spans["ledger open_turn"][0].attributes["turn_id"] == turn.attributes["turn_id"]
    assert "model" in spans["model call"][0].attributes
    # The log and the trace know each other.
    records = [json.loads(line) for line in logs(stack)["bot.log"].splitlines()]
    traced = {
        one["trace_id"] for one in records if one.get("turn_id") == turn.attributes["turn_id"]
    }
    assert traced == {update.trace_id}


def test_one_request_is_one_trace_from_the_api_to_the_query_of_clickhouse(
    stack: Stack, collector: Collector
) -> None:
    request = "trace-me-0123456789"
    httpx.get(
        f"{stack.plan.api_url}/api/v1/stats/models",
        params={"period": "month"},
        headers={"X-Request-Id": request},
        auth=("analyst", PASSWORD),
        timeout=60,
    ).raise_for_status()

    def asked() -> list[str]:
        return [
            one.trace_id
            for one in collector.named("request")
            if one.attributes["request_id"] == request
        ]

    collector.until(lambda: bool(asked()))
    spans = collector.of(asked()[0])
    (root,) = spans["request"]
    assert root.attributes["route"] == "/api/v1/stats/models"
    assert root.attributes["status"] == 200
    assert {one.attributes["query_id"].partition(".")[0] for one in spans["clickhouse"]} == {
        request
    }
    assert "models" in {one.attributes["log_comment"] for one in spans["clickhouse"]}


def test_one_batch_is_one_trace_of_its_steps(stack: Stack, collector: Collector) -> None:
    assert stack.supervisor.is_running
    collector.until(lambda: bool(collector.named("batch")))
    spans = collector.of(collector.named("batch")[0].trace_id)
    (batch,) = spans["batch"]
    (replicate,) = spans["replicate"]
    assert replicate.parent_id == spans["publish"][0].parent_id == batch.span_id
    assert replicate.attributes["until_version"] > replicate.attributes["since_version"]
    parts = {replicate.span_id, spans["publish"][0].span_id, spans["collect"][0].span_id}
    assert {one.parent_id for one in spans["clickhouse"]} <= parts
    assert batch.service == "pipelines"


def test_no_span_holds_a_secret_a_text_a_name_or_a_telegram_id(
    stack: Stack, collector: Collector
) -> None:
    collector.until(lambda: {"bot", "api", "pipelines"} <= {one.service for one in collector.spans})
    told = "\n".join(repr(one) for one in collector.spans)
    assert [word for word in forbidden_words(stack) if word in told] == []
    assert "model call" in told
