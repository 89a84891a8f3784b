"""Optional tracing: exports spans to an OpenTelemetry collector if an endpoint is set.

When off, the SDK is not even imported. Attributes are counts, keys and pseudonyms: never a user
text, Telegram id or URL. Libraries are not instrumented, because the bot's token is part of its
URLs; exceptions are recorded by class only.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator
from structlog.contextvars import bound_contextvars

from common.settings import Section

EXPORT_SECONDS = 5
Value = str | int | float | bool | None


class TracingSettings(Section):
    """OpenTelemetry's own settings."""

    otel_exporter_otlp_endpoint: str | None = None
    """URL of a collector for OTLP over HTTP, such as `http://host:4318`; unset: tracing is off."""
    otel_traces_sampler_arg: float = Field(default=1.0, ge=0, le=1)
    """Share of traces that are recorded."""
    otel_sdk_disabled: bool = False
    """Switches tracing off."""

    @field_validator("otel_exporter_otlp_endpoint")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        if value is not None and urlsplit(value).scheme not in {"http", "https"}:
            raise ValueError("must start with http:// or https://")
        return value

    @property
    def endpoint(self) -> str | None:
        """The URL for spans; None if tracing is off."""
        base = self.otel_exporter_otlp_endpoint
        return None if base is None or self.otel_sdk_disabled else f"{base.rstrip('/')}/v1/traces"


class Span(Protocol):
    """A traced operation."""

    def set(self, **attributes: Value) -> None:
        """Add attributes; None values are omitted."""


class _Nothing:
    """The span when tracing is off."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        return None

    def set(self, **_attributes: Value) -> None:
        """Do nothing."""


class _Spans(Protocol):
    def begin(
        self, name: str, attributes: dict[str, Value], *, may_be_first: bool
    ) -> AbstractContextManager[Span]: ...

    def flush(self) -> None: ...


_NOTHING = _Nothing()
_spans: _Spans | None = None


def trace(name: str, **attributes: Value) -> AbstractContextManager[Span]:
    """Start a trace, or a span of the running one."""
    return _NOTHING if _spans is None else _spans.begin(name, attributes, may_be_first=True)


def span(name: str, **attributes: Value) -> AbstractContextManager[Span]:
    """A span of the running trace; nothing outside a trace."""
    return _NOTHING if _spans is None else _spans.begin(name, attributes, may_be_first=False)


def flush_traces() -> None:
    """Export pending spans, for processes that are about to be killed."""
    if _spans is not None:
        _spans.flush()


def configure_tracing(settings: TracingSettings, *, service: str) -> None:
    """Switch tracing on if an endpoint is set. Called once by a process's entry point."""
    global _spans  # noqa: PLW0603 # one per process, like logging
    if settings.endpoint is not None:
        _spans = _Exported(
            settings.endpoint, service=service, share=settings.otel_traces_sampler_arg
        )


class _Exported:
    """Spans exported to a collector, in batches, by a thread."""

    def __init__(self, endpoint: str, *, service: str, share: float) -> None:
        # Imported here: without tracing the SDK is not loaded.
        from opentelemetry import trace as api  # noqa: PLC0415
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
        from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio  # noqa: PLC0415

        self._api = api
        # Not the global provider: libraries would use it and record their URLs.
        self._provider = TracerProvider(
            sampler=ParentBasedTraceIdRatio(share),
            resource=Resource.create({"service.namespace": "dialytics", "service.name": service}),
        )
        self._provider.add_span_processor(
            BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint, timeout=EXPORT_SECONDS))
        )
        self._tracer = self._provider.get_tracer("dialytics")

    def begin(
        self, name: str, attributes: dict[str, Value], *, may_be_first: bool
    ) -> AbstractContextManager[Span]:
        is_inside = self._api.get_current_span().get_span_context().is_valid
        if not is_inside and not may_be_first:
            return _NOTHING
        return self._begin(name, attributes, is_first=not is_inside)

    @contextmanager
    def _begin(self, name: str, attributes: dict[str, Value], *, is_first: bool) -> Iterator[Span]:
        with self._tracer.start_as_current_span(
            name,
            # The library would record the message, which may quote user data.
            record_exception=False,
            set_status_on_exception=False,
        ) as started:
            live = _Live(started)
            live.set(**attributes)
            try:
                if is_first:
                    trace_id = f"{started.get_span_context().trace_id:032x}"
                    with bound_contextvars(trace_id=trace_id):
                        yield live
                else:
                    yield live
            except Exception as error:
                kind = self._api.StatusCode.ERROR
                started.set_status(self._api.Status(kind, type(error).__name__))
                raise

    def flush(self) -> None:
        self._provider.force_flush(EXPORT_SECONDS * 1000)


class _Live:
    def __init__(self, started: Any) -> None:
        self._started = started

    def set(self, **attributes: Value) -> None:
        for name, value in attributes.items():
            if value is not None:
                self._started.set_attribute(name, value)
