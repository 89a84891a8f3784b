"""Reads one untrusted file in a process of its own: a picture or the text of a document.

`bot.media.process` starts it. Standard input: a line of JSON with the task, then the file. Standard
output: a line of JSON with the result, then a JPEG or the text.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO
from xml.etree import ElementTree as ET
from zipfile import ZipFile

Task = dict[str, Any]
Result = tuple[dict[str, Any], bytes]

MAX_SOURCE_PIXELS = 40_000_000
MAX_XML_BYTES = 64_000_000
"""The unpacked text of a document; time and memory are limited besides."""
MAX_XML_EVENTS = 2_000_000
SHARE_OF_SECONDS = 0.7
"""After this share of the time no further page is begun."""
MAX_CONTROL_SHARE = 0.05
"""More control characters than this are no text."""
PICTURE_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
JPEG_QUALITY = 85


class _Refused(Exception):  # noqa: N818 # a result, not a failure of the program
    """The file is not read; its argument is a value of FileProblem."""


def read_picture(content: bytes, task: Task) -> Result:
    """Downscale a picture. Without metadata: a photo may state where it was taken."""
    from PIL import Image, ImageOps  # noqa: PLC0415 # only for pictures

    Image.MAX_IMAGE_PIXELS = None  # its warning is no limit; the next lines are
    with Image.open(BytesIO(content), formats=PICTURE_FORMATS) as image:
        if image.width * image.height > MAX_SOURCE_PIXELS:
            raise _Refused("too_large")
        source = image.convert("RGBA") if image.mode in {"P", "PA", "LA"} else image
        source.thumbnail((task["pixels"], task["pixels"]))
        small = ImageOps.exif_transpose(source).convert("RGBA")
        flat = Image.new("RGB", small.size, "white")
        flat.paste(small, mask=small)
    written = BytesIO()
    flat.save(written, "JPEG", quality=JPEG_QUALITY)
    return {}, written.getvalue()


def read_document(content: bytes, task: Task) -> Result:
    """The first characters of a document."""
    limit = int(task["characters"])
    if content[:1024].lstrip().startswith(b"%PDF-"):
        return _document(*_read_pdf(content, limit, seconds=float(task["seconds"])), unit="pages")
    if task["extension"] == "docx":
        text, is_whole = _read_docx(content, limit)
        return _document(text, len(text), len(text) if is_whole else None, unit="characters")
    if task["extension"] == "pdf":
        raise _Refused("broken")
    text = _decode(content)
    return _document(text[:limit], min(len(text), limit), len(text), unit="characters")


def _document(text: str, used: int, total: int | None, *, unit: str) -> Result:
    if not text.strip():
        raise _Refused("no_text")
    return {"used": used, "total": total, "unit": unit}, text.encode("utf-8", "replace")


def _read_pdf(content: bytes, limit: int, *, seconds: float) -> tuple[str, int, int]:
    from pypdf import PdfReader  # noqa: PLC0415 # only for PDF

    deadline = time.monotonic() + seconds * SHARE_OF_SECONDS
    reader = PdfReader(BytesIO(content))
    if reader.is_encrypted and not reader.decrypt(""):
        raise _Refused("locked")
    pages: list[str] = []
    characters, total = 0, len(reader.pages)
    for page in reader.pages:
        if characters >= limit or time.monotonic() > deadline:
            break
        pages.append(page.extract_text().strip())
        characters += len(pages[-1]) + 2
    return "\n\n".join(pages).strip()[:limit], len(pages), total


def _read_docx(content: bytes, limit: int) -> tuple[str, bool]:
    """The text, and whether it is all of it."""
    pieces: list[str] = []
    characters = 0
    with ZipFile(BytesIO(content)) as archive, archive.open("word/document.xml") as body:
        for piece in _docx_pieces(_Limited(body)):  # type: ignore[arg-type] # it has `read`
            if characters + len(piece) > limit:
                pieces.append(piece[: limit - characters])
                return "".join(pieces).strip(), False
            pieces.append(piece)
            characters += len(piece)
    return "".join(pieces).strip(), True


class _Limited:
    """A file that ends after MAX_XML_BYTES."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._left = MAX_XML_BYTES

    def read(self, size: int = -1) -> bytes:
        if self._left <= 0:
            raise _Refused("too_large")
        part: bytes = self._file.read(size)
        self._left -= len(part)
        return part


def _docx_pieces(body: BinaryIO) -> Iterator[str]:
    """Text and white space in order; the cells of a row of a table are separated by tabs."""
    cells = 0
    events = ET.iterparse(body, events=("start", "end"))  # noqa: S314 # in a process with limits
    for number, (event, element) in enumerate(events):
        if number > MAX_XML_EVENTS:
            raise _Refused("too_large")
        match event, element.tag.rpartition("}")[2]:
            case "start", "tc":
                cells += 1
            case "end", "t":
                yield element.text or ""
            case "end", "tab":
                yield "\t"
            case "end", "br" | "cr" | "tr":
                yield "\n"
            case "end", "tc":
                cells -= 1
                yield "\t"
            case "end", "p":
                yield " " if cells else "\n"
                element.clear()
            case _:
                pass


def _decode(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = content.decode("utf-16", "replace")
    else:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            # Older programs of Windows; every byte is a character there.
            text = content.decode("cp1251", "replace")
    control = sum(character < " " and character not in "\t\n\r\f" for character in text)
    if control > len(text) * MAX_CONTROL_SHARE:
        raise _Refused("broken")
    return text.replace("\x00", "").replace("\r\n", "\n")


READERS: dict[str, Callable[[bytes, Task], Result]] = {
    "picture": read_picture,
    "document": read_document,
}


def _limit(task: Task) -> None:
    # If memory runs out all the same, the kernel ends this process and not the bot.
    Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    memory, seconds = int(task["memory_bytes"]), int(task["seconds"]) + 1
    for limit, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 64),
    ):
        resource.setrlimit(limit, (value, value))


def main() -> None:
    task = json.loads(sys.stdin.buffer.readline())
    _limit(task)
    try:
        result, body = READERS[task["kind"]](sys.stdin.buffer.read(), task)
    except _Refused as refused:
        result, body = {"problem": str(refused)}, b""
    except MemoryError:
        result, body = {"problem": "too_large"}, b""
    except Exception:  # noqa: BLE001 # libraries raise nearly anything for a broken file
        result, body = {"problem": "broken"}, b""
    sys.stdout.buffer.write(json.dumps(result).encode() + b"\n" + body)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
