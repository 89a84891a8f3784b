"""`python -m api.accounts list|grant|revoke|disable|enable`: manages accounts.

Changes apply to a running API at once.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

from sqlalchemy.ext.asyncio import async_sessionmaker

from api.accounts.scopes import Scope
from api.accounts.store import AccountRepository, ApiAccount
from api.audit.events import act_as
from api.errors import ApiError
from common.errors import StartupError
from common.log import configure_logging
from common.postgres import check_reachable, create_engine
from common.process import run
from common.settings import DatabaseSettings, RuntimeSettings, load


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m api.accounts", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="list accounts with their scopes and state")
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
    account = await accounts.by_username(arguments.username)
    if account is None:
        raise StartupError(f"there is no account named {arguments.username}")
    match arguments.command:
        case "grant":
            return [await accounts.set_scopes(account.id, account.scopes | {*arguments.scopes})]
        case "revoke":
            return [await accounts.set_scopes(account.id, account.scopes - {*arguments.scopes})]
    is_disabled = arguments.command == "disable"
    return [await accounts.set_disabled(account.id, is_disabled=is_disabled)]


async def show(arguments: argparse.Namespace) -> None:
    """Run the command and print one line per account."""
    act_as("command line")
    settings = load(DatabaseSettings)
    await check_reachable(settings)
    engine = create_engine(settings, application_name="api-accounts")
    try:
        shown = await execute(arguments, AccountRepository(async_sessionmaker(engine)))
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
