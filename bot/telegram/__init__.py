"""Speaks to Telegram: reads its updates, sends within its limits."""
