"""Names of users and texts of dialogs, from the bot's database."""
