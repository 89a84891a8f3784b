"""`python -m api.accounts list|grant|revoke|disable|enable|reset|logout|first-admin`: accounts.

Changes apply to a running API at once.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from datetime import timedelta

from sqlalchemy import func, update
from sqlalchemy.ext.asyncio import async_sessionmaker

from api.accounts.invitations.store import InvitationRepository
from api.accounts.keys.store import SERVICE_ACCOUNT
from api.accounts.scopes import Scope
from api.accounts.sessions.resets import ResetRepository, reset_link
from api.accounts.sessions.store import SessionRepository
from api.accounts.store import AccountRepository, ApiAccount
from api.audit.events import act_as
from api.errors import ApiError
from api.settings import ServerSettings
from common.errors import StartupError
from common.http.listening import url_of
from common.log import configure_logging
from common.postgres import Sessions, check_reachable, create_engine, transaction
from common.process import run
from common.settings import DatabaseSettings, RuntimeSettings, load
from common.tables.invitations import Invitation, InvitationKind

FIRST_ADMIN = "first administrator"
FIRST_ADMIN_SCOPES = (Scope.STATS_READ, Scope.NAMES_READ, Scope.DAGSTER_USE, Scope.ADMIN)
FIRST_ADMIN_LIFETIME = timedelta(hours=24)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m api.accounts", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="list accounts with their scopes and state")
    commands.add_parser(
        "first-admin",
        help="print a link that registers the first administrator, once, within 24 hours",
    )
    for name, explanation in (
        ("grant", "add scopes to an account"),
        ("revoke", "remove scopes from an account"),
    ):
        command = commands.add_parser(name, help=explanation)
        command.add_argument("username")
        command.add_argument("scopes", nargs="+", choices=[scope.value for scope in Scope])
    for name, explanation in (
        ("disable", "disable an account at once"),
        ("enable", "enable an account again"),
        ("logout", "end all sessions and bearer tokens of an account"),
        (
            "reset",
            "print a link that sets a new password, once, within 30 minutes",
        ),
    ):
        commands.add_parser(name, help=explanation).add_argument("username")
    return parser.parse_args(arguments)


async def execute(arguments: argparse.Namespace, accounts: AccountRepository) -> list[ApiAccount]:
    """Run one command.

    Returns:
        The accounts to print.

    Raises:
        StartupError: there is no such account.
    """
    if arguments.command == "list":
        return await accounts.every()
    account = await _find(arguments.username, accounts)
    match arguments.command:
        case "grant":
            return [await accounts.set_scopes(account.id, account.scopes | {*arguments.scopes})]
        case "revoke":
            return [await accounts.set_scopes(account.id, account.scopes - {*arguments.scopes})]
    is_disabled = arguments.command == "disable"
    return [await accounts.set_disabled(account.id, is_disabled=is_disabled)]


async def _find(username: str, accounts: AccountRepository) -> ApiAccount:
    account = await accounts.by_username(username)
    if account is None:
        raise StartupError(f"there is no account named {username}")
    return account


async def issue_reset(username: str, sessions: Sessions, *, base_url: str) -> str:
    """A line with the link that resets the password of an account.

    Raises:
        StartupError: there is no such account.
    """
    account = await _find(username, AccountRepository(sessions))
    token, expires_at = await ResetRepository(sessions).create(account.id)
    return f"{reset_link(base_url, token)}\tonce, until {expires_at:%Y-%m-%d %H:%M} UTC"


async def invite_first_admin(sessions: Sessions, *, base_url: str) -> str | None:
    """A link that registers an administrator, once; None if there is one.

    The link of an earlier call ends. The code is in the fragment, which browsers send to no server.
    """
    accounts = await AccountRepository(sessions).every()
    if any(
        Scope.ADMIN in account.scopes
        for account in accounts
        if account.username != SERVICE_ACCOUNT and not account.is_disabled
    ):
        return None
    earlier = (
        update(Invitation)
        .where(
            Invitation.label == FIRST_ADMIN,
            Invitation.created_by_id.is_(None),
            Invitation.revoked_at.is_(None),
        )
        .values(revoked_at=func.now())
    )
    async with transaction(sessions) as session:
        await session.execute(earlier)
    code, _ = await InvitationRepository(sessions).create(
        None,
        kind=InvitationKind.ACCOUNT,
        label=FIRST_ADMIN,
        scopes=[scope.value for scope in FIRST_ADMIN_SCOPES],
        max_uses=1,
        lifetime=FIRST_ADMIN_LIFETIME,
    )
    return f"{base_url}/register#invitation={code}"


async def log_out(username: str, sessions: Sessions) -> list[ApiAccount]:
    """End all sessions and bearer tokens of an account.

    Raises:
        StartupError: there is no such account.
    """
    account = await _find(username, AccountRepository(sessions))
    await SessionRepository(sessions).end_all(account.id)
    return [account]


async def show(arguments: argparse.Namespace) -> None:
    """Run the command and print one line per account."""
    act_as("command line")
    settings = load(DatabaseSettings)
    await check_reachable(settings)
    engine = create_engine(settings, application_name="api-accounts")
    sessions = async_sessionmaker(engine)
    try:
        server = load(ServerSettings)
        base_url = server.dashboard_url or url_of(server.bind_host, server.api_port)
        if arguments.command == "first-admin":
            link = await invite_first_admin(sessions, base_url=base_url)
            sys.stdout.write(f"{link}\n" if link else "")
            return
        if arguments.command == "reset":
            line = await issue_reset(arguments.username, sessions, base_url=base_url)
            sys.stdout.write(f"{line}\n")
            return
        shown = (
            await log_out(arguments.username, sessions)
            if arguments.command == "logout"
            else await execute(arguments, AccountRepository(sessions))
        )
    except ApiError as error:
        raise StartupError(error.message) from error
    finally:
        await engine.dispose()
    for account in shown:
        state = "disabled" if account.is_disabled else "active"
        scopes = " ".join(sorted(account.scopes)) or "-"
        sys.stdout.write(f"{account.username}\t{state}\t{scopes}\n")


def main() -> None:
    arguments = parse()
    configure_logging(load(RuntimeSettings), service="api-accounts")
    asyncio.run(show(arguments))


if __name__ == "__main__":
    run(main)
