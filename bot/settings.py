"""The bot's settings, by section. Every one is an environment variable of the same name."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)
from pydantic_settings import NoDecode

from common.settings import (
    ConsentSettings,
    DatabaseSettings,
    DataKeySettings,
    Environment,
    MetricsSettings,
    ReportSettings,
    RuntimeSettings,
    Section,
    ServiceKeySettings,
    refuse_weak_secret,
)


def _split(value: Any) -> Any:
    """Split `a, b` and `a b`, so that lists need no JSON."""
    if isinstance(value, str):
        return [part for part in value.replace(",", " ").split() if part]
    return value


def _without_slash(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise ValueError("the address must be an http:// or https:// address")
    return value.rstrip("/")


HttpAddress = Annotated[str, AfterValidator(_without_slash)]
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Identifiers = Annotated[tuple[int, ...], NoDecode, BeforeValidator(_split)]


class TelegramSettings(Section):
    """How the bot reaches Telegram, and how Telegram reaches the bot."""

    telegram_token: SecretStr
    telegram_api_url: HttpAddress = "https://api.telegram.org"
    telegram_webhook_url: HttpAddress | None = None
    """Set: updates arrive over HTTP at this URL's path. Unset: long polling."""
    telegram_webhook_secret: SecretStr | None = None
    telegram_networks_only: bool = False
    """Accept webhook requests only from Telegram's published networks."""
    telegram_trusted_hops: int = Field(default=0, ge=0, le=10)
    """Reverse proxies in front of the webhook whose X-Forwarded-For entry is believed."""
    telegram_poll_seconds: int = Field(default=25, ge=1, le=50)
    telegram_messages_per_second: float = Field(default=28.0, gt=0, le=1000)
    telegram_chat_interval_seconds: float = Field(default=1.0, ge=0, le=60)
    telegram_group_messages_per_minute: int = Field(default=20, ge=1)
    environment: Environment = Environment.DEVELOPMENT

    @field_validator("telegram_token")
    @classmethod
    def _is_token(cls, value: SecretStr) -> SecretStr:
        bot_id, _, rest = value.get_secret_value().partition(":")
        if not (bot_id.isascii() and bot_id.isdigit() and rest):
            raise ValueError("is not a bot token: it looks like 123456:ABC, from @BotFather")
        return value

    @model_validator(mode="after")
    def _webhook_has_a_secret(self) -> Self:
        if self.telegram_webhook_url is None:
            return self
        secret = self.telegram_webhook_secret
        if secret is None or not secret.get_secret_value():
            raise ValueError("TELEGRAM_WEBHOOK_SECRET is needed with TELEGRAM_WEBHOOK_URL")
        value = secret.get_secret_value()
        if len(value) > 256 or not all(c.isascii() and (c.isalnum() or c in "_-") for c in value):  # noqa: PLR2004 # Telegram's own limit, named in the message
            raise ValueError(
                "TELEGRAM_WEBHOOK_SECRET may hold 1 to 256 letters, digits, _ and - only"
            )
        refuse_weak_secret(self.environment, "TELEGRAM_WEBHOOK_SECRET", secret)
        return self

    @property
    def bot_id(self) -> int:
        return int(self.telegram_token.get_secret_value().partition(":")[0])


class Price(BaseModel):
    """US dollars for a million tokens."""

    prompt: Decimal = Field(ge=0)
    completion: Decimal = Field(ge=0)


class ModelSettings(Section):
    """Which models are used, and how long the bot waits for them."""

    openrouter_api_key: SecretStr
    openrouter_base_url: HttpAddress = "https://openrouter.ai/api/v1"
    llm_model: str = Field(default="openrouter/auto", min_length=1)
    """The default model. `openrouter/auto` lets OpenRouter choose."""
    llm_fallback_model: str | None = None
    llm_saving_model: str | None = None
    """Answers once a limit of the whole bill is used up, and is itself not limited by it: a model
    that is free or cheap. Unset: the bot says that its limit is reached."""
    llm_vision_model: str | None = None
    """Answers questions with pictures. Unset: the model in use, if the provider lists it as one
    that takes images."""
    llm_summary_tokens: int = Field(default=500, ge=0, le=4000)
    """Longest summary of the earlier part of a private conversation that no longer fits
    MAX_HISTORY_TOKENS or MAX_HISTORY_MESSAGES. 0: it is forgotten without a summary."""
    llm_summary_model: str | None = None
    """Writes the summaries. Unset: the model in use."""
    llm_allowed_models: Names = ()
    """Models that /model offers besides LLM_MODEL."""
    llm_system_prompt: str = "You are a helpful assistant. Answer in the language of the question."
    llm_temperature: float | None = Field(default=None, ge=0, le=2)
    llm_max_tokens: int = Field(default=2048, ge=1)
    llm_reasoning_tokens: int = Field(default=4096, ge=0)
    """Tokens for thinking, in addition to LLM_MAX_TOKENS; sent only to models that were seen
    thinking. 0: thinking and answer share LLM_MAX_TOKENS."""
    llm_attempts: int = Field(default=2, ge=1, le=5)
    """Attempts with one model before the fallback model is tried."""
    llm_timeout_seconds: float = Field(default=120.0, gt=0)
    """Timeout of one answer, all attempts together."""
    llm_first_token_seconds: float = Field(default=40.0, gt=0)
    """Maximum silence of one attempt before its first token; comments and thinking reset it."""
    llm_retry_seconds: float = Field(default=0.5, ge=0)
    """First pause between attempts; doubles each time, with jitter."""
    llm_prices: dict[str, Price] = Field(default_factory=dict)
    """JSON: `{"model": {"prompt": 0.15, "completion": 0.6}}`, dollars per million tokens. Used when
    the provider states no cost."""

    @property
    def models(self) -> tuple[str, ...]:
        """The models that users may choose, the default first."""
        return tuple(dict.fromkeys((self.llm_model, *self.llm_allowed_models)))


