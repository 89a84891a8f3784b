"""`python -m bot.doctor`: checks the configuration. Prints one line per check, changes nothing.

Asks Telegram for the bot's name and the provider for the key and its models; costs nothing.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any
from urllib.parse import quote

import httpx2

from bot.llm.prices import ModelPrices
from bot.settings import BillSettings, ModelSettings, Price, TelegramSettings, UsageLimitSettings
from bot.turns.bill import limits_below
from common.errors import DialyticsError
from common.log import configure_logging
from common.process import run
from common.settings import RuntimeSettings, load

TIMEOUT_SECONDS = 10
REFUSED = (401, 403)
UNKNOWN = (401, 404)
MILLION = 1_000_000
MAX_DIFFERENCE = Decimal("0.01")
"""Relative difference up to which a configured price counts as the provider's."""


class Verdict(StrEnum):
    OK = "ok"
    NOTE = "note"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """One check."""

    verdict: Verdict
    name: str
    message: str

    def line(self) -> str:
        return f"{self.verdict:<5}{self.name:<9} {self.message}"


class _UnreachableError(DialyticsError):
    """The provider did not answer."""


class ModelProvider:
    """The free endpoints of an OpenAI-compatible API."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client
        self._listed: dict[str, dict[str, Any]] | None = None

    async def get(self, path: str) -> tuple[int, dict[str, Any]]:
        """Status and body.

        Raises:
            _UnreachableError: no response.
        """
        try:
            answer = await self._client.get(path)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            raise _UnreachableError(type(error).__name__) from error
        try:
            body = answer.json()
        except ValueError:
            body = {}
        return answer.status_code, body if isinstance(body, dict) else {}

    async def model(self, name: str) -> dict[str, Any] | None:
        """The provider's listing of a model; None if it has no such model."""
        if self._listed is None:
            _, body = await self.get("models")
            rows = body.get("data")
            rows = rows if isinstance(rows, list) else []
            self._listed = {row["id"]: row for row in rows if isinstance(row, dict) and "id" in row}
        if name in self._listed:
            return self._listed[name]
        status, body = await self.get(f"models/{quote(name)}")
        return body if status == 200 and body.get("id") == name else None  # noqa: PLR2004 # OK


async def run_checks(
    telegram: TelegramSettings,
    model: ModelSettings,
    limits: UsageLimitSettings,
    bill: BillSettings,
) -> AsyncIterator[Finding]:
    """Check token, key, model, fallback, saving model and prices, in this order."""
    yield await _token(telegram)
    key = model.openrouter_api_key.get_secret_value()
    async with httpx2.AsyncClient(
        base_url=f"{model.openrouter_base_url}/",
        headers={"Authorization": f"Bearer {key}"},
        timeout=TIMEOUT_SECONDS,
    ) as client:
        provider = ModelProvider(client)
        saving = (_saving,) if model.llm_saving_model else ()
        for check in (_key, _models, _fallback, *saving):
            try:
                yield await check(provider, model)
            except _UnreachableError as error:
                name = check.__name__.strip("_").removesuffix("s")
                message = f"the provider does not answer ({error}): see OPENROUTER_BASE_URL"
                yield Finding(Verdict.FAIL, name, message)
        try:
            yield await _prices(provider, model, has_budget=_has_budget(limits, bill))
        except _UnreachableError:
            yield Finding(Verdict.NOTE, "prices", "not compared with the provider's prices")
    for finding in _limits(model, bill):
        yield finding


async def _token(settings: TelegramSettings) -> Finding:
    # Not through aiogram: importing it takes longer than the check.
    token = settings.telegram_token.get_secret_value()
    url = f"{settings.telegram_api_url}/bot{token}/getMe"
    try:
        async with httpx2.AsyncClient(timeout=TIMEOUT_SECONDS) as client:
            answer = await client.get(url)
        if answer.status_code in UNKNOWN:
            message = "Telegram does not know this bot: see TELEGRAM_TOKEN"
            return Finding(Verdict.FAIL, "token", message)
        username = answer.raise_for_status().json()["result"]["username"]
    except (
        httpx2.HTTPError,
        httpx2.InvalidURL,
        OSError,
        ValueError,
        LookupError,
        TypeError,
    ) as error:
        message = f"Telegram does not answer ({type(error).__name__}): see TELEGRAM_API_URL"
        return Finding(Verdict.FAIL, "token", message)
    return Finding(Verdict.OK, "token", f"@{username}")


async def _key(provider: ModelProvider, _settings: ModelSettings) -> Finding:
    status, body = await provider.get("key")
    if status not in {200, *REFUSED}:
        # Only OpenRouter has this endpoint; elsewhere listing the models needs the key.
        status, body = await provider.get("models")
    if status in REFUSED:
        return Finding(Verdict.FAIL, "key", "the provider refuses it: see OPENROUTER_API_KEY")
    stated = body.get("data")
    left = stated.get("limit_remaining") if isinstance(stated, dict) else None
    if isinstance(left, int | float) and left <= 0:
        return Finding(Verdict.FAIL, "key", "its credit limit is used up")
    if status != 200:  # noqa: PLR2004 # OK
        return Finding(Verdict.NOTE, "key", f"not checked, the provider answered HTTP {status}")
    return Finding(Verdict.OK, "key", "accepted" if left is None else f"accepted, ${left} left")


