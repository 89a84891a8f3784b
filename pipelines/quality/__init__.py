"""Checks of ledger and rollups: Great Expectations suites, comparison, retention."""
