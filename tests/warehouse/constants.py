"""The moment and the zone of the warehouse's tests."""

from __future__ import annotations

from datetime import UTC, datetime

from warehouse.moments import zone_named

NOW = datetime(2026, 3, 18, 20, 43, 12, tzinfo=UTC)
REPORT_ZONE = "Europe/Berlin"
ZONE = zone_named(REPORT_ZONE)
ZONES = ("Europe/Berlin", "Asia/Kathmandu")
