"""`make demo` and `make up`: start, print the addresses, wait, stop.

The demo's dialogs are real: Ubuntu IRC logs published with "A Large-Scale Corpus for
Conversation Disentanglement" (Kummerfeld et al., ACL 2019), CC-BY-4.0.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from bot.settings import AccessMode, AccessSettings, BillSettings
from common.errors import SettingError, StartupError
from common.settings import load
from embedded.stack.api_client import ApiClient
from embedded.stack.lifecycle import Progress, Stack
from embedded.stack.plan import Plan, command_environment
from embedded.stack.programs import traffic
from embedded.stack.settings import DemoSettings, StackSettings
from pipelines.settings import PipelineSection

LOGIN = "demo"
# The newest messages of the file are not history: they arrive live.
HISTORY_LINES = 190_000
LIVE_MESSAGES_PER_SECOND = 1.0


def demo(*, data: Path | None) -> int:
    """The stack with simulators and dialogs, until Ctrl-C."""
    plan = demo_plan(load(StackSettings), data=data)
    progress = Progress()
    live = traffic(plan, skip=HISTORY_LINES, per_second=LIVE_MESSAGES_PER_SECOND)
    with (
        suppress(KeyboardInterrupt),
        Stack(plan, progress=progress, more=[live], waits=True) as stack,
    ):
        _load_history(stack, progress)
        stack.start_services()
        password = _demo_account(stack)
        stack.start([live])
        _print_addresses(stack, progress, login=(LOGIN, password))
        stack.watch()
    return 0


def demo_plan(settings: StackSettings, *, data: Path | None) -> Plan:
    """Simulators instead of Telegram and the model; explicit settings stay."""
    return Plan(
        settings=settings,
        keys=settings.key_ring(),
        simulated=True,
        data_file=data.resolve() if data else None,
        extra=load(DemoSettings).as_environment(),
    )


def up() -> int:
    """The stack against the real Telegram and the real model, until Ctrl-C."""
    settings = load(StackSettings)
    for name, value in {
        "TELEGRAM_TOKEN": settings.telegram_token,
        "OPENROUTER_API_KEY": settings.openrouter_api_key,
    }.items():
        if value is None:
            raise SettingError(name, "is not set; put it into .env, or run `make demo` without it")
    plan = Plan(settings=settings, keys=settings.key_ring(), simulated=False)
    progress = Progress()
    with suppress(KeyboardInterrupt), Stack(plan, progress=progress, waits=True) as stack:
        examine(stack, progress)
        stack.start_services()
        _print_addresses(stack, progress)
        _print_first_steps(stack, progress)
        stack.watch()
    return 0


def examine(stack: Stack, progress: Progress) -> None:
    """Report problems of token, key and models; the rest starts anyway."""
    progress.say("Checking the configuration (make doctor)")
    with suppress(StartupError):
        environment = stack.plan.environment("OPENROUTER_API_KEY", "TELEGRAM_TOKEN")
        stack.run_showing("bot.doctor", environment=environment)
    for warning in warnings(load(AccessSettings), load(BillSettings), load(PipelineSection)):
        progress.say(f"Warning: {warning}")


def warnings(
    access: AccessSettings, bill: BillSettings, pipelines: PipelineSection
) -> Iterator[str]:
    """Defaults that an operator should have chosen on purpose, a line each."""
    if access.access_mode is AccessMode.OPEN and not bill.is_limited:
        yield (
            "everybody may use the bot and nothing limits the bill:"
            " see TOTAL_MONTHLY_USD_LIMIT, ACCESS_MODE"
        )
    if not pipelines.message_retention_days:
        yield "texts are kept for ever: see MESSAGE_RETENTION_DAYS"


def _load_history(stack: Stack, progress: Progress) -> None:
    progress.say("Loading past dialogs (only on the first start)")
    stack.run_showing(
        "simulator.demo.history",
        *(("--data", str(stack.plan.data_file)) if stack.plan.data_file else ()),
        "--limit",
        str(HISTORY_LINES),
        environment=stack.plan.history_environment(),
    )


def _demo_account(stack: Stack) -> str:
    plan = stack.plan
    password = plan.keys.secret("demo_password")
    client = ApiClient(plan.api_url, username=LOGIN, password=password)
    try:
        client.register(plan.secret("admin_registration_token"))
    finally:
        client.close()
    stack.run(
        "api.accounts",
        "grant",
        LOGIN,
        "names:read",
        "texts:read",
        "dagster:use",
        "admin",
        environment=command_environment(plan, "api.accounts"),
    )
    return password


def _print_first_steps(stack: Stack, progress: Progress) -> None:
    """The way from an empty installation to figures, until there is an administrator."""
    plan = stack.plan
    environment = command_environment(plan, "api.accounts")
    link = stack.run("api.accounts", "first-admin", environment=environment).strip()
    if not link:
        return
    progress.say("First steps")
    for number, step in enumerate(first_steps(link), start=1):
        print(f"    {number}. {step}", flush=True)  # noqa: T201 # the answer to the command


def first_steps(link: str) -> tuple[str, ...]:
    """The steps of a new operator, in order."""
    return (
        f"Register the first administrator, once, within 24 hours: {link}",
        "Write to the bot in Telegram: it answers with the model.",
        "Watch the message arrive in the dashboard, within seconds.",
        "Look at the page Data quality: the first comparison of both databases follows by itself.",
        "Set OPERATOR_CHAT_ID for the digest and for alerts.",
    )


def addresses(plan: Plan) -> dict[str, str]:
    """Where everything is, by title."""
    lines = {
        "Dashboard": plan.api_url,
        "API docs": f"{plan.api_url}/docs",
        "Dagster": plan.dagster_url,
        "Bot health": f"{plan.bot_url}/health",
        "Logs": str(plan.data / "logs"),
        "Admin token": f"in {plan.keys.directory / 'admin_registration_token'}",
    }
    if plan.simulated:
        lines["Act as users"] = f"{plan.simulator_url}/control (docs/simulator.md)"
    return lines


def _print_addresses(
    stack: Stack, progress: Progress, *, login: tuple[str, str] | None = None
) -> None:
    plan = stack.plan
    progress.say(f"Running; {stack.memory_mib()} MiB in all")
    lines = addresses(plan)
    if login:
        lines["Login"] = f"{login[0]} (an administrator)  password: {login[1]}"
    for title, value in lines.items():
        print(f"    {title:<12} {value}", flush=True)  # noqa: T201 # the answer to the command
    print("    Ctrl-C stops everything.", flush=True)  # noqa: T201 # the same
