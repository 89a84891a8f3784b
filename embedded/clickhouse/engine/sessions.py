"""State that clients keep between requests with the same `session_id`.

A session is first only a name that one request at a time may use. With the first `SET`, `USE` or
temporary table it gets a connection of its own, which it keeps until its time is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from embedded.clickhouse.accounts import Account
from embedded.clickhouse.engine.connection import Connection, literal
from embedded.clickhouse.errors import Code, QueryError

MAX_SESSION_SECONDS = 3600
MAX_KEPT_PER_USER = 64
"""Sessions of one user that keep a connection."""
MAX_PER_USER = 4096


@dataclass(frozen=True)
class SessionRequest:
    """The session that a request names."""

    name: str
    seconds: int
    """How long it lives after this request."""
    must_exist: bool
    ends: bool
    """This request is its last."""


@dataclass
class Session:
    """One client's state."""

    user: str
    name: str
    baseline: Mapping[str, str] = field(default_factory=dict)
    """Settings of a new connection of this user."""
    handle: Any = None
    """The engine's connection, once something is kept on it."""
    database: str = "default"
    settings: dict[str, str] = field(default_factory=dict)
    """Values that statements set."""
    parameters: dict[str, str] = field(default_factory=dict)
    is_busy: bool = False
    expiry: asyncio.TimerHandle | None = None

    def note(self, connection: Connection, names: list[str], *, uses_database: bool) -> None:
        """Read back what a `USE` or a `SET` of these names has changed."""
        if uses_database:
            self.database = _value(connection, "currentDatabase()")
        for name in names:
            if name.startswith("param_"):
                plain = name.removeprefix("param_")
                self.parameters[plain] = _value(connection, f"{{{plain}:String}}")
            else:
                self.settings[name] = _value(connection, f"toString(getSetting({literal(name)}))")

    def reset(self, connection: Connection, names: list[str], *, database: bool) -> None:
        """Undo what one request has set for itself."""
        if database:
            connection.use(self.database)
        known = {**self.baseline, **self.settings}
        connection.set({name: known[name] for name in names if name in known})
        connection.set_to_default(name for name in names if name not in known)


def _value(connection: Connection, expression: str) -> str:
    found = connection.run(f"SELECT {expression}".encode(), "RawBLOB")
    return bytes(found).decode("utf-8", "surrogateescape")


class Sessions:
    """The sessions of all users. Used by the event loop only."""

    def __init__(self, *, close: Callable[[Any], None]) -> None:
        """`close` gets the connections of sessions that are over; it must not block."""
        self._close = close
        self._sessions: dict[tuple[str, str], Session] = {}

    @contextmanager
    def use(self, account: Account, request: SessionRequest) -> Iterator[Session]:
        """The session that a request names, for this request alone.

        Raises:
            QueryError: it is in use, absent although it must exist, or one too many.
        """
        user, name, seconds = account.name, request.name, request.seconds
        if not 0 <= seconds <= MAX_SESSION_SECONDS:
            raise QueryError(
                Code.INVALID_SESSION_TIMEOUT,
                f"Session timeout {seconds} is larger than the maximum of {MAX_SESSION_SECONDS}",
            )
        session = self._sessions.get((user, name))
        if session is None and request.must_exist:
            raise QueryError(Code.SESSION_NOT_FOUND, f"Session {name} not found")
        session = session or self._new(user, name, account.settings({}))
        if session.is_busy:
            raise QueryError(Code.SESSION_IS_LOCKED, f"Session {name} is locked by another client")
        session.is_busy = True
        if session.expiry is not None:
            session.expiry.cancel()
        try:
            yield session
        finally:
            session.is_busy = False
            if request.ends:
                self._end(session)
            else:
                loop = asyncio.get_running_loop()
                session.expiry = loop.call_later(seconds, self._end, session)

    def refuse_another_kept(self, user: str, name: str) -> None:
        """Raises QueryError: too many other sessions of this user keep a connection."""
        sessions = self._sessions.values()
        kept = [s for s in sessions if s.user == user and s.name != name and s.handle is not None]
        if len(kept) >= MAX_KEPT_PER_USER:
            raise QueryError(
                Code.TOO_MANY_SIMULTANEOUS_QUERIES,
                f"{MAX_KEPT_PER_USER} sessions of this user keep settings or temporary tables: end"
                " some with close_session=1, or give them a shorter session_timeout",
            )

    def _new(self, user: str, name: str, baseline: Mapping[str, str]) -> Session:
        own = [session for session in self._sessions.values() if session.user == user]
        if len(own) >= MAX_PER_USER:
            # One that keeps nothing is not missed.
            empty = (one for one in own if one.handle is None and not one.is_busy)
            if (oldest := next(empty, None)) is not None:
                self._end(oldest)
        session = self._sessions[user, name] = Session(user, name, baseline)
        return session

    def _end(self, session: Session) -> None:
        if session.expiry is not None:
            session.expiry.cancel()
        self._sessions.pop((session.user, session.name), None)
        if session.handle is not None:
            self._close(session.handle)

    def close(self) -> None:
        for session in list(self._sessions.values()):
            self._end(session)
