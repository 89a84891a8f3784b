"""Settings of the API."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self
from urllib.parse import quote, urlsplit

from limits import RateLimitItem, parse
from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator

from common.settings import (
    MIN_SECRET_BYTES,
    Environment,
    MetricsSettings,
    Section,
    ServiceKeySettings,
    refuse_weak_secret,
)

MAX_TOKEN_MINUTES = 15
MAX_SESSION_HOURS = 24 * 7
MAX_CREDENTIAL_CACHE_SECONDS = 300
PRODUCTION_HASH_COST = 10


def parse_limit(text: str) -> RateLimitItem:
    """Parses `10/minute`, `5 per 30 seconds` and the like.

    Raises:
        ValueError: the text is no limit.
    """
    try:
        return parse(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is not a limit like 10/minute") from error


def _check_limit(text: str) -> str:
    parse_limit(text)
    return text


Limit = Annotated[str, AfterValidator(_check_limit)]
"""A limit like `10/minute`."""


class ServerSettings(MetricsSettings):
    """Address, trusted proxies, origins and the dashboard's files."""

    bind_host: str = "127.0.0.1"
    """Address of the API with its dashboard, and of the bot's webhook: these two alone."""
    api_port: int = Field(default=8000, ge=0, le=65535)
    api_workers: int = Field(default=1, ge=1, le=64)
    """Processes. More than one needs a shared RATE_LIMIT_STORAGE."""
    api_drain_seconds: int = Field(default=25, ge=1, le=30)
    """How long requests in flight may finish after SIGTERM."""
    trusted_proxy_hops: int = Field(default=0, ge=0, le=8)
    """Reverse proxies in front: the client is that many entries from the right of
    X-Forwarded-For. 0: the header is not read."""
    cors_origins: str = ""
    """Origins, separated by commas, whose pages may call the API with credentials."""
    dashboard_url: str | None = None
    """Address of the dashboard as browsers open it, for links. Unset: the address of the request;
    on the command line BIND_HOST and API_PORT."""
    grafana_url: str | None = None
    """Address of Grafana as browsers open it: the dashboard links to it."""
    dagster_url: str | None = None
    """The same of Dagster, for accounts with the scope dagster:use."""
    web_dist: Path = Path("dashboards/web/dist")
    enable_query_analysis: bool = False
    """Log the plan of every query at DEBUG."""

    @property
    def origins(self) -> list[str]:
        """`cors_origins` as a list."""
        return [origin.strip().rstrip("/") for origin in self.cors_origins.split(",") if origin]

    @field_validator("dashboard_url")
    @classmethod
    def _is_base(cls, value: str | None) -> str | None:
        address = value.rstrip("/") if value else value
        if address and not _is_origin(address):
            raise ValueError("is not like https://stats.example.org")
        return address

    @field_validator("grafana_url", "dagster_url")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        if value and not _is_web_address(value):
            raise ValueError("is not like https://grafana.example.org")
        return value

    @model_validator(mode="after")
    def _origins_are_exact(self) -> Self:
        for origin in self.origins:
            if origin == "*":
                if self.environment is not Environment.DEVELOPMENT:
                    raise ValueError("CORS_ORIGINS: * is refused in production, name the origins")
                continue
            if not _is_origin(origin):
                raise ValueError(f"CORS_ORIGINS: {origin!r} is not like https://example.org")
        return self


class AccountSettings(ServiceKeySettings):
    """Registration, passwords and tokens."""

    environment: Environment = Environment.DEVELOPMENT
    admin_registration_token: SecretStr | None = None
    """Token that registration requires. Unset: registration is closed."""
    password_hash_cost: int = Field(default=12, ge=4, le=16)
    """bcrypt cost. Each step doubles the time; 12 takes about a quarter of a second."""
    password_hash_threads: int = Field(default=2, ge=1, le=32)
    credential_cache_seconds: int = Field(default=120, ge=0, le=MAX_CREDENTIAL_CACHE_SECONDS)
    """How long a verified Basic password is cached. 0: it is hashed on every request."""
    api_token_secret: SecretStr | None = None
    """Signs bearer tokens. Unset in development: random, so that a restart ends all sessions."""
    api_token_secret_previous: SecretStr | None = None
    """The secret before the last rotation: still accepted, not used to sign."""
    api_token_minutes: int = Field(default=15, ge=1, le=MAX_TOKEN_MINUTES)
    api_session_hours: int = Field(default=12, ge=1, le=MAX_SESSION_HOURS)
    """How long after the login a token may be renewed without the password, and a session lasts."""
    login_failures_per_account: Limit = "10/minute"
    """Failed logins allowed per account and address."""
    login_failures_per_address: Limit = "30/minute"
    """Failed logins allowed per address, over all accounts."""
    login_failures_ceiling: Limit = "30/hour"
    """Failed logins allowed per account, over all addresses that it has never logged in from."""

    @field_validator("api_token_secret", "api_token_secret_previous")
    @classmethod
    def _is_long(cls, value: SecretStr | None) -> SecretStr | None:
        if value and len(value.get_secret_value().encode()) < MIN_SECRET_BYTES:
            raise ValueError(f"needs a random value of at least {MIN_SECRET_BYTES} bytes")
        return value

    @model_validator(mode="after")
    def _are_real_secrets(self) -> Self:
        refuse_weak_secret(self.environment, "API_TOKEN_SECRET", self.api_token_secret)
        if self.admin_registration_token is not None:
            refuse_weak_secret(
                self.environment, "ADMIN_REGISTRATION_TOKEN", self.admin_registration_token
            )
        is_production = self.environment is not Environment.DEVELOPMENT
        if is_production and self.password_hash_cost < PRODUCTION_HASH_COST:
            raise ValueError(f"PASSWORD_HASH_COST must be at least {PRODUCTION_HASH_COST}")
        return self


class RateLimitSettings(Section):
    """Rate limits per account, or per address without credentials."""

    stats_api_rate_limit: Limit = "10/minute"
    stats_dashboard_rate_limit: Limit = "300/minute"
    """Limit of tokens issued to the dashboard (client_id=dashboard)."""
    rate_limit_storage: str = "memory://"
    """`memory://` (one process) or `redis://host:port/db` (shared by workers and machines)."""
    rate_limit_keys: int = Field(default=100_000, ge=100)
    """Maximum number of keys in memory storage. The least recently used is dropped first."""

    redis_password: SecretStr | None = None
    """Password for RATE_LIMIT_STORAGE, if its URL contains none."""

    @field_validator("rate_limit_storage")
    @classmethod
    def _is_known_storage(cls, value: str) -> str:
        if urlsplit(value).scheme not in {"memory", "redis", "rediss"}:
            raise ValueError("must be memory:// or start with redis:// or rediss://")
        return value

    @property
    def storage_url(self) -> str:
        """`rate_limit_storage` with its password."""
        parts = urlsplit(self.rate_limit_storage)
        if self.redis_password is None or not self.is_shared or parts.password is not None:
            return self.rate_limit_storage
        password = quote(self.redis_password.get_secret_value(), safe="")
        return parts._replace(
            netloc=f"{parts.username or ''}:{password}@{parts.netloc.rpartition('@')[2]}"
        ).geturl()

    @property
    def is_shared(self) -> bool:
        """Whether several processes share the counts."""
        return not self.rate_limit_storage.startswith("memory:")


def _is_origin(text: str) -> bool:
    return _is_web_address(text) and not urlsplit(text).path


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:  # brackets that hold no address
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc)
