"""`python -m api.openapi [--check]`: writes the OpenAPI document for the dashboard's client."""

from __future__ import annotations

import argparse
from pathlib import Path

import orjson

from api.app import ApiSettings, create_app
from api.http.openapi import undescribed
from api.settings import AccountSettings, RateLimitSettings, ServerSettings
from common.errors import StartupError
from common.process import run
from common.settings import ConsentSettings, DatabaseSettings, DataKeySettings, ReportSettings
from warehouse.settings import WarehouseSettings

SNAPSHOT = Path(__file__).parent.parent / "dashboards" / "web" / "openapi.json"


def document() -> bytes:
    """The OpenAPI document with default settings, the same on every machine.

    Raises:
        StartupError: a part of it has no text.
    """
    defaults = {
        "database_url": "postgresql://localhost/dialytics",
        "data_key": "document",
        "clickhouse_url": "http://localhost:8123/dialytics",
        "password_hash_cost": 4,
    }
    app = create_app(
        ApiSettings(
            server=ServerSettings.model_construct(),
            accounts=AccountSettings.model_construct(password_hash_cost=4),
            limits=RateLimitSettings.model_construct(),
            database=DatabaseSettings.model_validate(defaults),
            data_key=DataKeySettings.model_validate(defaults),
            report=ReportSettings.model_construct(),
            consent=ConsentSettings.model_construct(),
            warehouse=WarehouseSettings.model_validate(defaults),
        )
    )
    schema = app.openapi()
    if missing := list(undescribed(schema)):
        raise StartupError(f"describe these in api/http/openapi.toml: {'; '.join(missing)}")
    return orjson.dumps(schema, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m api.openapi", description=__doc__)
    parser.add_argument("--check", action="store_true", help="only check whether it is current")
    if parser.parse_args().check:
        if not SNAPSHOT.is_file() or SNAPSHOT.read_bytes() != document():
            raise StartupError(f"{SNAPSHOT.name} is outdated: run python -m api.openapi")
        return
    SNAPSHOT.parent.mkdir(parents=True, exist_ok=True)
    SNAPSHOT.write_bytes(document())


if __name__ == "__main__":
    run(main)
