"""Invitations to the bot and to the API."""