class MediaSettings(Section):
    """Which files the bot reads, and within which limits."""

    max_pictures: int = Field(default=10, ge=0, le=50)
    """Pictures in one request to a model, earlier ones of the dialog included. 0: the bot reads no
    pictures."""
    picture_pixels: int = Field(default=1536, ge=256, le=4096)
    """Longest edge of a picture as the model gets it."""
    picture_tokens: int = Field(default=1600, ge=0, le=100_000)
    """Tokens that a picture counts in limits before the provider states its usage."""
    media_retention_hours: int = Field(default=24, ge=0, le=8760)
    """How long pictures are kept, sealed, for further questions about them. 0: not at all."""
    document_characters: int = Field(default=24_000, ge=1000, le=2_000_000)
    """Characters of a document that the model gets. Further questions about a longer document need
    a higher MAX_HISTORY_TOKENS."""
    media_megabytes: int = Field(default=20, ge=1, le=100)
    """Largest file that the bot fetches; Telegram's own server delivers up to 20 MB."""
    media_fetch_seconds: float = Field(default=60.0, gt=0, le=600)
    """How long the bot tries to fetch one file."""
    media_read_seconds: float = Field(default=20.0, ge=1, le=300)
    """How long reading one file may take."""
    media_memory_megabytes: int = Field(default=256, ge=128, le=8192)
    """Memory of a process that reads a file."""
    media_processes: int = Field(default=1, ge=1, le=16)
    """Files that are read at the same time."""


class SpeechSettings(Section):
    """The transcription of voice messages and video notes."""

    transcription_model: str | None = None
    """Transcribes voice messages and video notes. Unset: the bot does not listen to them."""
    transcription_base_url: HttpAddress | None = None
    """A server that speaks OpenAI's audio transcriptions. Unset: OPENROUTER_BASE_URL."""
    transcription_api_key: SecretStr | None = None
    """Unset: OPENROUTER_API_KEY, but only for a server of the same address."""
    transcription_max_seconds: int = Field(default=600, ge=1, le=7200)
    """Longest recording that is transcribed."""
    transcription_timeout_seconds: float = Field(default=120.0, gt=0, le=600)
    """Timeout of one transcription."""
    transcription_usd_per_minute: Decimal = Field(default=Decimal("0.006"), ge=0, le=100)
    """Counts in limits before a transcription, and after it if the provider states no cost."""


class AccessMode(StrEnum):
    OPEN = "open"
    ALLOW_LIST = "allow-list"
    INVITE = "invite"


MIN_INVITE_CHARACTERS = 16


class AccessSettings(Section):
    """The users who may use the bot."""

    access_mode: AccessMode = AccessMode.OPEN
    access_allowed_ids: Identifiers = ()
    """Telegram ids with access in every mode."""
    access_invite_codes: Names = ()
    """Codes for /start CODE in mode `invite` that never end, at least 16 characters each;
    `make invite` generates one. Invitations made at run time need none."""
    admin_ids: Identifiers = ()
    """Telegram ids exempt from access control, rate limit and budgets."""

    @model_validator(mode="after")
    def _codes_cannot_be_guessed(self) -> Self:
        for code in self.access_invite_codes:
            if len(code) < MIN_INVITE_CHARACTERS or len(set(code)) < MIN_INVITE_CHARACTERS // 2:
                raise ValueError(
                    "ACCESS_INVITE_CODES: a code needs at least"
                    f" {MIN_INVITE_CHARACTERS} random characters, such as"
                    f" {secrets.token_urlsafe(24)}"
                )
        return self


class OperatorSettings(Section):
    """Where the operator's messages are sent."""

    operator_chat_id: int | None = None
    """Telegram chat that gets the daily digest and alerts; unset: none are sent."""
    webhook_internal_addresses: bool = False
    """Whether webhooks of alerts may be sent to addresses of the own network."""


