"""Errors handled by more than one package.

DialyticsError
├── StartupError      the configuration must be changed: one line, exit code 2
│   └── SettingError  the same, naming the setting
└── UnavailableError  a database is unavailable: services wait, commands exit with code 1
"""

from __future__ import annotations


class DialyticsError(Exception):
    """Base class of the project's own errors."""


class StartupError(DialyticsError):
    """The process cannot start. The message is one line with the cause and the remedy."""


class SettingError(StartupError):
    """A setting is missing or wrong. The message names the setting."""

    def __init__(self, setting: str, problem: str) -> None:
        self.setting = setting
        super().__init__(f"{setting}: {problem}")


class UnavailableError(DialyticsError):
    """A database is temporarily unavailable. The message is one line."""
