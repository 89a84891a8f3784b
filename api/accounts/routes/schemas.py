"""Request and response models of the account routes."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_validator

from api.accounts.scopes import Scope
from api.accounts.store import normalise_username

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


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Registration(_Body):
    username: Username
    password: NewPassword
    admin_token: SecretStr = Field(description="The operator's ADMIN_REGISTRATION_TOKEN.")


class PasswordChange(_Body):
    current_password: SecretStr = Field(max_length=4096)
    new_password: NewPassword


class ScopesChange(_Body):
    scopes: list[Scope]


class AccountView(BaseModel):
    """An account as its owner and admins see it."""

    id: int
    username: str
    scopes: list[str]
    created_at: datetime
    disabled_at: datetime | None

    @field_validator("scopes", mode="before")
    @classmethod
    def _in_order(cls, value: Collection[str]) -> list[str]:
        return sorted(value)


class Identity(AccountView):
    """The account of a request, and how it was authenticated."""

    method: Literal["basic", "bearer"]
    granted_scopes: list[str] = Field(description="Scopes of this request; a token may have fewer.")
    rate_limit: str


class AccountList(BaseModel):
    accounts: list[AccountView]


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
