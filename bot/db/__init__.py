"""The bot's tables, statements and locks in PostgreSQL."""
