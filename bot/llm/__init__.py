"""Client for models behind an OpenAI-compatible API."""
