"""Names of users, texts of dialogs, and rules about people, in the bot's database."""
