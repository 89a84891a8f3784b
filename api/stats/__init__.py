"""Routes of reports and queries."""
