"""Reads everything that a process of the pipelines is configured with."""

from __future__ import annotations

from common.settings import DatabaseSettings, ReportSettings, load
from pipelines.cycle import Stores
from pipelines.settings import PipelineSettings
from warehouse.settings import WarehouseSettings


def load_stores() -> Stores:
    """Settings of both stores and of the pipelines.

    Raises:
        SettingError: naming the first setting that is missing or wrong.
    """
    return Stores(
        database=load(DatabaseSettings),
        warehouse=load(WarehouseSettings),
        pipelines=load(PipelineSettings),
        report=load(ReportSettings),
    )
