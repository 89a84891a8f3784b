"""/admin: figures, budget and health for the operators, in their private chats."""
