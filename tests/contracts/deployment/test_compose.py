"""The container files are right, and the check of them notices what is not."""

from __future__ import annotations

import copy
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from api.settings import ServerSettings
from bot.settings import BotSettings
from deploy import check, clickhouse_files, compose, configuration, images
from deploy.services import Project, package_of

PROJECT = Path(__file__).parents[3]


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


@pytest.fixture(scope="module")
def secrets() -> Iterator[Path]:
    with configuration.example_secrets() as directory:
        yield directory


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
        test=["CMD", "python", "-m", "common.http.probe", "http://127.0.0.1:9/health"]
    ),
    "no code answers /healthz": lambda d: d["services"]["api"]["healthcheck"].update(
        test=["CMD", "python", "-m", "common.http.probe", "http://127.0.0.1:8000/healthz"]
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
            "bot: offers no way to set REPORT_TIMEZONE",
            lambda d: d["services"]["bot"]["environment"].pop("REPORT_TIMEZONE"),
        ),
        (
            "api: offers no way to set QUERY_MAX_SECONDS",
            lambda d: d["services"]["api"]["environment"].pop("QUERY_MAX_SECONDS"),
        ),
        (
            "TELEGRAM_WEBHOOK_SECRET: is needed",
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
    production: Project, secrets: Path, message: str, change: Callable[[dict[str, Any]], object]
) -> None:
    found = [
        str(problem) for problem in configuration.problems(changed(production, change), secrets)
    ]
    assert any(message in line for line in found), found


def test_production_without_limits_is_noticed(production: Project) -> None:
    project = changed(production, lambda d: d["services"]["bot"].pop("deploy"))
    assert any("no limits" in problem.what for problem in project.production_problems())


def test_limits_that_the_server_cannot_give_are_noticed(production: Project) -> None:
    project = changed(
        production,
        lambda d: d["services"]["api"]["deploy"]["resources"]["limits"].update(memory="2G"),
    )
    assert list(check.too_much_memory(production)) == []
    (problem,) = check.too_much_memory(project)
    assert "MiB of a server's 8192" in problem.what


def test_a_node_of_the_cluster_that_is_not_scraped_is_noticed() -> None:
    cluster = changed(
        check.projects()["cluster"], lambda d: d["services"].update({"clickhouse-3-1": {}})
    )
    (problem,) = check.unscraped(cluster)
    assert problem.what == "clickhouse-3-1 is not scraped"


def test_a_production_cluster_without_limits_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    found = check.projects()
    nodes = ("clickhouse-2-2", "keeper-3")
    found["prod+cluster"] = changed(
        found["prod+cluster"], lambda d: [d["services"][node].pop("deploy") for node in nodes]
    )
    monkeypatch.setattr(check, "projects", lambda: found)
    assert {str(problem) for problem in check.problems()} == {
        f"prod+cluster {node}: has no limits of processor and memory" for node in nodes
    }


@pytest.mark.parametrize(
    ("service", "variable", "messages"),
    [
        (
            "bot",
            "BOT_PORT",
            {
                "deploy/proxy/Caddyfile: asks port 8080 of bot, where nothing listens",
                "deploy/prometheus/prometheus.yml: asks port 8080 of bot, where nothing listens",
            },
        ),
        (
            "dagster-code",
            "PIPELINES_METRICS_PORT",
            {
                (
                    "deploy/prometheus/prometheus.yml: asks port 9109 of dagster-code,"
                    " where nothing listens"
                )
            },
        ),
    ],
)
def test_a_port_where_nothing_listens_is_noticed(
    production: Project, service: str, variable: str, messages: set[str]
) -> None:
    project = changed(
        production, lambda d: d["services"][service]["environment"].update({variable: "9"})
    )
    assert {str(problem) for problem in check.addresses(project)} == messages


def test_the_proxy_hides_what_is_for_inside_before_it_hands_anything_on() -> None:
    caddyfile = (PROJECT / "deploy" / "proxy" / "Caddyfile").read_text(encoding="utf-8")
    _, _, site = caddyfile.partition("{$DOMAIN} {\n")
    directives = [
        line.strip() for line in site.splitlines() if re.match(r"\t[a-z@]", line) is not None
    ]
    # `handle` is sorted before `respond`: all responses must be inside the blocks.
    assert {line.split()[0] for line in directives} == {"encode", "header", "@inside", "handle"}
    blocks = [line for line in directives if line.startswith("handle")]
    assert blocks == ["handle @inside {", "handle {$WEBHOOK_PATH}* {", "handle {"]
    assert "handle @inside {\n\t\trespond 404\n\t}" in site
    assert "@inside path /metrics /metrics/* /ready" in directives


@pytest.mark.parametrize(
    ("token", "is_started"), [("123456:ABC", True), ("\n", False), ("", False), (None, False)]
)
def test_production_starts_only_with_the_secrets_of_the_directory_that_env_names(
    tmp_path: Path, token: str | None, *, is_started: bool
) -> None:
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text('#!/bin/sh\necho "$@" >>calls\n', encoding="utf-8")
    docker.chmod(0o755)
    secrets = tmp_path / "elsewhere"
    secrets.mkdir()
    (secrets / "openrouter_api_key").write_text("key\n", encoding="utf-8")
    if token is not None:
        (secrets / "telegram_token").write_text(token, encoding="utf-8")
    (tmp_path / ".env").write_text(f'DOMAIN=x\nSECRETS_PATH="{secrets}"\n', encoding="utf-8")
    outcome = subprocess.run(
        ["make", "--file", str(PROJECT / "Makefile"), "prod-up"],
        cwd=tmp_path,
        env={"PATH": f"{docker.parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (tmp_path / "calls").exists() is is_started, outcome.stderr
    assert (outcome.returncode == 0) is is_started
    if not is_started:
        assert f"{secrets}/telegram_token is absent or empty" in outcome.stderr


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
