"""Bounds and labels of the dashboard's tests."""

from __future__ import annotations

LARGEST_FIRST_PAGE_KIB = 200
READ_A_DIALOG = "^Read the dialog of"
NEW_PASSWORD = "New password"
