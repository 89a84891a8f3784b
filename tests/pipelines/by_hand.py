"""Starts the pipelines' programs as an operator does, on the stores of a test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from pipelines.settings import PipelineSettings


def run(pipeline_settings: PipelineSettings, *command: str) -> Any:
    """The JSON of the last line."""
    outcome = subprocess.run(
        [sys.executable, *command],
        env={
            "PATH": os.environ["PATH"],
            "DATABASE_URL": pipeline_settings.database.libpq_url,
            "CLICKHOUSE_URL": pipeline_settings.warehouse.writer_url,
            "REPORT_TIMEZONE": pipeline_settings.report.report_timezone,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert outcome.returncode == 0, outcome.stderr
    return json.loads(outcome.stdout.splitlines()[-1])
