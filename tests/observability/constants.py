"""Names of panels that several tests ask for."""

from __future__ import annotations

MOST_ACTIVE_PEOPLE = "Most active people"
