"""Generates a model's answers, deterministically from the prompt.

`[[anything]]` in a prompt is repeated in the answer, so that tests can match them.
"""

from __future__ import annotations

import base64
import hashlib
import random
import re
from typing import Any

_MARKER = re.compile(r"\[\[(.{1,200}?)\]\]")
LIST_SHARE, CODE_SHARE = 0.3, 0.25
SUMMARY_OPENING = "Summarise a conversation "
"""The beginning of the bot's instruction for a summary."""
_OPENINGS = (
    "Sure, here is what I would do.",
    "Good question.",
    "That depends on your setup, but usually this helps:",
    "Let us go step by step.",
    "In short: yes, with one caveat.",
)
_SENTENCES = (
    "Check the log first, it usually names the cause.",
    "The package may simply be missing from your sources.",
    "Restart the service after changing its configuration.",
    "Keep a copy of the old file, so that you can go back.",
    "On recent releases this is done for you.",
    "If it still fails, try again with more verbose output.",
    "You can see the current value with the command below.",
    "Mind the permissions of the directory.",
    "Это работает и на других языках: кодировка UTF-8 😀.",
)
_BULLETS = (
    "update the package list",
    "install the missing driver",
    "reload the module",
    "**reboot** only if nothing else helped",
    "look at `dmesg` for errors",
)
_CODE = (
    "```bash\nsudo apt-get update\nsudo apt-get install --fix-broken\n```",
    "```python\nfor name in sorted(names):\n    print(name)\n```",
    "```ini\n[Service]\nRestart=always\n```",
)


def last_user_text(messages: list[Any]) -> str:
    """The text of the user's last message; the parts of a content list are joined."""
    for message in reversed(messages):
        if isinstance(message, dict) and message.get("role") == "user":
            return content_text(message.get("content"))
    return ""


def content_text(content: Any) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return ""


def content_pictures(message: Any) -> list[bytes]:
    """The pictures of a message, from its data URLs."""
    content = message.get("content") if isinstance(message, dict) else None
    found = []
    for part in content if isinstance(content, list) else []:
        if isinstance(part, dict) and part.get("type") == "image_url":
            _, _, encoded = str(part["image_url"]["url"]).partition(";base64,")
            found.append(base64.b64decode(encoded))
    return found


def is_summary(messages: list[Any]) -> bool:
    """Whether the prompt is the bot's own for a summary."""
    first = messages[0] if isinstance(messages[0], dict) else {}
    return content_text(first.get("content")).startswith(SUMMARY_OPENING)


def text_digest(text: str) -> str:
    """The SHA-256 of a text in hex, as in the call log."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def seeded_random(model: str, text: str, seed: int) -> random.Random:
    """A random generator seeded by the prompt."""
    return random.Random(f"{seed}:{model}:{text_digest(text)}")


def make_answer(text: str, *, chance: random.Random, words: int | None = None) -> str:
    """A plausible answer in Markdown to a prompt."""
    pieces = [chance.choice(_OPENINGS)]
    pieces.extend(f"Regarding {marker}." for marker in _MARKER.findall(text))
    paragraphs = [" ".join(pieces)]
    paragraphs.extend(
        " ".join(chance.sample(_SENTENCES, k=chance.randint(1, 3)))
        for _ in range(chance.randint(1, 3))
    )
    if chance.random() < LIST_SHARE:
        bullets = chance.sample(_BULLETS, k=chance.randint(2, 4))
        paragraphs.append("\n".join(f"- {bullet}" for bullet in bullets))
    if chance.random() < CODE_SHARE:
        paragraphs.append(chance.choice(_CODE))
    while words is not None and sum(len(each.split()) for each in paragraphs) < words:
        paragraphs.append(" ".join(chance.sample(_SENTENCES, k=3)))
    return "\n\n".join(paragraphs)


def chunks(text: str) -> list[str]:
    """Split a text into stream chunks of about a word."""
    return re.findall(r"\s*\S+|\s+$", text)


def count_tokens(text: str) -> int:
    """About four characters per token, rounded up."""
    return (len(text) + 3) // 4
