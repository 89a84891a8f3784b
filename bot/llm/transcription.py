"""Transcribes sound by an OpenAI-compatible API."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import openai
from openai import AsyncOpenAI

from bot.llm.client import (
    CONNECTION_ERRORS,
    MALFORMED_ERRORS,
    TIMEOUT_ERRORS,
    connect,
    note_failure,
    note_request,
)
from bot.llm.completion import (
    CallReport,
    ErrorKind,
    Usage,
    clean_name,
    read_seconds,
    read_usage,
)
from bot.llm.stream import AnswerStream
from bot.metrics import BotMetrics
from bot.settings import ModelSettings, SpeechSettings
from common.text import clean_text
from common.tracing import span

NO_KEY = "none"
MAX_TRANSCRIPT_CHARACTERS = 100_000


@dataclass(frozen=True)
class Transcript:
    """The words of a recording."""

    text: str
    report: CallReport


def connect_transcription(settings: SpeechSettings, model: ModelSettings) -> AsyncOpenAI:
    """A client for the API that transcribes.

    The key of the models' provider is sent to that provider alone.
    """
    base_url = settings.transcription_base_url or model.openrouter_base_url
    key = settings.transcription_api_key
    if key is None and _origin(base_url) == _origin(model.openrouter_base_url):
        key = model.openrouter_api_key
    return connect(
        api_key=key.get_secret_value() if key else NO_KEY,
        base_url=base_url,
        seconds=settings.transcription_timeout_seconds,
    )


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


class Transcriber:
    """Requests transcripts."""

    def __init__(
        self, client: AsyncOpenAI, *, settings: SpeechSettings, metrics: BotMetrics
    ) -> None:
        self._client = client
        self._settings = settings
        self._metrics = metrics

    def new_answer(self) -> AnswerStream:
        """An empty record of a request."""
        key = self._client.api_key
        return AnswerStream("" if key == NO_KEY else key)

    async def transcribe(
        self, model: str, sound: bytes, answer: AnswerStream, *, name: str
    ) -> Transcript:
        """Send one request. `answer` is its record, and stays valid when this is cancelled.

        Raises:
            ModelError: there is no transcript.
        """
        label = self._metrics.model(model)
        self._metrics.llm_requests.labels(label).inc()
        started, status = time.monotonic(), "error"
        try:
            with span("transcription", model=model):
                text = await self._receive(model, sound, answer, name=name)
            if isinstance(text, ErrorKind):
                self._metrics.llm_errors.labels(label, text.value).inc()
                raise answer.error(text)
            status = "success"
        finally:
            self._metrics.llm_duration.labels(label, status).observe(time.monotonic() - started)
        return Transcript(text, answer.report())

    async def _receive(
        self, model: str, sound: bytes, answer: AnswerStream, *, name: str
    ) -> str | ErrorKind:
        """The transcript, or what went wrong; the facts are in `answer`."""
        note_request(answer)
        try:
            # The client's own timeout is per read.
            async with asyncio.timeout(self._settings.transcription_timeout_seconds):
                response = await self._client.audio.transcriptions.with_raw_response.create(
                    file=(name, sound), model=model, response_format="json"
                )
        except openai.APIStatusError as error:
            return note_failure(answer, error).kind
        except TIMEOUT_ERRORS:
            return ErrorKind.TIMEOUT
        except CONNECTION_ERRORS:
            return ErrorKind.CONNECTION
        except MALFORMED_ERRORS:
            return ErrorKind.MALFORMED
        answer.http_status = response.status_code
        return _read(response.text, answer)


def _read(response: str, answer: AnswerStream) -> str | ErrorKind:
    body = _parsed(response)
    words = body.get("text")
    if isinstance(body.get("model"), str):
        answer.model_used = clean_name(body["model"])
    answer.usage = read_usage(body.get("usage")).updated(
        Usage(audio_seconds=read_seconds(body.get("duration")))
    )
    if not isinstance(words, str):
        return ErrorKind.MALFORMED
    return clean_text(words).strip()[:MAX_TRANSCRIPT_CHARACTERS] or ErrorKind.EMPTY


def _parsed(text: str) -> dict[str, Any]:
    try:
        body = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}
