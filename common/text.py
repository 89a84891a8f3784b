"""Cleans text that Telegram or a provider sends."""

from __future__ import annotations


def without_surrogates(text: str) -> str:
    """The text with `?` in place of lone surrogates, which UTF-8 and JSON cannot hold."""
    return text.encode("utf-8", "replace").decode()


def clean_text(text: str) -> str:
    """The same without NUL, which PostgreSQL and Telegram refuse."""
    return without_surrogates(text).replace("\x00", "")
