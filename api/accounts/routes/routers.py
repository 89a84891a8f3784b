"""All routes of accounts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from fastapi import APIRouter

from api.accounts.invitations.bots import BotLister
from api.accounts.routes.account_sessions import account_session_routes
from api.accounts.routes.admin import admin_routes
from api.accounts.routes.invitations import invitation_routes
from api.accounts.routes.keys import key_routes
from api.accounts.routes.registration import auth_routes
from api.accounts.routes.resets import reset_routes
from api.accounts.routes.sessions import session_routes
from api.accounts.routes.tokens import token_routes
from api.accounts.routes.views import view_routes
from api.accounts.services import AccountServices
from api.http.rate_limit import RateLimiter
from api.settings import AccountSettings


def account_routes(
    services: AccountServices,
    settings: AccountSettings,
    *,
    dashboard_url: str | None,
    bots: BotLister,
    limiter: RateLimiter,
    clock: Callable[[], datetime],
) -> list[APIRouter]:
    """The routers of accounts, tokens, keys and sessions."""
    cache, authenticator = services.account_cache, services.authenticator
    return [
        auth_routes(services, registration_token=settings.admin_registration_token),
        token_routes(authenticator=authenticator, tokens=services.tokens, trail=services.trail),
        admin_routes(accounts=services.accounts, account_cache=cache),
        key_routes(keys=services.keys, account_cache=cache, limiter=limiter),
        session_routes(services, hours=settings.api_session_hours, clock=clock),
        account_session_routes(services, clock=clock),
        reset_routes(services, dashboard_url=dashboard_url),
        invitation_routes(services.invitations, bots=bots),
        view_routes(services.views),
    ]
