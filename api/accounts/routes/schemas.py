"""Request and response models of the account routes."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    model_validator,
)

from api.accounts.scopes import Scope
from api.accounts.store import normalise_username
from api.accounts.views.store import StoredView
from common.tables.invitations import InvitationKind
from common.text import without_surrogates

Username = Annotated[
    str,
    Field(
        min_length=3,
        max_length=64,
        pattern=r"^[\w.@-]+$",
        description="Letters, digits and `. _ @ -`; upper and lower case are the same name.",
        examples=["ann"],
    ),
    AfterValidator(normalise_username),
]
NewPassword = Annotated[
    SecretStr,
    Field(
        max_length=1024,
        description="10 characters to 1,024 bytes, any script.",
        examples=["correct horse battery"],
    ),
]


def _check_text(value: str) -> str:
    if without_surrogates(value) != value:
        raise ValueError("is not text")
    return value


Label = Annotated[
    str,
    Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$"),
    AfterValidator(_check_text),
]

SortedNames = Annotated[list[str], BeforeValidator(sorted)]

# A page of this dashboard: no other host, and nothing that a browser would read otherwise.
ADDRESS = r"^/([a-z0-9_-][^\s\\]*|\?[^\s\\]*)?$"


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Registration(_Body):
    username: Username
    password: NewPassword
    admin_token: SecretStr | None = Field(
        default=None, description="The operator's ADMIN_REGISTRATION_TOKEN."
    )
    invitation: SecretStr | None = Field(
        default=None, max_length=256, description="Or the code of an invitation."
    )

    @model_validator(mode="after")
    def _has_one_permission(self) -> Self:
        if (self.admin_token is None) == (self.invitation is None):
            raise ValueError("Give admin_token or invitation, and not both.")
        return self


class PasswordChange(_Body):
    current_password: SecretStr = Field(max_length=4096)
    new_password: NewPassword


class ScopesChange(_Body):
    scopes: list[Scope]


class AccountView(BaseModel):
    """An account as its owner and admins see it."""

    id: int
    username: str
    scopes: SortedNames
    created_at: datetime
    disabled_at: datetime | None


class Identity(AccountView):
    """The account of a request, and how it was authenticated."""

    method: Literal["basic", "bearer", "key", "session"]
    granted_scopes: list[str] = Field(description="Scopes of this request; a token may have fewer.")
    rate_limit: str
    session_id: int | None = Field(description="Its session, if it has one.")


class CurrentSession(BaseModel):
    """The account that a browser is logged in with."""

    account: Identity | None = Field(description="null: it is not logged in.")


class AccountList(BaseModel):
    accounts: list[AccountView]


class NewKeyRequest(_Body):
    label: Label = Field(examples=["Grafana"])
    scopes: list[Scope] = Field(examples=[["stats:read"]])
    expires_in_days: int = Field(default=365, ge=1, le=3650)
    rate_limit: str | None = Field(
        default=None,
        pattern=r"^[1-9]\d{0,4}/(second|minute|hour|day)$",
        description="A limit of its own; above an account's only for admins. Absent: it counts"
        " with its account.",
        examples=["60/minute"],
    )


class KeyView(BaseModel):
    """An API key without its secret."""

    id: int
    account_id: int
    username: str
    label: str
    beginning: str = Field(description="Its first characters.", examples=["dly_kN3w8Q"])
    scopes: SortedNames
    rate_limit: str | None
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None = Field(description="At most a minute too early.")
    revoked_at: datetime | None


class NewKey(KeyView):
    """A new API key."""

    key: str = Field(description="The key itself. It is shown only here.")


class KeyList(BaseModel):
    keys: list[KeyView]


class NewInvitationRequest(_Body):
    kind: InvitationKind = Field(
        description="`bot`: admits people (`/start CODE`); `account`: registers accounts."
    )
    label: Label = Field(examples=["Ann's team"])
    scopes: list[Scope] | None = Field(
        default=None, description="Of accounts. Absent: `stats:read`.", examples=[["stats:read"]]
    )
    max_uses: int = Field(default=1, ge=1, le=10_000)
    expires_in_hours: int = Field(default=168, ge=1, le=24 * 365)

    @model_validator(mode="after")
    def _only_accounts_have_scopes(self) -> Self:
        if self.kind is InvitationKind.BOT and self.scopes is not None:
            raise ValueError("An invitation to the bot has no scopes.")
        return self

    @property
    def granted(self) -> list[Scope]:
        """Scopes of the accounts that it registers."""
        if self.kind is InvitationKind.BOT:
            return []
        return [Scope.STATS_READ] if self.scopes is None else self.scopes


InvitationState = Literal["valid", "used_up", "expired", "revoked"]


class InvitationView(BaseModel):
    """An invitation without its code."""

    id: int
    kind: InvitationKind
    label: str
    beginning: str = Field(description="First characters of its code.", examples=["dli_kN3w8Q"])
    scopes: list[str]
    max_uses: int
    uses: int
    state: InvitationState
    created_by: str | None
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


class BotAccessView(BaseModel):
    """A bot, and who has access to it."""

    username: str = Field(description="Without @.", examples=["helper_bot"])
    access_mode: str = Field(
        description="`open`: everybody; `allow-list`: ACCESS_ALLOWED_IDS.", examples=["open"]
    )


NOT_INVITING = (
    "Bots whose ACCESS_MODE is not `invite`: an invitation to the bot has no effect there."
)


class NewInvitation(InvitationView):
    """A new invitation."""

    code: str = Field(description="Its code. It is shown only here.")
    links: list[str] = Field(
        description="Of `kind` `bot`: the link that opens each bot that has started, the newest"
        " start first, with the code in it. Empty: no bot has started.",
        examples=[["https://t.me/helper_bot?start=dli_kN3w8Q"]],
    )
    not_inviting: list[BotAccessView] = Field(description=NOT_INVITING)


class InvitationPage(BaseModel):
    invitations: list[InvitationView]
    next_before: int | None = Field(description="`before` of the next page.")
    not_inviting: list[BotAccessView] = Field(description=NOT_INVITING)


class SessionLogin(_Body):
    username: str = Field(max_length=256)
    password: SecretStr = Field(max_length=4096)


class SessionView(BaseModel):
    """A session of the dashboard."""

    id: int
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None = Field(description="To the minute.")
    address: str | None
    user_agent: str | None
    is_current: bool = False


class SessionList(BaseModel):
    sessions: list[SessionView]


class IssuedReset(BaseModel):
    """A token that resets a password once."""

    token: str = Field(description="It is shown only here.")
    link: str = Field(
        description="The dashboard's page for it, below DASHBOARD_URL or this request's host.",
        examples=["https://stats.example.org/reset#token=dlr_kN3w8Q"],
    )
    expires_at: datetime


class PasswordResetUse(_Body):
    token: SecretStr = Field(max_length=256)
    new_password: NewPassword


class TokenForm(BaseModel):
    """The OAuth2 password form. Fields of other grants are ignored."""

    grant_type: Literal["password"] | None = None
    username: str = Field(max_length=256)
    password: SecretStr = Field(max_length=4096)
    scope: str = Field(
        default="",
        max_length=256,
        description="Scopes, separated by spaces. Empty: all of the account.",
    )
    client_id: str = Field(
        default="", max_length=64, description="`dashboard` for the dashboard's own limit."
    )


class TokenAnswer(BaseModel):
    access_token: str
    token_type: Literal["bearer"]
    expires_in: int = Field(description="Seconds.")
    scope: str = Field(description="Granted scopes, separated by spaces.")


class ViewRequest(_Body):
    """A view of the dashboard under a name."""

    name: Label = Field(examples=["Failures of the week"])
    address: str = Field(
        pattern=ADDRESS,
        max_length=4_000,
        description="Path and query of a page of the dashboard.",
        examples=["/turns?period=week&f=is,status,failed"],
    )
    is_shared: bool = Field(default=False, description="Whether all accounts see it.")


class ViewList(BaseModel):
    views: list[StoredView]
