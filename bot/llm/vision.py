"""Knows which models see pictures: the configured one, or those that the provider lists so."""

from __future__ import annotations

import asyncio
from typing import Any

import openai
from openai import AsyncOpenAI

from bot.settings import ModelSettings
from common.log import get_logger

REFRESH_SECONDS = 3600.0
RETRY_SECONDS = 30.0
TIMEOUT_SECONDS = 10.0
MAX_START_SECONDS = 3.0
"""How long the start waits for the first listing."""

log = get_logger(__name__)


class VisionModels:
    """Which models see pictures.

    Args:
        is_on: False: the bot reads no pictures at all.
    """

    def __init__(self, client: AsyncOpenAI, settings: ModelSettings, *, is_on: bool) -> None:
        self._client = client
        self._settings = settings
        self._is_on = is_on
        self._listed: frozenset[str] = frozenset()
        self._was_read = asyncio.Event()

    @property
    def is_available(self) -> bool:
        """Whether any model that users may have sees pictures."""
        return self._is_on and any(self.seeing_model(name) for name in self._settings.models)

    def sees(self, model: str) -> bool:
        return model == self._settings.llm_vision_model or model in self._listed

    def seeing_model(self, model: str) -> str | None:
        """The model that answers questions with pictures of users of this model, or None."""
        if not self._is_on:
            return None
        return self._settings.llm_vision_model or (model if model in self._listed else None)

    async def watch(self) -> None:
        """Read the provider's list of models now and then."""
        while self._is_on:
            is_read = await self._read()
            self._was_read.set()
            await asyncio.sleep(REFRESH_SECONDS if is_read else RETRY_SECONDS)

    async def wait_until_known(self) -> None:
        """Wait a little for the first listing, unless the answer does not depend on it."""
        if not self._is_on or self._settings.llm_vision_model:
            return
        try:
            async with asyncio.timeout(MAX_START_SECONDS):
                await self._was_read.wait()
        except TimeoutError:
            log.info("the provider's list of models is not known yet: pictures are not read")

    async def _read(self) -> bool:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                body = await self._client.with_options(max_retries=0).get("/models", cast_to=object)
        except (openai.OpenAIError, TimeoutError, ValueError) as error:
            log.info("the provider's list of models could not be read", cause=type(error).__name__)
            return False
        rows = body.get("data") if isinstance(body, dict) else body
        self._listed = frozenset(
            row["id"]
            for row in (rows if isinstance(rows, list) else [])
            if isinstance(row, dict) and isinstance(row.get("id"), str) and takes_images(row)
        )
        return True


def takes_images(row: dict[str, Any]) -> bool:
    """Whether a listed model takes images, as OpenRouter, Mistral and LM Studio state it."""
    architecture = row.get("architecture")
    stated = architecture if isinstance(architecture, dict) else {}
    for modalities in (stated.get("input_modalities"), row.get("input_modalities")):
        if isinstance(modalities, list) and "image" in modalities:
            return True
    older = stated.get("modality")
    if isinstance(older, str) and "image" in older.partition("->")[0]:
        return True
    capabilities = row.get("capabilities")
    has_vision = isinstance(capabilities, dict) and capabilities.get("vision") is True
    return has_vision or row.get("type") == "vlm"
