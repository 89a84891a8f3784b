"""The errors that more than one package handles.

DialyticsError
└── StartupError      the process cannot start: one line for the operator, exit code 2
    └── SettingError  the same, and the line names the setting to change
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
