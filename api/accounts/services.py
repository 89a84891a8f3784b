"""Creates the objects that work with accounts."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from api.accounts.account_cache import AccountCache
from api.accounts.authenticator import Authenticator
from api.accounts.credentials import CredentialCache
from api.accounts.invitations.store import InvitationRepository
from api.accounts.keys.authentication import KeyAuthenticator
from api.accounts.keys.store import KeyRepository, StoredKey
from api.accounts.lookup import SecretLookup
from api.accounts.passwords import PasswordHasher
from api.accounts.sessions.authentication import SessionAuthenticator
from api.accounts.sessions.resets import ResetRepository
from api.accounts.sessions.store import SessionRepository, StoredSession
from api.accounts.store import AccountRepository
from api.accounts.throttle import LoginThrottle
from api.accounts.tokens import Tokens
from api.accounts.views.store import ViewRepository
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
    keys: KeyRepository
    known_keys: SecretLookup[StoredKey]
    login_sessions: SessionRepository
    known_sessions: SecretLookup[StoredSession]
    session_authenticator: SessionAuthenticator
    resets: ResetRepository
    invitations: InvitationRepository
    views: ViewRepository
    throttle: LoginThrottle
    trail: AuditTrail

    async def close(self) -> None:
        """Stop what runs in the background."""
        await self.account_cache.stop()
        await self.known_keys.close()
        await self.known_sessions.close()
        self.passwords.close()


def make_accounts(
    settings: AccountSettings,
    *,
    sessions: Sessions,
    listen_url: str,
    limiter: RateLimiter,
    trail: AuditTrail,
    trusted_hops: int,
    clock: Callable[[], datetime],
) -> AccountServices:
    """Creates them from the settings; changes of accounts are heard at `listen_url`."""
    accounts = AccountRepository(sessions)
    credentials = CredentialCache(seconds=settings.credential_cache_seconds)
    account_cache = AccountCache(accounts, credentials, url=listen_url)
    passwords = PasswordHasher(
        cost=settings.password_hash_cost, threads=settings.password_hash_threads
    )
    keys = KeyRepository(sessions)
    known_keys = SecretLookup(keys, account_cache)
    login_sessions = SessionRepository(sessions)
    known_sessions = SecretLookup(login_sessions, account_cache)
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
    throttle = LoginThrottle(
        limiter,
        per_account=parse_limit(settings.login_failures_per_account),
        per_address=parse_limit(settings.login_failures_per_address),
        ceiling=parse_limit(settings.login_failures_ceiling),
    )
    authenticator = Authenticator(
        accounts=accounts,
        account_cache=account_cache,
        passwords=passwords,
        credentials=credentials,
        throttle=throttle,
        tokens=tokens,
        trail=trail,
        keys=KeyAuthenticator(
            known_keys, account_cache, throttle=throttle, trail=trail, clock=clock
        ),
    )
    return AccountServices(
        accounts=accounts,
        account_cache=account_cache,
        passwords=passwords,
        tokens=tokens,
        authenticator=authenticator,
        keys=keys,
        known_keys=known_keys,
        login_sessions=login_sessions,
        known_sessions=known_sessions,
        session_authenticator=SessionAuthenticator(
            known_sessions,
            account_cache,
            throttle=throttle,
            clock=clock,
            trusted_hops=trusted_hops,
        ),
        resets=ResetRepository(sessions),
        invitations=InvitationRepository(sessions),
        views=ViewRepository(sessions),
        throttle=throttle,
        trail=trail,
    )
