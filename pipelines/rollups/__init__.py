"""Builds days from the ledger's copy, checks and publishes them."""
