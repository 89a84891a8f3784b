"""The container files are right, and the check of them notices what is not."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from api.settings import ServerSettings
from bot.settings import BotSettings
from deploy import check, clickhouse_files, compose, configuration, images
from deploy.services import Project, package_of

PROJECT = Path(__file__).parents[2]


def test_the_check_finds_no_problem_and_ends_with_one_line_of_json() -> None:
    outcome = subprocess.run(
        [sys.executable, "-m", "deploy.check"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    result = json.loads(outcome.stdout.splitlines()[-1])
    assert result["ok"], outcome.stdout
    assert outcome.returncode == 0
    assert set(result) == {"files", "services", "problems", "ok"}


@pytest.fixture(scope="module")
def production() -> Project:
    return check.projects()["prod"]


def changed(project: Project, change: Callable[[dict[str, Any]], object]) -> Project:
    document = copy.deepcopy(dict(project.document))
    change(document)
    return Project(project.title, document)


MISTAKES: dict[str, Callable[[dict[str, Any]], object]] = {
    "has no health check": lambda d: d["services"]["bot"].pop("healthcheck"),
    "waits for nobody": lambda d: d["services"]["bot"]["depends_on"].update(
        nobody={"condition": "service_healthy"}
    ),
    "must wait for migrate by service_completed_successfully": lambda d: d["services"]["grants"][
        "depends_on"
    ].update(migrate={"condition": "service_started"}),
    "start order has a cycle": lambda d: d["services"]["postgres"].update(
        depends_on={"roles": {"condition": "service_completed_successfully"}}
    ),
    "secrets: other is not declared": lambda d: d["services"]["bot"]["secrets"].append("other"),
    "mounts ./absent": lambda d: d["services"]["bot"].update(volumes=["./absent:/absent"]),
    "health check asks port 9": lambda d: d["services"]["bot"]["healthcheck"].update(
        test=["CMD", "python", "-m", "common.probe", "http://127.0.0.1:9/health"]
    ),
    "no code answers /healthz": lambda d: d["services"]["api"]["healthcheck"].update(
        test=["CMD", "python", "-m", "common.probe", "http://127.0.0.1:8000/healthz"]
    ),
    "pipelines knows no 'worker'": lambda d: d["services"]["dagster-code"].update(
        command=["python", "-m", "pipelines", "worker"]
    ),
    "is a database and publishes a port": lambda d: d["services"]["postgres"].update(
        ports=["127.0.0.1:5432:5432"]
    ),
    "publishes 8000:8000 to everyone": lambda d: d["services"]["api"].update(ports=["8000:8000"]),
    "keeps capabilities": lambda d: d["services"]["bot"].pop("cap_drop"),
    "may gain privileges": lambda d: d["services"]["bot"].pop("security_opt"),
}


@pytest.mark.parametrize("message", MISTAKES)
def test_a_mistake_in_a_service_is_noticed(production: Project, message: str) -> None:
    found = [str(problem) for problem in changed(production, MISTAKES[message]).problems()]
    assert any(message in line for line in found), found


@pytest.mark.parametrize(
    ("message", "change"),
    [
        (
            "sets LLM_MODLE, which bot does not read",
            lambda d: d["services"]["bot"]["environment"].update(LLM_MODLE="x"),
        ),
        (
            "offers no way to set LLM_FALLBACK_MODEL",
            lambda d: d["services"]["bot"]["environment"].pop("LLM_FALLBACK_MODEL"),
        ),
        (
            "TELEGRAM_WEBHOOK_SECRET is needed",
            lambda d: (
                d["services"]["bot"]["environment"].update(
                    TELEGRAM_WEBHOOK_URL="https://example.org/telegram"
                ),
                d["services"]["bot"]["secrets"].remove("telegram_webhook_secret"),
            ),
        ),
        (
            "the code refuses it: DATA_KEY",
            lambda d: d["services"]["bot"]["secrets"].remove("data_key"),
        ),
        (
            "make-secrets.sh does not make unknown",
            lambda d: d["secrets"].update(unknown={"file": "./secrets/unknown"}),
        ),
    ],
)
def test_a_mistake_in_a_configuration_is_noticed(
    production: Project, message: str, change: Callable[[dict[str, Any]], object]
) -> None:
    with configuration.example_secrets() as secrets:
        found = [
            str(problem) for problem in configuration.problems(changed(production, change), secrets)
        ]
    assert any(message in line for line in found), found


def test_production_without_limits_is_noticed(production: Project) -> None:
    project = changed(production, lambda d: d["services"]["bot"].pop("deploy"))
    assert any("no limits" in problem.what for problem in project.production_problems())


def test_every_service_of_ours_may_take_its_time_to_stop(production: Project) -> None:
    longest = max(
        constraint.le
        for field in (
            BotSettings.model_fields["shutdown_seconds"],
            ServerSettings.model_fields["api_drain_seconds"],
        )
        for constraint in field.metadata
        if hasattr(constraint, "le")
    )
    for name, service in production.services.items():
        if package_of(service):
            grace = int(service["stop_grace_period"].removesuffix("s"))
            assert grace > longest, name


def test_what_the_specification_does_not_know_is_noticed() -> None:
    document = {"services": {"bot": {"image": "x", "helthcheck": {}}}}
    assert compose.schema_problems(document, where="x")


@pytest.mark.parametrize("cluster", clickhouse_files.CLUSTERS)
def test_every_migration_statement_is_printed(cluster: str) -> None:
    statements = clickhouse_files.migration_statements(cluster)
    tables = [text for text in statements if text.startswith("CREATE TABLE IF NOT EXISTS")]
    assert len(tables) > 10
    assert all(("ON CLUSTER" in text) is bool(cluster) for text in tables)


def test_variables_are_replaced_as_compose_does_it() -> None:
    given = {"SET": "x", "EMPTY": ""}
    assert compose.interpolate("${SET:-y} ${EMPTY:-y} $SET $$SET ${NONE}", given) == "x y x $SET "


def test_the_bots_image_has_neither_dagster_nor_a_warehouse() -> None:
    assert not any(
        source.startswith(("warehouse", "pipelines")) for source in images.sources("bot")
    )
    assert images.FOREIGN["bot"][:2] == ("dagster", "clickhouse-connect")
