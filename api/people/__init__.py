"""Names of people and texts of dialogs, from the bot's database."""
