"""Wrong arguments and settings of backups are refused by their name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from common.errors import SettingError, StartupError
from common.settings import load
from embedded.backup.jobs import restore
from embedded.stack.lifecycle import Progress
from embedded.stack.settings import StackSettings
from pipelines.runtime.home import write_home
from pipelines.settings import DagsterSettings
from tests.embedded.backup.stacks import command_line, stopped_plan


def test_what_is_no_backup_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="FROM"):
        restore(stopped_plan(tmp_path / "new"), tmp_path, progress=Progress())
    (tmp_path / "manifest.json").write_text(json.dumps({"format": 1}), encoding="utf-8")
    with pytest.raises(StartupError, match="damaged"):
        restore(stopped_plan(tmp_path / "new"), tmp_path, progress=Progress())


@pytest.mark.parametrize(("command", "name"), [("create", "OUT"), ("check", "FROM")])
def test_the_command_line_says_which_directory_is_missing(
    command: str, name: str, tmp_path: Path
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATA_DIR", str(tmp_path / "data"))
        outcome = command_line("embedded.backup", command, "")
    assert outcome.returncode == 2
    assert outcome.stderr == f"{name}: is not set; as in {name}=backups/today\n"


@pytest.mark.parametrize("setting", ["DATA_DIR", "KEYS_DIR"])
def test_a_directory_that_cannot_be_written_is_called_by_the_setting_that_names_it(
    setting: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv(setting, str(tmp_path / "file" / "below"))
    with pytest.raises(SettingError, match=f"^{setting}: cannot use {tmp_path}/file/below"):
        load(StackSettings).key_ring()


def test_a_passphrase_that_is_short_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKUP_PASSPHRASE", "eleven char")
    with pytest.raises(SettingError, match=r"^BACKUP_PASSPHRASE: has fewer than 12 characters$"):
        load(StackSettings)


@pytest.mark.parametrize("setting", ["DATA_DIR", "DAGSTER_HOME"])
def test_a_directory_of_dagster_that_cannot_be_written_is_called_by_its_setting(
    setting: str, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    given = {"dagster_database_url": "postgresql://host/dagster", "data_dir": tmp_path}
    settings = DagsterSettings.model_validate(
        {**given, setting.lower(): tmp_path / "file" / "below"}
    )
    with pytest.raises(SettingError, match=f"^{setting}: "):
        write_home(settings)
