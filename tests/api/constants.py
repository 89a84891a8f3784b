"""Credentials and paths of the API's tests."""

from __future__ import annotations

ADMIN_TOKEN = "an-operator-gave-this-to-an-analyst"
PASSWORD = "correct horse battery"
NEW_PASSWORD = "another long secret"
DATA_KEY = "a-data-key-for-tests-that-is-long-enough"
ME = "/api/v1/auth/me"
STATS = "/api/v1/stats"
PARTS = (
    "", "/summary", "/activity", "/dialogs", "/turns", "/users/top", "/models", "/retention",
    "/stickiness", "/lifecycle", "/heatmap", "/funnel", "/feedback", "/commands", "/blocks",
    "/sessions", "/costs", "/dimensions",
    "/quality", "/freshness", "/forecast", "/now", "/catalogue",
)  # fmt: skip
"""The path of every report below STATS."""
SECRET = "s" * 64
"""Signs bearer tokens."""
