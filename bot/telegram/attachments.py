"""Finds the file of a message that the bot can read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bot.turns.attachments import Attachment, AttachmentKind
from bot.turns.question import name_on_one_line

Json = dict[str, Any]

PICTURE_TYPES = frozenset(
    {"image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp", "image/tiff"}
)
PICTURE_EXTENSIONS = frozenset({"jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff"})
DOCUMENT_EXTENSIONS = frozenset(
    {
        "pdf", "docx", "txt", "text", "md", "markdown", "rst", "tex", "csv", "tsv", "log",
        "json", "jsonl", "ndjson", "yaml", "yml", "toml", "ini", "cfg", "conf", "env",
        "properties", "xml", "html", "htm", "svg", "css", "scss", "less", "js", "mjs",
        "cjs", "jsx", "ts", "tsx", "vue", "svelte", "py", "pyi", "ipynb", "rb", "php", "pl",
        "pm", "lua", "r", "jl", "go", "rs", "c", "h", "cc", "cpp", "cxx", "hpp", "cs",
        "java", "kt", "kts", "scala", "groovy", "gradle", "swift", "m", "mm", "dart", "ex",
        "exs", "erl", "hs", "clj", "lisp", "el", "ml", "fs", "vb", "pas", "asm", "s", "sql",
        "sh", "bash", "zsh", "fish", "ps1", "bat", "cmd", "mk", "cmake", "dockerfile",
        "makefile", "diff", "patch", "srt", "vtt", "ics", "vcf", "proto", "graphql", "tf",
        "hcl", "nix"
    }
)  # fmt: skip
MAX_ID_CHARS = 256
DOCUMENT_TYPES = {
    "application/pdf": "pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/json": "json",
    "application/xml": "xml",
}


class AttachmentFinder:
    """Finds attachments.

    Args:
        reads_pictures: whether a model sees pictures now.
        hears: whether speech is transcribed.
    """

    def __init__(
        self, *, reads_pictures: Callable[[], bool] = lambda: False, hears: bool = False
    ) -> None:
        self._reads_pictures = reads_pictures
        self._hears = hears

    def find(self, message: Json) -> Attachment | None:
        """The file of the message that can be read, or None."""
        found = _photo(message.get("photo")) or (_speech(message) if self._hears else None)
        # An animation is a document, too.
        if found is None and message.get("animation") is None:
            found = _document(message.get("document"))
        if found and found.kind is AttachmentKind.PICTURE and not self._reads_pictures():
            return None
        return found

    def find_replied(self, message: Json) -> Attachment | None:
        """The same in the message that this one replies to."""
        for field in ("reply_to_message", "external_reply"):
            if isinstance(replied := message.get(field), dict):
                found = self.find(replied)
                return replace(found, is_replied=True) if found else None
        return None


def _photo(sizes: object) -> Attachment | None:
    """The largest size of a photo."""
    usable = [size for size in sizes if _has_id(size)] if isinstance(sizes, list) else []
    if not usable:
        return None
    largest = max(usable, key=lambda size: _number(size, "width") * _number(size, "height"))
    return _attachment(AttachmentKind.PICTURE, largest)


def _speech(message: Json) -> Attachment | None:
    for field in ("voice", "video_note"):
        file: Any = message.get(field)
        if _has_id(file):
            return replace(
                _attachment(AttachmentKind.SPEECH, file),
                extension="mp4" if field == "video_note" else "ogg",
                seconds=_number(file, "duration"),
            )
    return None


def _document(file: Any) -> Attachment | None:
    if not _has_id(file):
        return None
    stated = str(file.get("mime_type") or "").partition(";")[0].strip().lower()
    name = name_on_one_line(file.get("file_name"))
    extension = name.rpartition(".")[2].lower()
    if stated in PICTURE_TYPES or extension in PICTURE_EXTENSIONS:
        return _attachment(AttachmentKind.PICTURE, file, name=name)
    if extension not in DOCUMENT_EXTENSIONS:
        extension = DOCUMENT_TYPES.get(stated, "txt" if stated.startswith("text/") else "")
    if not extension:
        return None
    return _attachment(AttachmentKind.DOCUMENT, file, name=name, extension=extension)


def _attachment(
    kind: AttachmentKind, file: Json, *, name: str = "", extension: str = ""
) -> Attachment:
    size = _number(file, "file_size")
    return Attachment(kind, file["file_id"], size or None, name, extension)


def _has_id(file: Any) -> bool:
    file_id = file.get("file_id") if isinstance(file, dict) else None
    return isinstance(file_id, str) and file_id.isascii() and 0 < len(file_id) <= MAX_ID_CHARS


def _number(file: Json, field: str) -> int:
    value = file.get(field)
    return value if isinstance(value, int) and value > 0 else 0
