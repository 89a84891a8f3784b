"""Processes chats concurrently, and the updates of each chat in order.

A chat is claimed (locked) together with its open updates, processed until none is left, and
stays locked, idle, until the next claim releases it. One statement claims many chats.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Iterable

from bot.db.locks import (
    ChatLocks,
    LocksLostError,
    Notification,
    QueuedUpdate,
)
from bot.metrics import BotMetrics
from bot.turns.cancellation import Cancellation
from common.backoff import backoff
from common.log import get_logger

MAX_UPDATES_PER_CHAT = 24
MAX_RECONNECT_PAUSE_SECONDS = 5.0
GRACE_SECONDS = 3.0
"""Time for a stopped turn to deliver its partial answer."""

log = get_logger(__name__)


class ChatQueue:
    """The open updates of one locked chat, in order, and its running turn."""

    def __init__(
        self, chat_key: bytes, updates: Iterable[QueuedUpdate], *, workers: ChatWorkers
    ) -> None:
        self.chat_key = chat_key
        self.updates: deque[QueuedUpdate] = deque(updates)
        self.cancellation = Cancellation()
        self.is_interrupted = False
        """A /stop was stored: reload, so that waiting questions before it are dropped."""
        self.is_dirty = False
        """Updates may have been stored since the last read."""
        self.is_lost = False
        """Another replica has locked the chat."""
        self.is_closing = False
        """The process is shutting down: finish the current update, start no other."""
        self._arrived = asyncio.Event()
        self._workers = workers

    async def reload(self) -> None:
        """Read all open updates again: those read before may have changed."""
        self.is_dirty = False
        self._arrived.clear()
        self.updates = deque(await self._workers.reload(self.chat_key))

    async def wait_for_next(self, seconds: float) -> bool:
        """Wait until an update arrives in this chat; False on timeout."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._arrived.wait()
                return True
        return False

    def interrupt(self, reason: str) -> None:
        """Stop the running turn and the waiting questions."""
        self.is_interrupted = True
        self.stop(reason)

    def stop_edited(self, message_id: int, fingerprint: bytes) -> None:
        """Stop the running turn if it answers this message, whose text has changed.

        If another question is waiting, the edited one is no longer the last and keeps running.
        """
        running = self.cancellation.running
        if running is None:
            return
        if self.is_dirty or len(self.updates) > len(running.fingerprints):
            return
        if running.fingerprints.get(message_id, fingerprint) != fingerprint:
            running.stop("edited")

    def stop(self, reason: str) -> None:
        """Stop the running turn, if there is one."""
        self.cancellation.stop(reason)

    def mark_dirty(self) -> None:
        self.is_dirty = True
        self._arrived.set()


