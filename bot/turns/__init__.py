"""One turn: a question, the attempts at an answer, and their record."""
