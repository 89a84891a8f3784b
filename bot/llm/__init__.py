"""The model behind an OpenAI-compatible address."""