class ChatWorkers:
    """Calls `work` for every chat that has open updates and that this process could lock.

    Args:
        work: processes the queue until it is empty; what it leaves is tried again later.
        max_chats: chats processed at the same time.
    """

    def __init__(
        self,
        chat_locks: ChatLocks,
        work: Callable[[ChatQueue], Awaitable[None]],
        *,
        metrics: BotMetrics,
        max_chats: int,
        sweep_seconds: float,
    ) -> None:
        self._chat_locks = chat_locks
        self._work = work
        self._metrics = metrics
        self._max_chats = max_chats
        self._sweep_seconds = sweep_seconds
        self._queues: dict[bytes, ChatQueue] = {}
        self._tasks: dict[bytes, asyncio.Task[None]] = {}
        self._idle: set[bytes] = set()
        self._wanted: dict[bytes, None] = {}
        self._rereads: dict[bytes, asyncio.Future[list[QueuedUpdate]]] = {}
        self._notices: set[asyncio.Task[None]] = set()
        self._event = asyncio.Event()
        self._accepts_work = True
        chat_locks.listen(self._received)

    # Called by others.

    def notify(self, chat_keys: Iterable[bytes]) -> None:
        """Signal that these chats have new updates."""
        for chat_key in chat_keys:
            if queue := self._queues.get(chat_key):
                queue.mark_dirty()
            else:
                self._wanted[chat_key] = None
        self._event.set()

    def interrupt(self, chat_key: bytes, reason: str) -> None:
        """Stop the running turn of this chat, here or in another replica."""
        if queue := self._queues.get(chat_key):
            queue.interrupt(reason)
        else:
            self._broadcast_soon({"stop": chat_key.hex(), "reason": reason})

    def stop_edited(self, chat_key: bytes, message_id: int, fingerprint: bytes) -> None:
        """Stop the running turn of this chat if it answers an older text of this message."""
        if queue := self._queues.get(chat_key):
            queue.stop_edited(message_id, fingerprint)
        else:
            self._broadcast_soon(
                {"edited": chat_key.hex(), "message": message_id, "says": fingerprint.hex()}
            )

    def interrupt_user(self, user_key: int, reason: str) -> None:
        """Stop every running turn of this user, in every replica."""
        self._stop_user(user_key, reason)
        self._broadcast_soon({"stop_person": user_key, "reason": reason})

    async def reload(self, chat_key: bytes) -> list[QueuedUpdate]:
        """The open updates of a chat that is being processed."""
        future = self._rereads.get(chat_key)
        if future is None:
            future = self._rereads[chat_key] = asyncio.get_running_loop().create_future()
            self._event.set()
        return await future

    # The loop.

    async def run(self) -> None:
        """Claim and process chats until cancelled."""
        clock = asyncio.get_running_loop().time
        next_sweep = clock()
        while True:
            try:
                if clock() >= next_sweep:
                    await self._sweep()
                    next_sweep = clock() + self._sweep_seconds
                await self._claim()
            except LocksLostError as error:
                log.warning("chat locks lost", cause=str(error))
                await self._reconnect()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(next_sweep - clock(), 0)):
                    await self._event.wait()

    async def _sweep(self) -> None:
        if self._accepts_work:
            for chat_key in await self._chat_locks.open_chats():
                if chat_key not in self._queues:
                    self._wanted.setdefault(chat_key, None)

    async def _claim(self) -> None:
        self._event.clear()
        free = max(self._max_chats - len(self._queues), 0) if self._accepts_work else 0
        wanted = list(self._wanted)[:free]
        rereads = list(self._rereads)
        held = [chat_key for chat_key in wanted if chat_key in self._idle]
        released = self._idle - set(held)
        if not (wanted or rereads or released):
            return
        new = [chat_key for chat_key in wanted if chat_key not in self._idle]
        for chat_key in wanted:
            # Removed before the read: a notification during the read is about newer updates.
            del self._wanted[chat_key]
        try:
            claimed = await self._chat_locks.claim(
                released=released,
                held=[*held, *rereads],
                wanted=new,
                max_updates=MAX_UPDATES_PER_CHAT,
            )
        except LocksLostError:
            self._wanted |= dict.fromkeys(wanted)
            raise
        self._idle -= released
        for chat_key in rereads:
            future = self._rereads.pop(chat_key, None)
            if future and not future.done():
                future.set_result(claimed.get(chat_key, []))
        for chat_key in wanted:
            if chat_key not in claimed:
                self._broadcast_soon({"wake": chat_key.hex()})
            elif claimed[chat_key] and self._accepts_work:
                self._start(chat_key, claimed[chat_key])
            else:
                self._idle.add(chat_key)

    def _start(self, chat_key: bytes, updates: list[QueuedUpdate]) -> None:
        queue = ChatQueue(chat_key, updates, workers=self)
        self._idle.discard(chat_key)
        self._queues[chat_key] = queue
        if self._wanted.pop(chat_key, 0) is None:
            queue.mark_dirty()
        task = asyncio.create_task(self._work_on(queue), name="chat")
        self._tasks[chat_key] = task
        self._metrics.active_chats.set(len(self._tasks))
        task.add_done_callback(lambda done: self._ended(queue, done))

    async def _work_on(self, queue: ChatQueue) -> None:
        while True:
            await self._work(queue)
            if not (queue.is_dirty and self._accepts_work):
                return
            await queue.reload()

    def _ended(self, queue: ChatQueue, task: asyncio.Task[None]) -> None:
        del self._queues[queue.chat_key]
        del self._tasks[queue.chat_key]
        if not queue.is_lost:
            self._idle.add(queue.chat_key)
        self._rereads.pop(queue.chat_key, None)
        self._metrics.active_chats.set(len(self._tasks))
        if not task.cancelled() and (error := task.exception()):
            log.error("chat worker failed, will retry", exc_info=error)
        if queue.is_dirty:
            self._wanted[queue.chat_key] = None
        if self._wanted:
            self._event.set()

    # Reconnecting.

    async def _reconnect(self) -> None:
        for pause in backoff(0.1, MAX_RECONNECT_PAUSE_SECONDS):
            try:
                await self._chat_locks.open()
                self._idle.clear()
                ours = await self._chat_locks.claim(wanted=self._queues, max_updates=1)
                break
            except LocksLostError as error:
                log.warning("PostgreSQL cannot be reached", cause=str(error), retry_in=pause)
                await asyncio.sleep(pause)
        self._idle &= ours.keys()  # queues that ended while reconnecting
        for chat_key in self._queues.keys() - ours.keys():
            # Another replica locked the chat first and processes its updates now.
            self._queues[chat_key].is_lost = True
            self._tasks[chat_key].cancel()
        self._event.set()

    # Notifications between replicas.

    def _broadcast_soon(self, notice: Notification) -> None:
        task = asyncio.create_task(self._broadcast(notice), name="notice")
        self._notices.add(task)
        task.add_done_callback(self._notices.discard)

    async def _broadcast(self, notice: Notification) -> None:
        # A lost notification only costs time: the sweep finds the chat, too.
        with contextlib.suppress(LocksLostError):
            await self._chat_locks.broadcast(notice)

    def _received(self, notice: Notification) -> None:
        match notice:
            case {"wake": str(chat_key)}:
                mine = bytes.fromhex(chat_key)
                if mine in self._queues or mine in self._idle:
                    self.notify([mine])
            case {"stop": str(chat_key), "reason": str(reason)}:
                queue = self._queues.get(bytes.fromhex(chat_key))
                if queue:
                    queue.interrupt(reason)
            case {"edited": str(chat_key), "message": int(message_id), "says": str(fingerprint)}:
                queue = self._queues.get(bytes.fromhex(chat_key))
                if queue:
                    queue.stop_edited(message_id, bytes.fromhex(fingerprint))
            case {"stop_person": int(user_key), "reason": str(reason)}:
                self._stop_user(user_key, reason)
            case _:
                log.warning("unknown notification, probably of another version")

    def _stop_user(self, user_key: int, reason: str) -> None:
        for queue in self._queues.values():
            running = queue.cancellation.running
            if running and running.user_key == user_key:
                queue.stop(reason)

    # Shutdown.

    async def finish(self, seconds: float) -> int:
        """Stop claiming and wait for running work; return how many chats were left unfinished."""
        self._accepts_work = False
        for queue in self._queues.values():
            queue.is_closing = True
        tasks = set(self._tasks.values())
        if not tasks:
            return 0
        _, running = await asyncio.wait(tasks, timeout=seconds)
        for queue in self._queues.values():
            queue.stop("shutdown")
        if running:
            _, running = await asyncio.wait(running, timeout=GRACE_SECONDS)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=1)
        return len(running)
