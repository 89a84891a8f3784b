from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from api.settings import AccountSettings, ServerSettings
from common.errors import SettingError
from common.settings import DatabaseSettings, DataKeySettings, ReportSettings, Section, load

URL = "postgresql://someone:hunter2@db/dialytics"


def test_a_missing_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    with pytest.raises(SettingError, match=r"^DATABASE_URL: is not set$"):
        load(DatabaseSettings)


def test_a_wrong_setting_is_named_and_its_value_is_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://root:hunter2@db")
    with pytest.raises(SettingError, match="DATABASE_URL") as caught:
        load(DatabaseSettings)
    assert "hunter2" not in str(caught.value)


def test_a_secret_may_stand_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "url").write_text(f"{URL}\n", encoding="utf-8")
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("DATABASE_URL_FILE", str(tmp_path / "url"))
    assert load(DatabaseSettings).database_url == SecretStr(URL)


def test_a_secret_file_that_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL_FILE", str(tmp_path / "absent"))
    with pytest.raises(SettingError, match="DATABASE_URL_FILE"):
        load(DatabaseSettings)


def test_secrets_may_be_mounted_as_a_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "database_url").write_text(URL, encoding="utf-8")
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path))
    assert load(DatabaseSettings).database_url == SecretStr(URL)


def test_the_environment_wins_over_the_settings_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "env").write_text("REPORT_TIMEZONE=Asia/Tokyo\n", encoding="utf-8")
    monkeypatch.setenv("ENV_FILE", str(tmp_path / "env"))
    assert load(ReportSettings).report_timezone == "Asia/Tokyo"
    monkeypatch.setenv("REPORT_TIMEZONE", "Asia/Kathmandu")
    assert load(ReportSettings).report_timezone == "Asia/Kathmandu"


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../etc/passwd", "/etc/passwd"])
def test_what_is_no_time_zone_is_refused(monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    monkeypatch.setenv("REPORT_TIMEZONE", zone)
    with pytest.raises(SettingError, match="REPORT_TIMEZONE"):
        load(ReportSettings)


def test_production_refuses_a_short_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_KEY", "short")
    assert load(DataKeySettings).data_key == SecretStr("short")
    monkeypatch.setenv("ENVIRONMENT", "production")
    with pytest.raises(SettingError, match="DATA_KEY"):
        load(DataKeySettings)


@pytest.mark.parametrize(
    "address",
    [
        *("dialytics:change-me@host/db", "dialytics:change%2Dme@host/db"),
        *("dialytics:Password@host/db", "dialytics:admin@host/db"),
        *("dialytics@host/db?password=change-me", "host/db?user=a&password=change%2Dme"),
    ],
)
def test_a_placeholder_is_no_password_of_an_address(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://{address}")
    with pytest.raises(SettingError, match="DATABASE_URL"):
        load(DatabaseSettings)


@pytest.mark.parametrize("content", ["", "\n"])
def test_an_empty_secret_file_is_an_unset_setting(
    content: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Emptying the file is how an operator closes registration, and ends a rotation.
    (tmp_path / "admin_registration_token").write_text(content, encoding="utf-8")
    (tmp_path / "data_key_second").write_text(content, encoding="utf-8")
    (tmp_path / "data_key").write_text("a" * 43, encoding="utf-8")
    (tmp_path / "api_token_secret").write_text("b" * 43, encoding="utf-8")
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path))
    monkeypatch.setenv("ENVIRONMENT", "production")
    assert load(AccountSettings).admin_registration_token is None
    assert load(DataKeySettings).data_key_second is None
    (tmp_path / "data_key").write_text(content, encoding="utf-8")
    with pytest.raises(SettingError, match=r"^DATA_KEY: is not set$"):
        load(DataKeySettings)


def test_an_empty_file_of_a_named_secret_is_an_unset_setting(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("\n", encoding="utf-8")
    monkeypatch.setenv("ADMIN_REGISTRATION_TOKEN_FILE", str(tmp_path / "token"))
    assert load(AccountSettings).admin_registration_token is None


@pytest.mark.parametrize(
    ("section", "variables", "message"),
    [
        (DataKeySettings, {"DATA_KEY": "short", "ENVIRONMENT": "production"},
         "DATA_KEY: needs a random value of at least 32 bytes"),
        (ServerSettings, {"CORS_ORIGINS": "no-address"},
         "CORS_ORIGINS: 'no-address' is not like https://example.org"),
    ],
)  # fmt: skip
def test_a_check_of_a_whole_section_names_the_setting_and_no_class(
    section: type[Section],
    variables: dict[str, str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingError) as refused:
        load(section)
    assert str(refused.value) == message
