"""The users, and the limits of each."""

from __future__ import annotations

import hmac
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from embedded.clickhouse.errors import Code, QueryError
from embedded.clickhouse_privileges import READER_LIMITS, READER_SETTINGS, WRITER_SETTINGS


def reader_may_set(name: str) -> bool:
    return name in READER_SETTINGS or name in READER_LIMITS


def writer_may_set(name: str) -> bool:
    return reader_may_set(name) or name in WRITER_SETTINGS


@dataclass(frozen=True)
class Account:
    """One user.

    Args:
        limits: settings that apply to every query; a user may lower them, never raise them.
        grants: as `SHOW GRANTS` lists them.
        is_restricted: False for a user whom only the engine's grants restrict.
    """

    name: str
    read_only: bool
    defaults: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, int] = field(default_factory=dict)
    grants: Sequence[str] = ()
    is_restricted: bool = True

    def settings(self, asked: Mapping[str, str]) -> dict[str, str]:
        """The settings of one query.

        Raises:
            QueryError: a setting that is not the user's to change.
        """
        settings = {**self.defaults, **{name: str(value) for name, value in self.limits.items()}}
        for name, value in asked.items():
            if not self.is_restricted:
                settings[name] = value
            elif name in self.limits:
                settings[name] = str(_lower(name, value, self.limits[name]))
            elif name == "readonly" and self.read_only:
                if value not in {"1", "2"}:
                    raise QueryError(Code.READONLY, "Cannot modify 'readonly' in readonly mode")
            elif self.read_only and not reader_may_set(name):
                raise QueryError(Code.READONLY, f"Cannot modify '{name}' setting in readonly mode")
            elif not writer_may_set(name):
                raise QueryError(
                    Code.SETTING_CONSTRAINT_VIOLATION, f"Setting {name} should not be changed"
                )
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
        self._unknown = os.urandom(32)

    def authenticate(self, user: str, password: str) -> Account:
        """The account behind these credentials.

        Raises:
            QueryError: unknown user or wrong password, in the same words.
        """
        account, expected = self._accounts.get(user, (None, self._unknown))
        given = password.encode("utf-8", "surrogateescape")
        matches = hmac.compare_digest(given, expected)
        if account is None or not matches:
            raise QueryError(
                Code.AUTHENTICATION_FAILED,
                "Authentication failed: password is incorrect, or there is no such user",
            )
        return account
