"""Copies the ledger into the warehouse."""
