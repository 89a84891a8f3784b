"""Request and response models of the routes of rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from api.admin.schemas import Moment
from api.people.rules import StoredRule
from common.text import clean_text

MAX_ID = 2**63 - 1
MAX_KEY = 2**31 - 1


def _in_future(moment: datetime) -> datetime:
    if moment <= datetime.now(UTC):
        raise ValueError("must be in the future")
    return moment


Until = Annotated[Moment, AfterValidator(_in_future)]
Text = Annotated[str, AfterValidator(clean_text)]
UserKey = Annotated[int, Field(ge=1, le=MAX_KEY)]
TelegramId = Annotated[int, Field(ge=1, le=MAX_ID)]
Messages = Annotated[int, Field(ge=1, le=MAX_KEY)]
Usd = Annotated[Decimal, Field(gt=0, le=1_000_000, decimal_places=10)]
ModelName = Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,200}$", examples=["openai/gpt-4o-mini"])]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")

    def _refuse_unless_one(self) -> None:
        if sum(value is not None for _, value in self) != 1:
            raise ValueError(f"state one of {', '.join(type(self).model_fields)}")


class RuleSubject(_Body):
    """A person, a group or a role; exactly one field. Telegram ids are not stored."""

    user_key: UserKey | None = None
    telegram_id: TelegramId | None = None
    dialog_id: UUID | None = Field(default=None, description="A dialog of the group.")
    chat_id: int | None = Field(
        default=None, lt=0, ge=-MAX_ID, description="Telegram's id of a group."
    )
    role: Literal["everyone", "admins"] | None = Field(
        default=None, description="`admins` are the bot's ADMIN_IDS, `everyone` all others."
    )

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        self._refuse_unless_one()
        return self

    @property
    def is_chat(self) -> bool:
        return self.dialog_id is not None or self.chat_id is not None


class _NewRule(_Body):
    subject: RuleSubject
    until: Until | None = Field(default=None, description="When the rule ends by itself.")
    reason: Text = Field(default="", max_length=500)


class BanRule(_NewRule):
    """No answers; with `until` a pause."""

    kind: Literal["ban"]


class AllowRule(_NewRule):
    """Access although it is closed, or although everyone is banned."""

    kind: Literal["allow"]


class LimitsRule(_NewRule):
    """Limits in place of the settings; null keeps a setting. A group's count all its members."""

    kind: Literal["limits"]
    daily_messages: Messages | None = None
    monthly_messages: Messages | None = None
    daily_usd: Usd | None = None
    monthly_usd: Usd | None = None

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        daily = (self.daily_messages, self.daily_usd)
        monthly = (self.monthly_messages, self.monthly_usd)
        if self.subject.is_chat and any(monthly):
            raise ValueError("a group has daily limits only")
        if not any((*daily, *monthly)):
            raise ValueError("state at least one limit")
        return self


class ModelsRule(_NewRule):
    """The models to choose from; the first is the default."""

    kind: Literal["models"]
    models: list[ModelName] = Field(min_length=1, max_length=50)


NewRule = Annotated[BanRule | AllowRule | LimitsRule | ModelsRule, Field(discriminator="kind")]


class FindPersonQuery(_Body):
    """Exactly one field."""

    user_key: UserKey | None = None
    telegram_id: TelegramId | None = None
    username: str | None = Field(
        default=None,
        pattern=r"^@?\w{1,64}$",
        description="The name that the person last wrote under; requires `names:read`.",
    )

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        self._refuse_unless_one()
        return self


@dataclass(frozen=True, slots=True)
class RuleView(StoredRule):
    """A rule of an operator."""

    name: Annotated[
        str | None, Field(description="null: unknown, or the caller lacks `names:read`.")
    ]
    username: str | None


class RulePage(BaseModel):
    rules: list[RuleView]
    next_before: int | None = Field(description="`before` of the next page.")


class FoundPerson(BaseModel):
    user_key: int | None = Field(description="null: this account has not written yet.")
    name: str | None
    username: str | None
    rules: list[RuleView]


class FoundPeople(BaseModel):
    people: list[FoundPerson]
    is_complete: bool = Field(description="false: there may be more.")