async def _models(provider: ModelProvider, settings: ModelSettings) -> Finding:
    unknown = [name for name in settings.models if await provider.model(name) is None]
    if unknown:
        message = f"the provider lists no {', '.join(unknown)}: see LLM_MODEL, LLM_ALLOWED_MODELS"
        return Finding(Verdict.FAIL, "model", message)
    return Finding(Verdict.OK, "model", ", ".join(settings.models))


async def _fallback(provider: ModelProvider, settings: ModelSettings) -> Finding:
    name = settings.llm_fallback_model
    if name is None:
        return Finding(Verdict.NOTE, "fallback", "none: no other model is tried")
    if name == settings.llm_model:
        message = "the same as LLM_MODEL: choose another model"
        return Finding(Verdict.FAIL, "fallback", message)
    if await provider.model(name) is None:
        message = f"the provider lists no {name}: see LLM_FALLBACK_MODEL"
        return Finding(Verdict.FAIL, "fallback", message)
    return Finding(Verdict.OK, "fallback", name)


async def _saving(provider: ModelProvider, settings: ModelSettings) -> Finding:
    name = str(settings.llm_saving_model)
    if await provider.model(name) is None:
        message = f"the provider lists no {name}: see LLM_SAVING_MODEL"
        return Finding(Verdict.FAIL, "saving", message)
    return Finding(Verdict.OK, "saving", name)


def _has_budget(limits: UsageLimitSettings, bill: BillSettings) -> bool:
    return bill.is_limited or any((limits.daily_usd_limit, limits.monthly_usd_limit))


def _limits(model: ModelSettings, bill: BillSettings) -> Iterator[Finding]:
    prices = ModelPrices(model.llm_prices, max_answer_tokens=lambda _model: model.llm_max_tokens)
    name = model.llm_model
    reserve = prices.reserve(name)
    for setting in limits_below(bill, reserve):
        cure = "lower LLM_MAX_TOKENS" if name in prices else "state its price in LLM_PRICES"
        message = (
            f"{setting} lets {name} answer nothing: one answer may cost ${reserve:f}."
            f" Raise it, or {cure}"
        )
        yield Finding(Verdict.NOTE, "limits", message)


async def _prices(provider: ModelProvider, settings: ModelSettings, *, has_budget: bool) -> Finding:
    others = (settings.llm_fallback_model, settings.llm_saving_model, settings.llm_vision_model)
    used = dict.fromkeys((*settings.models, *filter(None, others)))
    if strange := [name for name in settings.llm_prices if name not in used]:
        message = f"LLM_PRICES names {', '.join(strange)}, which no setting uses"
        return Finding(Verdict.FAIL, "prices", message)
    for name, price in settings.llm_prices.items():
        listed = _listed_price(await provider.model(name))
        if listed and not (_is_near(price.prompt, listed.prompt)
                           and _is_near(price.completion, listed.completion)):  # fmt: skip
            message = (
                f"{name}: LLM_PRICES says {price.prompt} and {price.completion},"
                f" the provider {listed.prompt:f} and {listed.completion:f}"
            )
            return Finding(Verdict.FAIL, "prices", message)
    missing = [name for name in used if name not in settings.llm_prices]
    if missing and has_budget:
        message = (
            f"none for {', '.join(missing)}: budgets rest on the cost that the provider states"
        )
        return Finding(Verdict.NOTE, "prices", message)
    return Finding(Verdict.OK, "prices", f"{len(settings.llm_prices)} of {len(used)} models")


def _listed_price(row: dict[str, Any] | None) -> Price | None:
    pricing = (row or {}).get("pricing")
    if not isinstance(pricing, dict):
        return None
    try:
        prompt, completion = (
            Decimal(str(pricing.get(kind))) * MILLION for kind in ("prompt", "completion")
        )
    except InvalidOperation:
        return None
    # OpenRouter states -1 where the price depends on the model that it routes to.
    return Price(prompt=prompt, completion=completion) if min(prompt, completion) >= 0 else None


def _is_near(own: Decimal, listed: Decimal) -> bool:
    return abs(own - listed) <= listed * MAX_DIFFERENCE


async def report() -> int:
    """Print one line per check; return the exit code."""
    failed = False
    async for finding in run_checks(
        load(TelegramSettings), load(ModelSettings), load(UsageLimitSettings), load(BillSettings)
    ):
        sys.stdout.write(f"{finding.line()}\n")
        sys.stdout.flush()
        failed |= finding.verdict is Verdict.FAIL
    return int(failed)


def main() -> int:
    configure_logging(load(RuntimeSettings), service="bot-doctor")
    return asyncio.run(report())


if __name__ == "__main__":
    run(main)
