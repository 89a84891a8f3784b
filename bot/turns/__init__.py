"""One turn: a question, the attempts to answer it, and the ledger."""
