"""The bot's tables in PostgreSQL. Content (erasable) and ledger (permanent) are separate.

The ledger (`turns`, `llm_calls`, `feedback`) holds no text and no Telegram id, only the pseudonym
`users.key` without a foreign key: erasing a user keeps the totals. Columns listed in
common.encryption.bindings are sealed with AES-GCM (common.encryption.sealing) and bound to their
row. A class ends in `Row` where its plain name is taken by a value of the domain or of aiogram.
"""

from bot.db.tables.dialogs import Dialog, MessageRow, PictureRow, SentAnswer, SummaryRow
from bot.db.tables.events import UserEvent
from bot.db.tables.inbox import MAX_UPDATE_ID, UNREADABLE, BanNotice, RefusedChat, UpdateRow
from bot.db.tables.ledger import FeedbackRow, LlmCall, Tombstone, Turn
from bot.db.tables.operation import BillTotal, BotRow, SealingMarker, SpentBudget
from bot.db.tables.people import UserRow, UserSettings, may_be_read

__all__ = [
    "MAX_UPDATE_ID",
    "UNREADABLE",
    "BanNotice",
    "BillTotal",
    "BotRow",
    "Dialog",
    "FeedbackRow",
    "LlmCall",
    "MessageRow",
    "PictureRow",
    "RefusedChat",
    "SealingMarker",
    "SentAnswer",
    "SpentBudget",
    "SummaryRow",
    "Tombstone",
    "Turn",
    "UpdateRow",
    "UserEvent",
    "UserRow",
    "UserSettings",
    "may_be_read",
]
