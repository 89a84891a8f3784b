"""Steps of a cycle that several tests wait for, words of refusals, and how large a storm is."""

from __future__ import annotations

import os

PAGE_STORED = "turns page stored"
PAGE_RECORDED = "page recorded"
DATA_STORED = "data stored"
ACTIVITY_BUILT = "activity built"
SYSTEM_IDENTIFIER = "system identifier"
SCALE = float(os.environ.get("STORM", "1"))
"""1 in every run, 20 in `make storm`."""
