"""Renders a model's Markdown as messages of Telegram."""
