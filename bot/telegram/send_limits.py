"""Limits the send rate as Telegram demands: in total, per chat and per group."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

GROUP_WINDOW_SECONDS = 60.0
MAX_REMEMBERED_CHATS = 5_000
SEVERAL_CHATS = 3
LIMITED_TOGETHER_SECONDS = 10.0
"""If this many chats are limited within this time, the limit applies to the whole bot."""


@dataclass(frozen=True)
class WaitTimes:
    """Seconds that a send waited: on Telegram's demand (429), and for the bot's own limits."""

    flood_seconds: float = 0.0
    pacing_seconds: float = 0.0

    def __add__(self, other: WaitTimes) -> WaitTimes:
        return WaitTimes(
            self.flood_seconds + other.flood_seconds, self.pacing_seconds + other.pacing_seconds
        )


@dataclass
class _ChatState:
    next_at: float = 0.0
    paused_until: float = 0.0
    in_window: deque[float] = field(default_factory=deque)
    order: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Sends to one chat are served in the order of their requests."""


class SendRateLimiter:
    """Delays sends.

    Args:
        per_second: sends in total.
        chat_interval_seconds: between two sends to one chat.
        group_per_minute: sends to one group within any minute.
    """

    def __init__(
        self, *, per_second: float, chat_interval_seconds: float, group_per_minute: int
    ) -> None:
        self._interval = 1.0 / per_second
        self._chat_interval = chat_interval_seconds
        self._group_per_minute = group_per_minute
        self._next_at = 0.0
        self._paused_until = 0.0
        self._limited: dict[int, tuple[float, float]] = {}
        """When each recently limited chat was limited, and until when."""
        self._chats: dict[int, _ChatState] = {}

    async def acquire(self, chat_id: int, *, is_group: bool) -> WaitTimes:
        """Wait until a message may be sent to this chat."""
        clock = asyncio.get_running_loop().time
        began = clock()
        chat = self._chat(chat_id)
        async with chat.order:
            await self._wait_for_chat(chat, is_group=is_group)
            chat.next_at = clock() + self._chat_interval
            if is_group:
                chat.in_window.append(clock())
            slot = max(clock(), self._next_at)
            self._next_at = slot + self._interval
            if slot > clock():
                await asyncio.sleep(slot - clock())
                chat.next_at = max(chat.next_at, clock() + self._chat_interval)
            while (pause := self._paused(chat) - clock()) > 0:  # noqa: ASYNC110 # it may grow meanwhile
                await asyncio.sleep(pause)
        total = clock() - began
        flood = min(max(self._paused(chat) - began, 0.0), total)
        return WaitTimes(flood, total - flood)

    async def _wait_for_chat(self, chat: _ChatState, *, is_group: bool) -> None:
        """Wait for the chat's own limits first: a waiting chat must not hold a global slot."""
        clock = asyncio.get_running_loop().time
        while True:
            at = max(clock(), chat.next_at, self._paused(chat))
            if is_group:
                at = max(at, self._window_opens_at(chat, at))
            if at <= clock():
                return
            await asyncio.sleep(at - clock())

    def try_acquire(
        self, chat_id: int, *, is_group: bool = False, counts_for_chat: bool = False
    ) -> bool:
        """Take a slot for something optional if one is free now.

        Args:
            chat_id: the receiving chat.
            is_group: whether the group's limit applies.
            counts_for_chat: an edit counts against the chat's own limits, a draft does not.
        """
        now = asyncio.get_running_loop().time()
        chat = self._chat(chat_id)
        if now < self._paused(chat) or now < self._next_at:
            return False
        if counts_for_chat:
            if now < chat.next_at:
                return False
            # The last quarter of a group's limit is reserved for answers.
            if is_group and self._used(chat, now) >= self._group_per_minute * 3 // 4:
                return False
            chat.next_at = now + self._chat_interval
            if is_group:
                chat.in_window.append(now)
        self._next_at = max(now, self._next_at) + self._interval
        return True

    def record_sent(self, chat_id: int) -> None:
        """Restart the chat's interval when a send was delivered."""
        chat = self._chat(chat_id)
        chat.next_at = max(chat.next_at, asyncio.get_running_loop().time() + self._chat_interval)

    def pause(self, chat_id: int, seconds: float) -> None:
        """Pause the chat after Telegram's 429.

        If several chats are limited at once, all chats pause as long as that many are limited.
        """
        now = asyncio.get_running_loop().time()
        chat = self._chat(chat_id)
        chat.paused_until = max(chat.paused_until, now + seconds)
        self._limited[chat_id] = (now, chat.paused_until)
        self._limited = {
            known: (since, until)
            for known, (since, until) in self._limited.items()
            if since > now - LIMITED_TOGETHER_SECONDS
        }
        if len(self._limited) >= SEVERAL_CHATS:
            ends = sorted((until for _, until in self._limited.values()), reverse=True)
            self._paused_until = max(self._paused_until, ends[SEVERAL_CHATS - 1])

    @property
    def is_paused(self) -> bool:
        """Whether sending to all chats is paused."""
        return self._paused_until > asyncio.get_running_loop().time()

    def _paused(self, chat: _ChatState) -> float:
        return max(chat.paused_until, self._paused_until)

    def _used(self, chat: _ChatState, now: float) -> int:
        while chat.in_window and chat.in_window[0] <= now - GROUP_WINDOW_SECONDS:
            chat.in_window.popleft()
        return len(chat.in_window)

    def _window_opens_at(self, chat: _ChatState, now: float) -> float:
        used = self._used(chat, now)
        if used < self._group_per_minute:
            return now
        return chat.in_window[used - self._group_per_minute] + GROUP_WINDOW_SECONDS

    def _chat(self, chat_id: int) -> _ChatState:
        if chat_id not in self._chats and len(self._chats) >= MAX_REMEMBERED_CHATS:
            now = asyncio.get_running_loop().time()
            self._chats = {
                known: chat
                for known, chat in self._chats.items()
                if max(chat.next_at, chat.paused_until) > now
                or chat.order.locked()
                or self._used(chat, now)
            }
        return self._chats.setdefault(chat_id, _ChatState())
