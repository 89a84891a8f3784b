"""One log format for every process: JSON, or coloured lines in a terminal.

Logs contain no token, user text or Telegram id: callers log keys, tracebacks omit the values of
variables, and everything passes through `redact`.
"""

from __future__ import annotations

import logging
import logging.config
import re
import sys
from typing import TYPE_CHECKING, Any

import structlog
from structlog.tracebacks import ExceptionDictTransformer

from common.settings import Environment, RuntimeSettings

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor, WrappedLogger

# A bot token (part of every Bot API URL), a bearer token or API key, one of our own keys, a
# password in a URL (which may contain unescaped / and @), a value named as a secret.
_SECRETS = re.compile(
    r"(?P<token>(?<!\d)\d+:[A-Za-z0-9_-]{20,})"
    r"|(?P<key>\b(?:sk|rk)-[A-Za-z0-9_-]{8,})"
    r"|(?P<own>\bdl[yrsi]_[A-Za-z0-9_-]{8,})"
    r"|(?P<auth>(?i:bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,})"
    r"|(?P<url>(?<=://)[^/\s:@]*:[^\s\"'<>]+(?=@))"
    r"|(?P<named>(?i:(?:password|passwd|pwd|secret|token|api[_-]?key|access[_-]?key|\bkey"
    r"|\bsig|signature)=)['\"]?[^\s&'\",;]+)"
)
# Addresses with a secret that no pattern matches, such as a gateway's path.
_hidden: dict[str, re.Pattern[str]] = {}


def hide_address(address: str) -> None:
    """Redact this address, with everything up to the next space or quote, in every log line."""
    stem = address.rstrip("/")
    _hidden[stem] = re.compile(re.escape(stem) + r"[^\s\"'<>]*", re.IGNORECASE)


def redact(text: str) -> str:
    """Replace credentials and hidden addresses with `***`."""
    for pattern in _hidden.values():
        text = pattern.sub("***", text)
    return _SECRETS.sub("***", text)


def _redact_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    for name, value in event.items():
        event[name] = _redacted(value)
    return event


def _redacted(value: Any) -> Any:
    """The value with all strings redacted; a traceback has nested lists and mappings."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, list):
        return [_redacted(item) for item in value]
    if isinstance(value, dict):
        return {name: _redacted(item) for name, item in value.items()}
    return value


def _named(service: str) -> Processor:
    """Adds the service's name. Not by a context variable, which other threads lack."""

    def name(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event.setdefault("service", service)
        return event

    return name


def writes_json(settings: RuntimeSettings) -> bool:
    """Whether to write JSON: with `auto`, in production and outside a terminal."""
    return settings.log_format == "json" or (
        settings.log_format == "auto"
        and (settings.environment is Environment.PRODUCTION or not sys.stderr.isatty())
    )


def configure_logging(settings: RuntimeSettings, *, service: str) -> None:
    """Send structlog and the standard library's loggers to stderr in one format."""
    as_json = writes_json(settings)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        _named(service),
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder(),
    ]
    final: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if as_json:
        final += [
            structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
            _redact_event,
            structlog.processors.JSONRenderer(),
        ]
    else:
        final += [
            structlog.processors.format_exc_info,
            _redact_event,
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
        ]
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "structured": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "processors": final,
                    "foreign_pre_chain": shared,
                }
            },
            "handlers": {
                "stderr": {
                    "class": "logging.StreamHandler",
                    "formatter": "structured",
                    "stream": "ext://sys.stderr",
                }
            },
            "root": {"handlers": ["stderr"], "level": settings.log_level},
            "loggers": {
                # At INFO they log every request with its URL and token.
                name: {"level": "WARNING"}
                for name in (
                    "httpx",
                    "httpx2",
                    "httpcore",
                    "httpcore2",
                    "aiohttp.access",
                    "uvicorn.access",
                    "openai",
                )
            },
        }
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger whose keyword arguments become fields of the record."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger
