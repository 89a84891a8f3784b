"""The recordings that a simulated model transcribes."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

from aiohttp import BodyPartReader, web

from simulator.model.answers import text_digest
from simulator.model.behaviour import ModelBehaviour
from simulator.model.calls import ModelCall
from simulator.telegram.files import OPUS_RATE

HEADER_BYTES = 27


@dataclass(frozen=True, slots=True)
class SimulatedRecording:
    """A recording, as `simulator.telegram.files.spoken` makes it."""

    model: str
    content: bytes

    @property
    def words(self) -> str:
        return self.content[HEADER_BYTES:].decode("utf-8", "replace")

    @property
    def seconds(self) -> int:
        if not self.content.startswith(b"OggS") or len(self.content) < HEADER_BYTES:
            return 0
        position: int = struct.unpack_from("<q", self.content, 6)[0]
        return position // OPUS_RATE

    def call(self, behaviour: ModelBehaviour) -> ModelCall:
        """Its entry in the log of calls."""
        call = ModelCall(
            model=self.model,
            text_sha256=text_digest(self.words),
            stream=False,
            purpose="transcription",
        )
        if behaviour.usage == "full":
            call.cost = behaviour.cost or round(self.seconds * behaviour.seconds_price, 10)
        return call

    def body(self, behaviour: ModelBehaviour, call: ModelCall, *, is_empty: bool) -> dict[str, Any]:
        """The response."""
        words = self.words if behaviour.answer is None else behaviour.answer
        body: dict[str, Any] = {"text": "" if is_empty else words}
        if behaviour.usage != "none":
            body["usage"] = {"type": "duration", "seconds": self.seconds}
        if call.cost is not None:
            body["usage"]["cost"] = call.cost
        return body


async def read_recording(http: web.Request) -> SimulatedRecording:
    """The recording of a request.

    Raises:
        ValueError: the form is not complete.
    """
    model, content = "", b""
    async for part in await http.multipart():
        if isinstance(part, BodyPartReader) and part.name == "model":
            model = await part.text()
        elif isinstance(part, BodyPartReader) and part.name == "file":
            content = bytes(await part.read())
        elif isinstance(part, BodyPartReader):
            await part.read()
    if not model or not content:
        raise ValueError("specify 'model' and 'file'")
    return SimulatedRecording(model, content)
