"""Kinds of audit events, and the origin of the current request."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, replace
from enum import StrEnum


class AuditKind(StrEnum):
    """Kinds of events. Details contain ids, names of reports and settings; never a secret."""

    LOGIN = "login"
    LOGIN_FAILED = "login_failed"
    REGISTERED = "registered"
    REGISTRATION_FAILED = "registration_failed"
    SCOPES_CHANGED = "scopes_changed"
    ACCOUNT_DISABLED = "account_disabled"
    ACCOUNT_ENABLED = "account_enabled"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 # a kind, not a password
    RESET_CREATED = "reset_created"
    RESET_USED = "reset_used"
    RESET_FAILED = "reset_failed"
    KEY_CREATED = "key_created"
    KEY_REVOKED = "key_revoked"
    INVITATION_CREATED = "invitation_created"
    INVITATION_REVOKED = "invitation_revoked"
    INVITATION_USED = "invitation_used"
    """The bot admitted a person. Written by the database; accounts are `registered`."""
    SESSION_ENDED = "session_ended"
    EXPORT = "export"
    TEXTS_READ = "texts_read"
    NAMES_READ = "names_read"
    SETTINGS_CHANGED = "settings_changed"
    VERSION_CHANGED = "version_changed"
    """A bot started with another version than before. Written by the database."""
    PERSON_BANNED = "person_banned"
    PERSON_PAUSED = "person_paused"
    PERSON_ALLOWED = "person_allowed"
    LIMITS_CHANGED = "limits_changed"
    MODELS_CHANGED = "models_changed"
    RULE_REMOVED = "rule_removed"
    ALERT_CREATED = "alert_created"
    ALERT_CHANGED = "alert_changed"
    ALERT_MUTED = "alert_muted"
    ALERT_REMOVED = "alert_removed"
    VIEW_SHARED = "view_shared"
    """A shared view was saved or changed, or an own one was shared."""
    VIEW_REMOVED = "view_removed"
    """A shared view was deleted, or is not shared any more."""
    # Reserved: the history of alerts has what fired.
    ALERT = "alert"
    ALERT_ACKNOWLEDGED = "alert_acknowledged"


@dataclass(frozen=True, slots=True)
class Origin:
    """The actor and the address of a request or command."""

    actor_id: int | None = None
    actor: str | None = None
    address: str | None = None
    request_id: str | None = None
    key_id: int | None = None
    """The API key with which the account acts."""
    person_key: int | None = None
    """The operator who acts through the bot."""


NO_ORIGIN = Origin()

current_origin: ContextVar[Origin] = ContextVar("audit_origin", default=NO_ORIGIN)
"""Set for each request by the authentication, and by the command line."""


def act_as(
    actor: str,
    actor_id: int | None = None,
    *,
    key_id: int | None = None,
    person_key: int | None = None,
) -> None:
    """State who acts from here on, once a request or a command is known to be theirs."""
    current_origin.set(
        replace(
            current_origin.get(),
            actor=actor,
            actor_id=actor_id,
            key_id=key_id,
            person_key=person_key,
        )
    )
