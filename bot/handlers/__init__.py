"""Handlers of commands and questions; each module has a router."""
