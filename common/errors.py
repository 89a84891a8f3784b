"""The errors that more than one package handles.

DialyticsError
├── StartupError      a person must change something first: one line, exit code 2
│   └── SettingError  the same, and the line names the setting to change
└── UnavailableError  a store does not answer: services wait, a command ends with exit code 1
"""

from __future__ import annotations


class DialyticsError(Exception):
    """Root of every error raised on purpose by this project."""


class StartupError(DialyticsError):
    """The process cannot start. The message is one line that names the cause and the remedy."""


class SettingError(StartupError):
    """A setting is missing or wrong. The message names the setting."""

    def __init__(self, setting: str, problem: str) -> None:
        self.setting = setting
        super().__init__(f"{setting}: {problem}")


class UnavailableError(DialyticsError):
    """A store cannot be reached now, and may be in a moment. The message is one line."""
