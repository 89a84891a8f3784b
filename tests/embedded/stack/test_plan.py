"""An explicit setting reaches the programs of the stack; the stack's own are only defaults."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from common.settings import load
from deploy.settings import loaded_by, settings
from embedded.stack.demo import addresses, demo_plan
from embedded.stack.plan import SECRETS, Plan, command_environment
from embedded.stack.programs import services, stores
from embedded.stack.settings import StackSettings

EVERYWHERE = "0.0.0.0"  # noqa: S104 # only passed on
GIVEN = {
    "STATS_API_RATE_LIMIT": "7/minute",
    "LLM_MODEL": "given/model",
    "LLM_FALLBACK_MODEL": "given/fallback",
    "API_TOKEN_SECRET": "a-token-secret-that-somebody-made-himself",
    "DATA_KEY": "a-data-key-that-somebody-made-himself-too",
    "ADMIN_REGISTRATION_TOKEN": "an-admin-token-that-somebody-made",
    "CLICKHOUSE_WRITER_PASSWORD": "written/by@hand",
    "CLICKHOUSE_READER_PASSWORD": "read:by#hand",
    "DAGSTER_HOME": "/elsewhere/dagster",
}


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in GIVEN:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ENV_FILE", os.devnull)
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))


def given_environments(plan: Plan) -> dict[str, set[str]]:
    """Every value that any program of the plan gets, by setting."""
    found: dict[str, set[str]] = {}
    for program in (*stores(plan), *services(plan)):
        for name, value in program.environment.items():
            found.setdefault(name, set()).add(value)
    return found


def test_the_demo_has_defaults_of_its_own() -> None:
    found = given_environments(demo_plan(load(StackSettings), data=None))
    assert found["STATS_API_RATE_LIMIT"] == {"300/minute"}
    assert all(len(found[name]) == 1 for name in GIVEN)


@pytest.mark.parametrize("place", ["environment", "file"])
@pytest.mark.parametrize("name", GIVEN)
def test_an_explicit_setting_wins(
    name: str, place: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if place == "environment":
        monkeypatch.setenv(name, GIVEN[name])
    else:
        (tmp_path / "given.env").write_text(f"{name}='{GIVEN[name]}'\n")
        monkeypatch.setenv("ENV_FILE", str(tmp_path / "given.env"))
    assert given_environments(demo_plan(load(StackSettings), data=None))[name] == {GIVEN[name]}


def test_a_password_with_special_characters_reaches_clickhouse(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CLICKHOUSE_READER_PASSWORD", GIVEN["CLICKHOUSE_READER_PASSWORD"])
    url = demo_plan(load(StackSettings), data=None).clickhouse_url("reader")
    assert "//reader:read%3Aby%23hand@127.0.0.1" in url


@pytest.mark.parametrize(
    ("host", "reached"), [(EVERYWHERE, "127.0.0.1"), ("::", "[::1]"), ("::1", "[::1]")]
)
def test_each_program_has_its_own_address_and_is_found_there(
    host: str, reached: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIND_HOST", host)
    plan = demo_plan(load(StackSettings), data=None)
    assert {name for name, (given, _) in plan.listeners().items() if given == host} == {
        "API_PORT",
        "BOT_PORT",
    }
    assert plan.api_url == f"http://{reached}:8000"
    for name in (
        *("DAGSTER_BIND_HOST", "DAGSTER_CODE_BIND_HOST", "PIPELINES_METRICS_BIND_HOST"),
        *("CLICKHOUSE_BIND_HOST", "SIMULATOR_BIND_HOST"),
    ):
        monkeypatch.setenv(name, host)
    plan = demo_plan(load(StackSettings), data=None)
    assert {given for given, _ in plan.listeners().values()} == {host}
    assert plan.dagster_url == f"http://{reached}:3000"
    assert f"@{reached}:8123/" in plan.clickhouse_url("writer")
    found = given_environments(plan)
    assert found["DAGSTER_CODE_HOST"] == {reached.strip("[]")}
    assert found["TELEGRAM_API_URL"] == {f"http://{reached}:8081"}


def test_the_demo_speaks_to_the_simulators_whatever_is_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TELEGRAM_TOKEN", "1234567890:a-real-token-of-somebody-000000000")
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-real")
    [bot] = [
        program
        for program in services(demo_plan(load(StackSettings), data=None))
        if program.name == "bot"
    ]
    assert bot.environment["TELEGRAM_TOKEN"].startswith("4242424242:")
    assert bot.environment["OPENROUTER_API_KEY"] == "simulated-openrouter-key"
    assert bot.environment["OPENROUTER_BASE_URL"].startswith("http://127.0.0.1:")


USED_BY = {
    "bot": ("bot",),
    "api": ("api",),
    "dagster-code": ("pipelines",),
    "dagster-daemon": ("pipelines",),
    "dagster-webserver": ("pipelines",),
    "postgres": (),
    "clickhouse": ("embedded/clickhouse",),
}


def test_every_secret_of_a_service_is_withheld_from_the_others() -> None:
    assert {one.name for one in settings() if one.is_secret} <= SECRETS


@pytest.mark.parametrize("name", USED_BY)
def test_a_program_holds_only_the_secrets_that_it_uses(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for secret in SECRETS - {"DATABASE_URL", "CLICKHOUSE_URL", "DAGSTER_DATABASE_URL"}:
        monkeypatch.setenv(secret, "123456:a-value-of-the-caller-for-every-secret")
    monkeypatch.setenv("STATS_API_KEY", "dly_a-value-of-the-caller-for-this-secret")
    (tmp_path / "data_key").write_text("a data key of the caller")
    monkeypatch.setenv("DATA_KEY_FILE", str(tmp_path / "data_key"))
    plan = demo_plan(load(StackSettings), data=None)
    [program] = [one for one in (*stores(plan), *services(plan)) if one.name == name]
    used = {
        field.upper()
        for section in loaded_by(*USED_BY[name])
        for field in section.model_fields
        if field.upper() in SECRETS
    }
    held = {one for one in program.environment if one.removesuffix("_FILE") in SECRETS}
    assert {one.removesuffix("_FILE") for one in held} <= used
    if name == "bot":
        assert "DATA_KEY_SECOND" in held


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("bot", "dialytics_bot"),
        ("api", "dialytics_api"),
        ("dagster-code", "dialytics_pipelines"),
        ("dagster-daemon", "dialytics_pipelines"),
        ("dagster-webserver", "dialytics_pipelines"),
    ],
)
def test_a_service_is_a_role_of_its_own(name: str, role: str) -> None:
    plan = demo_plan(load(StackSettings), data=None)
    [program] = [one for one in services(plan) if one.name == name]
    assert program.environment["DATABASE_URL"].startswith(f"postgresql://{role}@/dialytics?")
    if name.startswith("dagster"):
        assert program.environment["DAGSTER_DATABASE_URL"].startswith("postgresql://dagster@/")


@pytest.mark.parametrize(
    ("module", "role", "has_key"),
    [
        ("bot.users.key_rotation", "dialytics_bot", True),
        ("bot.inbox.parked", "dialytics_bot", True),
        ("api.accounts", "dialytics_api", False),
        ("pipelines.commands.reconcile", "dialytics_pipelines", False),
        ("migrations", "dialytics_owner", False),
    ],
)
def test_a_command_is_the_role_of_its_service(module: str, role: str, *, has_key: bool) -> None:
    environment = command_environment(demo_plan(load(StackSettings), data=None), module)
    assert environment["DATABASE_URL"].startswith(f"postgresql://{role}@/")
    assert ("DATA_KEY" in environment) is has_key


def test_servers_of_somebody_else_are_reached_by_their_address_and_none_is_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://somebody@db/product")
    monkeypatch.setenv("DAGSTER_DATABASE_URL", "postgresql://somebody@db/dagster")
    monkeypatch.setenv("CLICKHOUSE_URL", "http://writer@clickhouse/product")
    monkeypatch.setenv("CLICKHOUSE_READER_URL", "http://reader@clickhouse/product")
    plan = demo_plan(load(StackSettings), data=None)
    assert stores(plan) == []
    assert "CLICKHOUSE_PORT" not in plan.listeners()
    found = given_environments(plan)
    assert found["DATABASE_URL"] == {"postgresql://somebody@db/product"}
    assert found["DAGSTER_DATABASE_URL"] == {"postgresql://somebody@db/dagster"}
    assert found["CLICKHOUSE_URL"] == {
        "http://writer@clickhouse/product", "http://reader@clickhouse/product",
    }  # fmt: skip
    assert found["CLICKHOUSE_READER_URL"] == {"http://reader@clickhouse/product"}


def test_the_demo_says_where_one_acts_as_its_users() -> None:
    settings = load(StackSettings)
    demo = demo_plan(settings, data=None)
    assert addresses(demo)["Act as users"].startswith(f"{demo.simulator_url}/control ")
    real = Plan(settings=settings, keys=demo.keys, simulated=False)
    assert "Act as users" not in addresses(real)
