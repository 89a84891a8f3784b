"""Steps of a cycle that several tests wait for, words of refusals, a first day, a storm's size."""

from __future__ import annotations

import os
from datetime import date

PAGE_STORED = "turns page stored"
PAGE_RECORDED = "page recorded"
DATA_STORED = "data stored"
ACTIVITY_BUILT = "activity built"
SYSTEM_IDENTIFIER = "system identifier"
FIRST_DAY = date(2020, 1, 1)
"""The first daily partition of Dagster."""
SCALE = float(os.environ.get("STORM", "1"))
"""1 in every run, 20 in `make storm`."""
