"""Names and values that the ledger, the requests and the expectations share."""

from __future__ import annotations

BOTS = (7_000_000_001, 8)
CHAT_TYPES = ("private", "group", "supergroup", "channel")
LANGUAGES = ("en", "ru", "pt-br", "=1+1", "", None)
SOURCES = ("ads", "friend", "@partner", "-old", "", None)
RARE_SOURCES = 60
"""More than a funnel lists one by one."""
SMALL, LARGE, FREE = "vendor/small", "vendor/large", "vendor/free:free"
STRANGE_MODELS = ("=HYPERLINK(1)", 'quoted, "twice"', "модель", "+plus", "\ttab")
MODELS = (SMALL, LARGE, FREE, *STRANGE_MODELS)
REASONS = {
    "answered": (None, None, None, "incomplete", "length"),
    "failed": ("timeout", "empty", "content_filter", "interrupted", "blocked", "=cause"),
    "cancelled": ("stopped", "cancelled", "edited", "erased"),
    "rejected": ("daily_budget", "rate_limit", "cancelled"),
}
EVENTS = (
    *(("command", name) for name in ("start", "usage", "unknown")),
    *(("blocked", None), ("unblocked", None)),
)
"""Kinds of events, and names of commands."""
FALLBACK_CAUSES = ("rate_limit", "timeout", "=cause")
PEOPLE = 140
BIG_KEYS = (2_147_483_640, 2_147_483_647)
"""People whose keys are the largest that PostgreSQL gives."""
NOT_PEOPLE = (151, 152, 153)
UNCOUNTED_SHARE = 0.05
"""Share of turns, as if people changed their choice from turn to turn."""
"""Pseudonyms of anonymous admins and channels."""

MICRO = 1_000_000
QUARTER = 900 * MICRO
HOUR = 3_600 * MICRO
DAY = 86_400 * MICRO

REPORT_ZONES = (
    "America/Winnipeg",
    "America/Edmonton",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Europe/Berlin",
    "UTC",
    "Africa/Casablanca",
)
ZONES = (
    *REPORT_ZONES,
    "America/Vancouver",
    "America/Havana",
    "America/New_York",
    "America/St_Johns",
    "America/Santiago",
    "America/Nuuk",
    "America/Sao_Paulo",
    "Antarctica/Troll",
    "Africa/Cairo",
    "Asia/Beirut",
    "Asia/Gaza",
    "Asia/Kolkata",
    "Asia/Tehran",
    "Atlantic/Azores",
    "Europe/Dublin",
    "Europe/Moscow",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
)
