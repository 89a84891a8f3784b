"""`make doctor`: one line per check, and no answer is paid for."""

from __future__ import annotations

from typing import Any

import pytest

from bot.doctor import report
from simulator.app import Simulator
from simulator.telegram.faults import TelegramFault
from tests.bot.conftest import FALLBACK, MODEL, run_program

PRICES = '{"sim/primary": {"prompt": 0.15, "completion": 0.6}}'


def environment(simulator: Simulator) -> dict[str, str]:
    return {
        "TELEGRAM_TOKEN": simulator.token,
        "TELEGRAM_API_URL": simulator.url,
        "OPENROUTER_API_KEY": simulator.api_key or "none",
        "OPENROUTER_BASE_URL": simulator.model_url,
        "LLM_MODEL": MODEL,
        "LLM_FALLBACK_MODEL": FALLBACK,
        "LLM_PRICES": PRICES,
    }


@pytest.fixture
def configured(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings of an operator, in this process."""
    for name, value in environment(simulator).items():
        monkeypatch.setenv(name, value)


async def test_a_working_configuration_passes(simulator: Simulator):
    outcome = await run_program("bot.doctor", **environment(simulator))

    assert (outcome.returncode, outcome.stderr) == (0, "")
    assert outcome.stdout.splitlines() == [
        f"ok   token     @{simulator.account.username}",
        "ok   key       accepted",
        f"ok   model     {MODEL}",
        f"ok   fallback  {FALLBACK}",
        "ok   prices    1 of 2 models",
    ]
    assert len(simulator.calls) == 0


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"TELEGRAM_TOKEN": "1:unknown-to-telegram"}, "fail token     Telegram does not know"),
        ({"TELEGRAM_API_URL": "http://127.0.0.1:9"}, "fail token     Telegram does not answer"),
        ({"OPENROUTER_BASE_URL": "http://127.0.0.1:9"}, "fail key       the provider does not"),
        ({"OPENROUTER_BASE_URL": "http://127.0.0.1:9"}, "fail model     the provider does not"),
        ({"LLM_MODEL": "unknown/x"}, "fail model     the provider lists no unknown/x"),
        ({"LLM_ALLOWED_MODELS": "unknown/y"}, "fail model     the provider lists no unknown/y"),
        ({"LLM_FALLBACK_MODEL": "unknown/z"}, "fail fallback  the provider lists no unknown/z"),
        ({"LLM_FALLBACK_MODEL": MODEL}, "fail fallback  the same as LLM_MODEL"),
        ({"LLM_PRICES": PRICES.replace("primary", "other")}, "fail prices    LLM_PRICES names"),
        (
            {"LLM_PRICES": PRICES.replace("0.15", "15")},
            "fail prices    sim/primary: LLM_PRICES says",
        ),
    ],
)
async def test_a_problem_is_reported_in_one_line(
    simulator: Simulator,
    changes: dict[str, str],
    line: str,
    *,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
):
    for name, value in changes.items():
        monkeypatch.setenv(name, value)

    assert await report() == 1

    printed, errors = capfd.readouterr()
    lines = printed.splitlines()
    assert len(lines) == 5
    assert any(one.startswith(line) for one in lines)
    secrets = {simulator.token, changes.get("TELEGRAM_TOKEN", simulator.token)}
    assert not any(secret in printed + errors + caplog.text for secret in secrets)


@pytest.mark.usefixtures("configured")
async def test_a_server_that_is_not_telegram_is_reported(
    simulator: Simulator, capfd: pytest.CaptureFixture[str]
):
    kinds: tuple[Any, ...] = ("html", "garbage", "drop")
    for kind in kinds:
        simulator.telegram.faults.add(TelegramFault(kind=kind, method="getMe", times=1))
        assert await report() == 1
        assert capfd.readouterr().out.startswith("fail token     Telegram does not answer (")


@pytest.mark.usefixtures("configured")
async def test_a_budget_without_prices_is_noted(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("LLM_PRICES", "{}")
    monkeypatch.setenv("DAILY_USD_LIMIT", "1")

    assert await report() == 0

    assert capfd.readouterr().out.splitlines()[-1].startswith("note prices    none for sim/primary")


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize(
    ("name", "line"),
    [
        (FALLBACK, f"ok   saving    {FALLBACK}"),
        ("unknown/y", "fail saving    the provider lists no"),
    ],
)
async def test_a_saving_model_is_looked_up(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], name: str, line: str
):
    monkeypatch.setenv("LLM_SAVING_MODEL", name)

    assert await report() == int(line.startswith("fail"))

    assert line in capfd.readouterr().out


@pytest.mark.usefixtures("configured")
async def test_a_wrong_key_is_reported(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    server: Any = simulator.model
    monkeypatch.setattr(server, "_api_key", "another")

    assert await report() == 1

    assert "fail key       the provider refuses it" in capfd.readouterr().out


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize(
    ("prices", "line"),
    [
        ("{}", f"TOTAL_DAILY_USD_LIMIT lets {MODEL} answer nothing: one answer may cost $0.01."),
        (PRICES, None),
    ],
)
async def test_a_limit_below_one_answer_is_noted(
    prices: str,
    line: str | None,
    *,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
):
    monkeypatch.setenv("LLM_PRICES", prices)
    monkeypatch.setenv("TOTAL_DAILY_USD_LIMIT", "0.005")

    assert await report() == 0

    noted = [one for one in capfd.readouterr().out.splitlines() if one.startswith("note limits")]
    assert len(noted) == (1 if line else 0)
    assert all(str(line) in one for one in noted)
