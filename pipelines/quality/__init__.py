"""What the ledger and the rollups are expected to be, as Great Expectations suites."""
