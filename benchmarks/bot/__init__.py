"""How many turns the bot takes."""
