"""Renders a model's Markdown as Telegram messages."""
