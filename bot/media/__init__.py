"""Fetches and reads the files of messages."""
