"""Alerts: made by accounts, judged by the pipelines, sent by the bot."""
