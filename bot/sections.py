"""Every section of settings that the bot reads, in one value."""

from __future__ import annotations

from dataclasses import dataclass

from bot.settings import (
    AccessSettings,
    BotSettings,
    LimitSettings,
    ModelSettings,
    OperatorSettings,
    TelegramSettings,
)
from common.settings import (
    DatabaseSettings,
    DataKeySettings,
    ReportSettings,
    RuntimeSettings,
    load,
)


@dataclass(frozen=True)
class Settings:
    """Every section that the bot reads."""

    runtime: RuntimeSettings
    database: DatabaseSettings
    data_key: DataKeySettings
    report: ReportSettings
    telegram: TelegramSettings
    model: ModelSettings
    access: AccessSettings
    limits: LimitSettings
    bot: BotSettings
    operator: OperatorSettings

    @classmethod
    def from_environment(cls) -> Settings:
        """Read every section.

        Raises:
            SettingError: naming the first setting that is missing or wrong.
        """
        return cls(
            runtime=load(RuntimeSettings),
            telegram=load(TelegramSettings),
            model=load(ModelSettings),
            database=load(DatabaseSettings),
            data_key=load(DataKeySettings),
            report=load(ReportSettings),
            access=load(AccessSettings),
            limits=load(LimitSettings),
            bot=load(BotSettings),
            operator=load(OperatorSettings),
        )