class StatsApiSettings(ServiceKeySettings):
    """How /admin reaches the stats API."""

    stats_api_url: HttpAddress = "http://127.0.0.1:8000"
    """Address of the stats API, from which /admin has its figures."""


class UsageLimitSettings(Section):
    """Limits per user. Unset: unlimited."""

    rate_limit_per_minute: int | None = Field(default=None, ge=1)
    command_limit_per_minute: int | None = Field(default=30, ge=1)
    """Commands and edits per user; /stop always works."""
    daily_message_limit: int | None = Field(default=None, ge=1)
    monthly_message_limit: int | None = Field(default=None, ge=1)
    daily_usd_limit: Decimal | None = Field(default=None, gt=0)
    monthly_usd_limit: Decimal | None = Field(default=None, gt=0)


class BillSettings(Section):
    """Limits of the whole bill: what all users together spend. Unset: unlimited."""

    total_daily_usd_limit: Decimal | None = Field(default=None, gt=0)
    """Most that all bots of this database spend in a day of REPORT_TIMEZONE, US dollars. Admins are
    not exempt."""
    total_monthly_usd_limit: Decimal | None = Field(default=None, gt=0)
    """The same for a calendar month."""
    bot_daily_usd_limit: Decimal | None = Field(default=None, gt=0)
    """Most that this bot spends in a day."""
    bot_monthly_usd_limit: Decimal | None = Field(default=None, gt=0)
    """Most that this bot spends in a calendar month."""

    @property
    def is_limited(self) -> bool:
        return any(value is not None for value in self.model_dump().values())


class CountingSettings(Section):
    """Defaults of the choice in /privacy to be counted as a person."""

    counts_people: bool = True
    """Whether a person who has not chosen in /privacy is counted in figures about people. The turns
    of others are in all sums, without their person. /privacy tells people."""
    counts_earlier_people: bool = True
    """The same for people who first wrote before the bot offered this choice."""


class RichMessages(StrEnum):
    AUTO = "auto"
    NEVER = "never"


class BotSettings(MetricsSettings):
    """How the bot works through its inbox."""

    bind_host: str = "127.0.0.1"
    """Listening address of the API with its dashboard, and of the bot's webhook."""
    bot_port: int = Field(default=8080, ge=0, le=65535)
    default_language: str = "en"
    """Language for users whose client states no supported one."""
    max_history_messages: int = Field(default=20, ge=0, le=200)
    max_history_tokens: int = Field(default=16_000, ge=0)
    """Maximum tokens of earlier messages, at two characters per token; the oldest are dropped."""
    max_lanes: int = Field(default=1000, ge=1, le=5000)
    """Chats that one replica processes at the same time."""
    max_update_attempts: int = Field(default=5, ge=1, le=100)
    """Failures after which an update is parked."""
    retry_update_seconds: float = Field(default=0.5, ge=0)
    """First pause before a failed update is retried; doubles each time."""
    sweep_seconds: float = Field(default=2.0, gt=0, le=60)
    """How often a replica looks for updates left behind by another one."""
    shutdown_seconds: float = Field(default=25.0, ge=0, le=30)
    """How long running turns may take to finish after SIGTERM."""
    group_first_names: bool = False
    """Send the model first names of group members instead of pseudonyms."""
    join_seconds: float = Field(default=1.0, ge=0, le=5)
    """How long to wait for the next part of a long text."""
    join_short_seconds: float = Field(default=0.2, ge=0, le=5)
    """How long to wait for another message that belongs to the same question. 0: every message is
    its own question."""
    draft_seconds: float = Field(default=0.5, gt=0)
    """Interval between previews of an unfinished answer in a private chat."""
    group_preview_seconds: float = Field(default=3.0, ge=1)
    """Interval between edits of an unfinished answer, in groups and where drafts are refused."""
    answer_buttons: bool = True
    """Buttons under answers (👍, 👎, again, continue), and stop on one that is being written."""
    rich_messages: RichMessages = RichMessages.AUTO
    """`auto`: answers with a table, formula, task list or details, and those longer than one text
    message, are rich messages where Telegram accepts them. `never`: all answers are text."""
    edit_seconds: float = Field(default=3600.0, ge=0)
    """How long after a question an edit of it is answered again. 0: never."""
    health_checks_llm: bool = False
    """Whether /health also checks the model's API."""


@dataclass(frozen=True)
class Settings:
    """Every section that the bot reads, in the order in which they are checked."""

    runtime: RuntimeSettings
    telegram: TelegramSettings
    model: ModelSettings
    media: MediaSettings
    speech: SpeechSettings
    database: DatabaseSettings
    data_key: DataKeySettings
    report: ReportSettings
    consent: ConsentSettings
    counting: CountingSettings
    access: AccessSettings
    limits: UsageLimitSettings
    bill: BillSettings
    bot: BotSettings
    operator: OperatorSettings
    stats_api: StatsApiSettings
