"""Settings of the simulator process."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr, field_validator

from common.settings import Section
from simulator.telegram.account import TOKEN

DEFAULT_TOKEN = "4242424242:simulated-bot-token-for-demo-00001"  # noqa: S105 # not a real token


class SimulatorSettings(Section):
    """The simulator's address, credentials and behaviour."""

    simulator_port: int = Field(default=8081, ge=1, le=65535)
    """Port of the simulated Telegram, the model and the control API."""
    simulator_bind_host: str = "127.0.0.1"
    """Listening address of the simulators. Anyone who reaches it controls them, without a login."""
    simulator_state_dir: Path | None = None
    """Directory that keeps updates and sent messages across restarts; unset: in memory only."""
    simulator_seed: int = 0
    """Seed for answers and faults."""
    simulator_first_token_seconds: float = Field(default=0.2, ge=0)
    """Latency of a simulated model's first token."""
    simulator_token_seconds: float = Field(default=0.005, ge=0)
    """Pause between chunks of a simulated answer, about a word each."""
    simulator_keep_records: int = Field(default=10_000, ge=100)
    """Maximum sent messages and model calls in memory, each."""
    telegram_token: SecretStr = SecretStr(DEFAULT_TOKEN)
    """Token of the simulated bot."""
    openrouter_api_key: SecretStr | None = None
    """Key that the simulated model accepts; unset: any."""

    @field_validator("telegram_token")
    @classmethod
    def _is_token(cls, value: SecretStr) -> SecretStr:
        if not TOKEN.fullmatch(value.get_secret_value()):
            raise ValueError("must look like 123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11")
        return value
