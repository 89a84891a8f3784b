"""The units of systemd: valid, hardened, complete, and each command starts as an ordinary user."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from deploy import check
from deploy.services import secret_targets
from tests.contracts.deployment.units import (
    SERVICES,
    TARGET,
    UNITS,
    Installation,
    credentials,
    directives,
    install,
)
from tests.programs import program

MAX_EXPOSURE = 20
"""In tenths, of systemd's own scale from 0 to 10; up to 20 it calls a service OK."""
OF_COMPOSE = {"migrate": "dialytics-migrate", "roles": "dialytics-roles"} | {
    name: f"dialytics-{name}"
    for name in ("bot", "api", "dagster-code", "dagster-daemon", "dagster-webserver")
}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return install(tmp_path_factory.mktemp("root"))


def test_systemd_finds_nothing_wrong(installed: Installation, tmp_path: Path) -> None:
    # It looks for each command, so the copies name this installation's.
    units = shutil.copytree(installed.units, tmp_path / "units")
    for path in units.rglob("*.*"):
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            path.write_text(text.replace(TARGET, str(installed.code)), encoding="utf-8")
    outcome = subprocess.run(
        [
            program("systemd-analyze"),
            "verify",
            "--man=no",
            *(f"{name}.service" for name in SERVICES),
        ],
        env={"SYSTEMD_UNIT_PATH": f"{units}:", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (outcome.returncode, outcome.stderr) == (0, "")


@pytest.mark.parametrize("unit", SERVICES)
def test_a_service_may_do_little(installed: Installation, unit: str) -> None:
    outcome = subprocess.run(
        [
            program("systemd-analyze"),
            f"--root={installed.root}",
            "--offline=true",
            "--no-pager",
            f"--threshold={MAX_EXPOSURE}",
            "security",
            f"{unit}.service",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stdout.splitlines()[-1] + outcome.stderr


@pytest.mark.parametrize("name", OF_COMPOSE)
def test_a_service_sees_the_secrets_that_its_container_sees(name: str) -> None:
    container = check.projects()["prod"].services[name]
    secrets = secret_targets(container)
    # PostgreSQL's administrator comes in by its user of the system, not by a password.
    secrets.pop("postgres_password", None)
    assert credentials(OF_COMPOSE[name]) == secrets


def test_a_service_is_not_restarted_over_a_wrong_setting(installed: Installation) -> None:
    for unit in SERVICES:
        path = UNITS / f"{unit}.service"
        if directives(path, "Type") == ["oneshot"]:
            continue
        assert directives(path, "RestartPreventExitStatus") == ["2"]
        outcome = installed.run(unit, DATABASE_URL="none", DAGSTER_DATABASE_URL="none")
        assert outcome.returncode == 2, outcome.stderr
        assert re.fullmatch(r"[A-Z_]+: .+\n", outcome.stderr)


def test_installing_again_keeps_settings_and_secrets(tmp_path: Path) -> None:
    installation = install(tmp_path)
    settings = installation.root / "etc" / "dialytics" / "dialytics.env"
    settings.write_text("LLM_MODEL=mine\n", encoding="utf-8")
    key = (installation.secrets / "data_key").read_text(encoding="utf-8")
    (installation.code / "stale.py").touch()
    install(tmp_path)
    assert settings.read_text(encoding="utf-8") == "LLM_MODEL=mine\n"
    assert (installation.secrets / "data_key").read_text(encoding="utf-8") == key
    assert not (installation.code / "stale.py").exists()
    assert (settings.stat().st_mode & 0o777, installation.secrets.stat().st_mode & 0o777) == (
        0o600,
        0o700,
    )


def test_every_user_of_a_unit_is_made() -> None:
    lines = (UNITS / "sysusers.conf").read_text(encoding="utf-8").splitlines()
    made = [line.split()[1] for line in lines if line.startswith("u ")]
    used = {name for unit in SERVICES for name in directives(UNITS / f"{unit}.service", "User")}
    assert used == {*made, "postgres"}
