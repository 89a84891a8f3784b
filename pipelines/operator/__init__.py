"""Writes to the operator: a daily digest, and alerts in between."""
