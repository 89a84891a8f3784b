"""Messages to the operator."""
