"""What people can ask of the bot itself: one module per command, each with a router."""
