"""Who may ask, and under which limits. Knows nothing about HTTP or the engine."""

from __future__ import annotations

import hmac
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from embedded.clickhouse.errors import Code, QueryError

# What a reader may change: how an answer looks, never how much it may take (limits may only be
# lowered). A ClickHouse server's profile names the same ones as changeable_in_readonly.
READER_MAY_SET = (
    "log_comment|session_timezone|date_time_(input|output)_format|extremes|final"
    "|output_format_[a-z0-9_]+|format_csv_[a-z0-9_]+|join_use_nulls|use_query_cache"
    "|do_not_merge_across_partitions_select_final|max_block_size|max_threads"
    "|max_result_(rows|bytes)|max_(rows|bytes)_to_read|result_overflow_mode"
    "|max_execution_time|max_memory_usage"
)
READER_MAY_NOT_SET = frozenset({"output_format_schema"})
"""Matches the pattern and names a file."""


def reader_may_set(name: str) -> bool:
    return name not in READER_MAY_NOT_SET and re.fullmatch(READER_MAY_SET, name) is not None


@dataclass(frozen=True)
class Account:
    """One user.

    Args:
        limits: settings that apply to every query; a user may lower them, never raise them.
    """

    name: str
    read_only: bool
    defaults: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, int] = field(default_factory=dict)

    def settings(self, asked: Mapping[str, str]) -> dict[str, str]:
        """The settings of one query.

        Raises:
            QueryError: a reader asked for a setting that is not theirs to change.
        """
        settings = {**self.defaults, **{name: str(value) for name, value in self.limits.items()}}
        for name, value in asked.items():
            if name in self.limits:
                settings[name] = str(_lower(name, value, self.limits[name]))
            elif name == "readonly" and self.read_only:
                if value not in {"1", "2"}:
                    raise QueryError(Code.READONLY, "Cannot modify 'readonly' in readonly mode")
            elif self.read_only and not reader_may_set(name):
                raise QueryError(Code.READONLY, f"Cannot modify '{name}' setting in readonly mode")
            else:
                settings[name] = value
        return settings


def _lower(name: str, value: str, limit: int) -> float:
    try:
        number = float(value)
    except ValueError as error:
        raise QueryError(Code.BAD_ARGUMENTS, f"{name} must be a number") from error
    if not 0 < number <= limit:
        raise QueryError(
            Code.SETTING_CONSTRAINT_VIOLATION, f"Setting {name} shouldn't be greater than {limit}"
        )
    return int(number) if number.is_integer() else number


class Accounts:
    """The users of the server and their passwords."""

    def __init__(self, accounts: Mapping[str, tuple[Account, str]]) -> None:
        self._accounts = {
            name: (account, password.encode()) for name, (account, password) in accounts.items()
        }
        # Compared against when the user is unknown, so that both cases take the same time.
        self._nobody = os.urandom(32)

    def authenticate(self, user: str, password: str) -> Account:
        """The account behind these credentials.

        Raises:
            QueryError: unknown user or wrong password, in the same words.
        """
        account, expected = self._accounts.get(user, (None, self._nobody))
        given = password.encode("utf-8", "surrogateescape")
        matches = hmac.compare_digest(given, expected)
        if account is None or not matches:
            raise QueryError(
                Code.AUTHENTICATION_FAILED,
                "Authentication failed: password is incorrect, or there is no such user",
            )
        return account
