"""Settings of the simulator process."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr, field_validator

from common.settings import Section
from simulator.telegram.account import TOKEN

DEFAULT_TOKEN = "4242424242:simulated-bot-token-for-demo-00001"  # noqa: S105 # opens nothing real


class SimulatorSettings(Section):
    """Where the simulator listens and whom it lets in."""

    simulator_port: int = Field(default=8081, ge=1, le=65535)
    """Telegram, models and control listen here."""
    simulator_bind_host: str = "127.0.0.1"
    """Address of the simulators. Anyone who reaches it controls them, without a login."""
    simulator_state_dir: Path | None = None
    """Accepted updates and sent messages survive a kill here; unset: they live in memory."""
    simulator_seed: int = 0
    """Decides answers and the chances of faults."""
    simulator_first_token_seconds: float = Field(default=0.2, ge=0)
    """How long a simulated model thinks before it answers."""
    simulator_token_seconds: float = Field(default=0.005, ge=0)
    """Pause between two chunks of a simulated answer, about a word each."""
    simulator_keep_records: int = Field(default=10_000, ge=100)
    """Sent messages and model calls kept in memory, each."""
    telegram_token: SecretStr = SecretStr(DEFAULT_TOKEN)
    """The bot that exists."""
    openrouter_api_key: SecretStr | None = None
    """The key that the model accepts; unset: any."""

    @field_validator("telegram_token")
    @classmethod
    def _is_token(cls, value: SecretStr) -> SecretStr:
        if not TOKEN.fullmatch(value.get_secret_value()):
            raise ValueError("must look like 123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11")
        return value
