"""Computes the cost of attempts by the configured prices."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from bot.llm.completion import Usage
from bot.settings import Price

TYPICAL_PROMPT_TOKENS = 2_000
RESERVE_WITHOUT_PRICE_USD = Decimal("0.01")
CHARACTERS_PER_TOKEN = 2
"""A low value for most languages, so that estimates are rather too high."""
TOKENS_AROUND_A_PROMPT = 200
"""Estimate for the system prompt and the framing of messages."""
MILLION = 1_000_000


class ModelPrices:
    """The configured prices of models.

    Args:
        prices: US dollars per million tokens, by model.
        max_answer_tokens: the token limit of one answer, by model.
        speech_usd_per_minute: the price of transcriptions.
    """

    def __init__(
        self,
        prices: dict[str, Price],
        *,
        max_answer_tokens: Callable[[str], int],
        speech_usd_per_minute: Decimal = Decimal(0),
    ) -> None:
        self._speech_usd_per_minute = speech_usd_per_minute
        self._max_answer_tokens = max_answer_tokens
        self.by_model = prices

    def __contains__(self, model: str) -> bool:
        return model in self.by_model

    def speech_cost(self, seconds: Decimal | int) -> Decimal:
        """The cost of transcribing so many seconds."""
        return self._speech_usd_per_minute * seconds / 60

    def highest_cost(self, model: str, *, characters: int) -> Decimal | None:
        """The cost of the longest answer to a prompt of so many characters; None without price."""
        tokens = Decimal(characters) / CHARACTERS_PER_TOKEN + TOKENS_AROUND_A_PROMPT
        return self._answer_cost(model, prompt_tokens=tokens)

    def reserve(self, model: str | None, *, characters: int | None = None) -> Decimal:
        """The value of an attempt of unknown cost; without `characters` its prompt is typical."""
        if model is None:
            return RESERVE_WITHOUT_PRICE_USD
        highest = (
            self._answer_cost(model, prompt_tokens=Decimal(TYPICAL_PROMPT_TOKENS))
            if characters is None
            else self.highest_cost(model, characters=characters)
        )
        return RESERVE_WITHOUT_PRICE_USD if highest is None else highest

    def estimated_cost(self, usage: Usage, *models: str | None) -> Decimal | None:
        """The cost by the price of the first model that has one, or by seconds of speech."""
        if usage.audio_seconds is not None:
            return self.speech_cost(usage.audio_seconds)
        price = next((self.by_model[name] for name in models if name in self.by_model), None)
        if price is None or usage.prompt_tokens is None or usage.completion_tokens is None:
            return None
        tokens = usage.prompt_tokens * price.prompt + usage.completion_tokens * price.completion
        return tokens / MILLION

    def _answer_cost(self, model: str, *, prompt_tokens: Decimal) -> Decimal | None:
        price = self.by_model.get(model)
        if price is None:
            return None
        tokens = prompt_tokens * price.prompt + self._max_answer_tokens(model) * price.completion
        return tokens / MILLION
