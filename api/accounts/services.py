"""Creates the objects that work with accounts."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from api.accounts.account_cache import AccountCache
from api.accounts.authenticator import Authenticator
from api.accounts.credentials import CredentialCache
from api.accounts.passwords import PasswordHasher
from api.accounts.store import AccountRepository
from api.accounts.throttle import LoginThrottle
from api.accounts.tokens import Tokens
from api.audit.trail import AuditTrail
from api.http.rate_limit import RateLimiter
from api.settings import AccountSettings, parse_limit
from common.postgres import Sessions


@dataclass(frozen=True, slots=True)
class AccountServices:
    """The objects that work with accounts."""

    accounts: AccountRepository
    account_cache: AccountCache
    passwords: PasswordHasher
    tokens: Tokens
    authenticator: Authenticator


def make_accounts(
    settings: AccountSettings,
    *,
    sessions: Sessions,
    listen_url: str,
    limiter: RateLimiter,
    trail: AuditTrail,
    clock: Callable[[], datetime],
) -> AccountServices:
    """Creates them from the settings; changes of accounts are heard at `listen_url`."""
    accounts = AccountRepository(sessions)
    credentials = CredentialCache(seconds=settings.credential_cache_seconds)
    account_cache = AccountCache(accounts, credentials, url=listen_url)
    passwords = PasswordHasher(
        cost=settings.password_hash_cost, threads=settings.password_hash_threads
    )
    previous = settings.api_token_secret_previous
    tokens = Tokens(
        settings.api_token_secret.get_secret_value()
        if settings.api_token_secret
        else secrets.token_urlsafe(48),
        previous=previous.get_secret_value() if previous else None,
        lifetime=timedelta(minutes=settings.api_token_minutes),
        session=timedelta(hours=settings.api_session_hours),
        clock=clock,
    )
    authenticator = Authenticator(
        accounts=accounts,
        account_cache=account_cache,
        passwords=passwords,
        credentials=credentials,
        throttle=LoginThrottle(
            limiter,
            per_account=parse_limit(settings.login_failures_per_account),
            per_address=parse_limit(settings.login_failures_per_address),
            ceiling=parse_limit(settings.login_failures_ceiling),
        ),
        tokens=tokens,
        trail=trail,
    )
    return AccountServices(accounts, account_cache, passwords, tokens, authenticator)
