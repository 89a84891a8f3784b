"""`python -m deploy.settings_doc [--check]`: docs/settings.md and .env.example, from the code."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path

from common.process import run
from common.version import VERSION
from deploy.problem import PROJECT
from deploy.settings import Setting, settings

TITLES = {
    "common": "Every service",
    "bot": "Bot",
    "api": "Stats API",
    "warehouse": "ClickHouse: address, cluster, limits",
    "pipelines": "Pipelines",
    "migrations": "Migrations",
    "embedded": "One machine without containers",
    "simulator": "Simulators",
    "benchmarks": "Benchmarks",
}
# `make up` requires these; the others are commented out in .env.example.
FIRST = ("TELEGRAM_TOKEN", "OPENROUTER_API_KEY", "LLM_MODEL")
# Containers know more variables than the code does (docs/guides/deployment.md).
OF_COMPOSE = {
    "IMAGES": "ghcr.io/example/dialytics",
    "VERSION": VERSION,
    "DOMAIN": "stats.example.org",
    "WEBHOOK_PATH": "/telegram",
    "SECRETS_PATH": "./secrets",
    "PROMETHEUS_PORT": "9090",
    "GRAFANA_PORT": "3001",
}
# Descriptions of settings without a docstring.
MEANINGS = {
    "ENVIRONMENT": "`development` or `production`; the second refuses weak secrets.",
    "LOG_LEVEL": "`DEBUG`, `INFO`, `WARNING` or `ERROR`.",
    "DATABASE_URL": "`postgresql://role:password@host:5432/database`, or as a provider writes it.",
    "DB_POOL_SIZE": "Connections that a process keeps open.",
    "DB_MAX_OVERFLOW": "Connections beyond the pool in a burst.",
    "DB_POOL_RECYCLE_SECONDS": "A connection is replaced at this age.",
    "DB_POOL_TIMEOUT_SECONDS": "How long a request waits for a connection.",
    "DB_STATEMENT_TIMEOUT_SECONDS": "Longest statement.",
    "REPORT_TIMEZONE": "IANA zone whose calendar days the daily figures are.",
    "DATA_KEY": "Wraps every person's key. Lost: no text can be read any more.",
    "TELEGRAM_TOKEN": "From @BotFather.",
    "TELEGRAM_API_URL": "Another server that speaks the Bot API.",
    "TELEGRAM_WEBHOOK_SECRET": "1 to 256 letters, digits, `_`, `-`; needed with a webhook.",
    "TELEGRAM_POLL_SECONDS": "How long one poll waits for updates.",
    "TELEGRAM_MESSAGES_PER_SECOND": "Most that the bot sends, all chats together.",
    "TELEGRAM_CHAT_INTERVAL_SECONDS": "Least time between two messages to one chat.",
    "TELEGRAM_GROUP_MESSAGES_PER_MINUTE": "Most that the bot sends into one group.",
    "OPENROUTER_API_KEY": "Of the model's provider.",
    "OPENROUTER_BASE_URL": "Any server that speaks OpenAI's chat completions.",
    "LLM_FALLBACK_MODEL": "Asked when the first one fails before its first token.",
    "LLM_SYSTEM_PROMPT": "Until a person sets their own with /system.",
    "LLM_TEMPERATURE": "Unset: the provider's default.",
    "LLM_MAX_TOKENS": "Longest answer.",
    "ACCESS_MODE": "`open`, `allow-list` or `invite`.",
    "RATE_LIMIT_PER_MINUTE": "Messages of one person.",
    "DAILY_MESSAGE_LIMIT": "Messages of one person.",
    "MONTHLY_MESSAGE_LIMIT": "Messages of one person.",
    "DAILY_USD_LIMIT": "Cost of one person, US dollars.",
    "MONTHLY_USD_LIMIT": "Cost of one person, US dollars.",
    "BOT_PORT": "/health, /ready, /metrics and the webhook.",
    "MAX_HISTORY_MESSAGES": "Messages of the dialog that the model sees; /history may lower it.",
    "API_PORT": "The API, its documents and the dashboard.",
    "WEB_DIST": "Directory of the built dashboard.",
    "PASSWORD_HASH_THREADS": "Passwords that are hashed at the same time.",
    "API_TOKEN_MINUTES": "How long a bearer token is valid.",
    "STATS_API_RATE_LIMIT": "Requests of one account.",
    "DATA_DIR": "Where files are kept.",
    "CLICKHOUSE_WRITER_PASSWORD": "Of user `writer`; the stack makes one.",
    "CLICKHOUSE_READER_PASSWORD": "Of user `reader`; the stack makes one.",
    "CLICKHOUSE_CONCURRENT_QUERIES": "Queries at the same time.",
    "SIMULATOR_PORT": "Both simulators: Telegram's Bot API and the model.",
}
TARGETS: dict[Path, Callable[[], str]] = {
    PROJECT / "docs" / "settings.md": lambda: markdown(by_title()),
    PROJECT / ".env.example": lambda: example(by_title()),
}


def by_title() -> dict[str, list[Setting]]:
    """Settings by part of the product; shared ones are listed with the first part."""
    groups: dict[str, list[Setting]] = {}
    seen: dict[str, Setting] = {}
    order = list(TITLES)
    for setting in sorted(settings(), key=lambda item: order.index(item.module.split(".")[0])):
        if setting.name in seen:
            continue
        seen[setting.name] = setting
        groups.setdefault(TITLES[setting.module.split(".")[0]], []).append(setting)
    return groups


def readers(name: str) -> str:
    """The packages that read a setting."""
    return ", ".join(
        dict.fromkeys(item.module.split(".")[0] for item in settings() if item.name == name)
    )


def explanation(setting: Setting) -> str:
    """The description of a setting: its docstring, or an entry of `MEANINGS`."""
    return setting.meaning or MEANINGS.get(setting.name, "")


def _default(setting: Setting) -> str:
    if setting.is_required:
        return "**required**"
    if len(setting.default) > 40:  # noqa: PLR2004 # a longer one would break the table
        return "see .env.example"
    return f"`{setting.default}`" if setting.default else "unset"


def markdown(groups: dict[str, list[Setting]]) -> str:
    """The document."""
    lines = [
        "# Settings",
        "",
        "<!-- Written by `make settings` from the code; a test holds it current. -->",
        "",
        "Every setting is an environment variable. It may also stand in `.env` (another file:",
        "`ENV_FILE`), and a secret, marked 🔒, in the file that `<NAME>_FILE` names or in",
        "`SECRETS_DIR/<name in lower case>`. The environment wins over `_FILE`, that over",
        "`SECRETS_DIR`, that over `.env`; an empty value counts as unset. A wrong or missing one",
        "ends the process with one line that names it and exit code 2. With",
        "`ENVIRONMENT=production` placeholder and short secrets are refused.",
        "",
    ]
    for title, group in groups.items():
        lines += [
            f"## {title}",
            "",
            "| setting | default | meaning | read by |",
            "|---|---|---|---|",
        ]
        lines += [
            f"| `{item.name}`{' 🔒' if item.is_secret else ''} | {_default(item)}"
            f" | {explanation(item).replace('|', chr(92) + '|')}"
            f" | {readers(item.name)} |"
            for item in group
        ]
        lines.append("")
    lines += ["## Containers only", "", "Read by the compose files, not by the code:", ""]
    lines += [
        f"`{name}` (as in `{value}`)" + ("," if name != "GRAFANA_PORT" else ".")
        for name, value in OF_COMPOSE.items()
    ]
    lines += ["[guides/deployment.md](guides/deployment.md) says what they mean.", ""]
    return "\n".join(lines)


def example(groups: dict[str, list[Setting]]) -> str:
    """The example of a settings file."""
    lines = [
        "# Copy to .env. What is commented out shows its default; docs/settings.md explains each.",
        "# Real secrets of a server do not belong here: docs/guides/secrets-management.md.",
        "",
        "# From @BotFather, from https://openrouter.ai/keys, and a model of your choice:",
        *(f"{name}={_sample(name)}" for name in FIRST),
        "",
    ]
    for title, group in groups.items():
        lines.append(f"# --- {title}")
        for item in group:
            if item.name not in FIRST:
                lines += textwrap.wrap(
                    explanation(item), 98, initial_indent="# ", subsequent_indent="# ",
                    break_long_words=False, break_on_hyphens=False,
                )  # fmt: skip
                lines.append(f"#{item.name}={_value(item)}")
        lines.append("")
    lines.append("# --- Containers only")
    lines += [f"#{name}={value}" for name, value in OF_COMPOSE.items()]
    return "\n".join([*lines, ""])


def _sample(name: str) -> str:
    return "openai/gpt-4o-mini" if name == "LLM_MODEL" else ""


def _value(setting: Setting) -> str:
    if setting.default:
        return setting.default
    return "change-me" if setting.is_secret and not setting.name.endswith("_URL") else ""


def stale() -> list[Path]:
    """The files that differ from what the code says."""
    return [
        path
        for path, write in TARGETS.items()
        if not path.exists() or path.read_text(encoding="utf-8") != write()
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    if "--check" in (sys.argv[1:] if arguments is None else arguments):
        for path in stale():
            sys.stdout.write(f"{path.relative_to(PROJECT)} is not current: run make settings\n")
        return 1 if stale() else 0
    for path, write in TARGETS.items():
        path.write_text(write(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    run(main)
