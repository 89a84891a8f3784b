"""Tracing: nothing when off, real OTLP when on, and no private data."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from common.errors import SettingError
from common.settings import load
from common.tracing import TracingSettings
from tests.otlp_collector import Collector, collecting

PROJECT = Path(__file__).parents[2]
OFF = """
import sys
from common.settings import load
from common.tracing import TracingSettings, configure_tracing, span, trace
configure_tracing(load(TracingSettings), service="bot")
with trace("update", update_id=1) as first, span("turn") as second:
    assert first is second
    first.set(status="answered")
loaded = [name for name in sys.modules if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter"))]
print(loaded)
"""  # noqa: E501 # a program
ON = """
from common.settings import load
from common.tracing import TracingSettings, configure_tracing, span, trace
configure_tracing(load(TracingSettings), service="bot")
with span("outside of every trace"):
    pass
with trace("update", update_id=7, chat=None) as update:
    with span("turn", model="small") as turn:
        turn.set(parts=2, cost=0.5, whole=True)
    update.set(status="answered")
try:
    with trace("failing"):
        raise ValueError("a dear " + "secret")
except ValueError:
    pass
"""
# Says how long it took from here to its last moment: what is loaded before is no cost of traces.
TIMED = """
import atexit, time
import opentelemetry.exporter.otlp.proto.http.trace_exporter, opentelemetry.sdk.trace.export
import common.log, common.tracing
began = time.monotonic()
atexit.register(lambda: print(time.monotonic() - began))
"""


def run(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(PROJECT),
            "ENV_FILE": os.devnull,
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )


@pytest.mark.parametrize(
    "environment",
    [{}, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"}],
    ids=["no endpoint", "disabled"],
)
def test_a_process_without_traces_imports_no_sdk(environment: dict[str, str]) -> None:
    outcome = run(OFF, **environment)
    assert outcome.stdout == "[]\n", outcome.stderr


@pytest.fixture(scope="module")
def collector() -> Collector:
    """After a process that had traces."""
    with collecting() as found:
        outcome = run(ON, OTEL_EXPORTER_OTLP_ENDPOINT=f"{found.url}/")
        assert outcome.returncode == 0, outcome.stderr
    return found


def test_spans_arrive_with_their_parents_attributes_and_service(collector: Collector) -> None:
    update, turn = collector.named("update")[0], collector.named("turn")[0]
    assert {one.name for one in collector.spans} == {"update", "turn", "failing"}
    assert (turn.trace_id, turn.parent_id) == (update.trace_id, update.span_id)
    assert update.parent_id == ""
    assert update.attributes == {"update_id": 7, "status": "answered"}
    assert turn.attributes == {"model": "small", "parts": 2, "cost": 0.5, "whole": True}
    assert {one.service for one in collector.spans} == {"bot"}


def test_an_error_is_known_by_its_class_alone(collector: Collector) -> None:
    (failing,) = collector.named("failing")
    assert failing.status == "ValueError"
    assert failing.events == 0
    assert not any(b"secret" in body for body in collector.bodies)


def test_no_trace_is_kept_when_the_share_is_zero() -> None:
    with collecting() as collector:
        run(ON, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_TRACES_SAMPLER_ARG="0")
    assert collector.spans == []


def test_a_collector_that_is_away_costs_no_failure_and_little_time() -> None:
    outcome = run(TIMED + ON, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1")
    assert outcome.returncode == 0
    assert float(outcome.stdout) < 20


@pytest.mark.parametrize(
    ("name", "value"),
    [("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"), ("OTEL_TRACES_SAMPLER_ARG", "2")],
)
def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingError, match=name):
        load(TracingSettings)
