"""Decides how a question is answered: reads its files, checks the limits, opens its turn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from bot.llm.vision import VisionModels
from bot.settings import ModelSettings
from bot.turns.attachments import Attachment, AttachmentKind, FileProblem, Remark
from bot.turns.bill import Bill, BillLimitError
from bot.turns.cancellation import BY_BUTTON, BY_COMMAND, StoppedError, StopSignal, until_stopped
from bot.turns.ledger import Ledger
from bot.turns.policy import TurnPolicy
from bot.turns.prompt import all_pictures, models_to_try
from bot.turns.records import DialogContext, OpenTurn, Question, UpdateConflictError
from bot.turns.responder import Refusal
from common.errors import DialyticsError
from common.postgres import Sessions, transaction


@dataclass
class AnswerPlan:
    """The models to try, and what they get.

    `saving_model`: asked once a limit of the bill is used up.
    """

    models: list[str]
    saving_model: str | None
    pictures: int = 0
    """The most pictures that are sent; 0 if the models do not see."""
    remarks: tuple[Remark, ...] = ()
    """Said before the answer."""


UNHEARD = Remark(Attachment(AttachmentKind.SPEECH, file_id=""), FileProblem.TOO_EXPENSIVE)


class TurnRefusedError(DialyticsError):
    """The question is not answered."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal


@dataclass(frozen=True)
class PreparedQuestion:
    """A question whose files were read; `remarks` about those that were not, or only in part."""

    question: Question
    remarks: tuple[Remark, ...]
    readable: int
    """Messages without a file of their own, or with one that was read."""

    @property
    def is_unreadable(self) -> bool:
        """Whether nothing is left to answer."""
        return not self.readable


class QuestionReader(Protocol):
    """Reads the files of a question; see `bot.media.reader`."""

    async def prepare(self, question: Question, *, sees: bool) -> PreparedQuestion: ...


class TurnOpener:
    """Opens turns.

    Args:
        max_pictures: in one request to a model.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        bill: Bill,
        policy: TurnPolicy,
        reader: QuestionReader,
        vision: VisionModels,
        max_pictures: int,
        transcription_model: str | None,
        sessions: Sessions,
        settings: ModelSettings,
    ) -> None:
        self._ledger = ledger
        self._bill = bill
        self._policy = policy
        self._reader = reader
        self._vision = vision
        self._max_pictures = max_pictures
        self._transcription_model = transcription_model
        self._sessions = sessions
        self._settings = settings

    async def prepare(
        self, question: Question, context: DialogContext, stop: StopSignal
    ) -> tuple[Question, tuple[Remark, ...]]:
        """Read the files of the question. Nothing is written and nothing paid until then.

        Raises:
            TurnRefusedError: a limit is reached, or no file can be read.
            UpdateConflictError: to be repeated later: the bot stops, or the question was changed.
        """
        [model, *_others] = models_to_try(context, self._settings)
        if not self._policy.needs_no_check(question, context):
            # Before anything is fetched; the same is decided again where the turn is opened.
            # Texts may be answered alone where a recording beside them is too expensive.
            checked = question.without_speech() or question
            async with self._sessions() as session:
                let_in = await self._allowed_part(session, checked, context, model=model)
            if len(let_in.messages) < len(question.messages):
                question = question.cut(len(let_in.messages))
        sees = self._vision.seeing_model(model) is not None
        try:
            prepared = await until_stopped(self._reader.prepare(question, sees=sees), stop)
        except StoppedError as stopped:
            if stopped.reason in (BY_COMMAND, BY_BUTTON):
                raise TurnRefusedError(Refusal("cancelled")) from stopped
            raise UpdateConflictError(stopped.reason) from stopped
        if prepared.is_unreadable:
            raise TurnRefusedError(Refusal("unreadable_file", remarks=prepared.remarks))
        return prepared.question, prepared.remarks

    def plan(
        self, question: Question, context: DialogContext, remarks: tuple[Remark, ...]
    ) -> AnswerPlan:
        """Which models answer, and how many pictures they get."""
        saving = self._bill.saving_model
        if all_pictures(question, context):
            models = models_to_try(context, self._settings, self._vision)
            if models:
                saving = saving if saving and self._vision.sees(saving) else None
                return AnswerPlan(models, saving, self._max_pictures, remarks)
        return AnswerPlan(models_to_try(context, self._settings), saving, remarks=remarks)

    async def open(self, question: Question, context: DialogContext, plan: AnswerPlan) -> OpenTurn:
        """Write the turn with its first attempt.

        Raises:
            TurnRefusedError: a limit is reached.
        """
        if context.summary_task and not question.is_compaction:
            try:
                return await self._open(question, context, replace(plan, saving_model=None))
            except TurnRefusedError:
                # There may be enough left for the answer alone.
                context = replace(context, summary_task=None)
        without_speech = question.without_speech() if question.recordings else None
        if without_speech is None:
            return await self._open(question, context, plan)
        try:
            return await self._open(question, context, plan)
        except TurnRefusedError as error:
            if not error.refusal.is_of_money:
                raise
            # There may be enough left for what was written beside the recording.
            turn = await self._open(without_speech, context, plan)
            plan.remarks = (*plan.remarks, UNHEARD)
            return turn

    async def _open(self, question: Question, context: DialogContext, plan: AnswerPlan) -> OpenTurn:
        try:
            return await self._bill.decide(
                lambda: self._open_if_allowed(question, context, model=plan.models[0])
            )
        except BillLimitError as error:
            if plan.saving_model is None or question.recordings or question.is_compaction:
                raise TurnRefusedError(Refusal(error.limit.name)) from error
            saving = plan.saving_model
            plan.models = [saving]
            return await self._bill.decide(
                lambda: self._open_if_allowed(question, context, model=saving)
            )

    async def _open_if_allowed(
        self, question: Question, context: DialogContext, *, model: str
    ) -> OpenTurn:
        if self._policy.needs_no_check(question, context):
            return await self._write(question, context, model, None)
        async with transaction(self._sessions) as session:
            let_in = await self._allowed_part(session, question, context, model=model)
            return await self._write(let_in, context, model, session)

    async def _write(
        self, question: Question, context: DialogContext, model: str, session: AsyncSession | None
    ) -> OpenTurn:
        """Open the turn. Its first attempt is of a transcription if there are recordings."""
        return await self._ledger.open(
            question,
            context,
            model=model,
            transcription_model=self._transcription_model if question.recordings else None,
            session=session,
        )

    async def _allowed_part(
        self, session: AsyncSession, question: Question, context: DialogContext, *, model: str
    ) -> Question:
        """The first messages of the question, as many as the limits allow.

        Raises:
            TurnRefusedError: not even one.
        """
        let_in = question
        while refusal := await self._policy.refusal(session, let_in, context, model=model):
            # Messages that fit into the limit are answered, the others refused.
            fewer = let_in.first(refusal.messages_left)
            if fewer is None or fewer.is_empty:
                raise TurnRefusedError(refusal)
            let_in = fewer
        return let_in

    async def reject(self, question: Question, context: DialogContext, refusal: Refusal) -> None:
        """Record a turn that is refused."""
        async with transaction(self._sessions) as session:
            await self._ledger.reject(question, context, reason=refusal.reason, session=session)
