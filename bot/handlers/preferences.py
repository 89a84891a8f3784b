"""/model, /system, /history, /rich, /compact, /redo: a user's settings for answers."""

from __future__ import annotations

from aiogram import Router
from aiogram.filters import Command, CommandObject

from bot.buttons import Action, column, model_data, row
from bot.formatting.render import utf16_length
from bot.handlers.answering import AnswerText
from bot.handlers.buttons.choices import DEFAULT
from bot.handlers.context import UpdateContext
from bot.settings import BotSettings, ModelSettings, Price, RichMessages
from bot.turns.history import DialogHistory
from bot.turns.summaries.writer import MIN_KEPT_MESSAGES
from bot.users.preferences import Preferences
from common.language.i18n import Translator, dollars
from common.vocabulary import UpdateOutcome

MAX_SYSTEM_PROMPT_UNITS = 2000
MAX_MODEL_BUTTONS = 50
HISTORY_STEPS = (0, 10, 20, 50)


async def choose_model(
    _message: object,
    command: CommandObject,
    context: UpdateContext,
    history: DialogHistory,
    preferences: Preferences,
    model_settings: ModelSettings,
) -> UpdateOutcome:
    """Set the model; without a name, list the models."""
    _ = context.translate
    models = context.rules.models or model_settings.models
    wanted = (command.args or "").strip()
    # "²".isdigit() is True, too.
    if wanted.isascii() and wanted.isdigit() and 1 <= int(wanted) <= len(models):
        wanted = models[int(wanted) - 1]
    if wanted in models:
        await preferences.set_model(context.user, wanted)
        await context.responder.send(_("Your model is now `{model}`.", model=wanted))
        return UpdateOutcome.COMMAND
    dialog = await history.load_context(context.user.key, context.user.sealer, context.chat_ref)
    chosen = dialog.model if dialog.model in models else models[0]
    lines = [
        f"{number}. `{model}`" + (" ✅" if model == chosen else "")
        for number, model in enumerate(models, 1)
    ]
    title = _("There is no such model. Choose one of these:") if wanted else _("Models:")
    hint = _("Choose one with a button, or with /model and its number.")
    prices = model_settings.llm_prices
    if any(model in prices for model in models):
        hint = _("Prices: a million tokens of question / of answer.") + "\n" + hint
    buttons = [
        (_model_title(model, prices.get(model), _), model_data(model))
        for model in models[:MAX_MODEL_BUTTONS]
    ]
    await context.responder.send("\n".join([title, "", *lines, "", hint]), keyboard=column(buttons))
    return UpdateOutcome.COMMAND


def _model_title(model: str, price: Price | None, _: Translator) -> str:
    if price is None:
        return model
    return f"{model} · {dollars(price.prompt, _)} / {dollars(price.completion, _)}"


async def set_system_prompt(
    _message: object,
    command: CommandObject,
    context: UpdateContext,
    history: DialogHistory,
    preferences: Preferences,
) -> UpdateOutcome:
    """/system shows, /system TEXT sets, /system reset removes it. Private chats only."""
    _ = context.translate
    send = context.responder.send
    wanted = (command.args or "").strip()
    if not context.chat.is_private:
        await send(_("Instructions are private: use /system in our private chat."))
    elif not wanted:
        dialog = await history.load_context(context.user.key, context.user.sealer, context.chat_ref)
        if dialog.system_prompt:
            await context.responder.send_verbatim(_("Your instruction:"), dialog.system_prompt)
        else:
            await send(_("You have no instruction. Set one with /system and a text."))
    elif wanted.lower() == "reset":
        await preferences.set_system_prompt(context.user, None)
        await send(_("Your instruction is removed."))
    elif utf16_length(wanted) > MAX_SYSTEM_PROMPT_UNITS:
        await send(_("Too long: at most {most} characters.", most=MAX_SYSTEM_PROMPT_UNITS))
    else:
        await preferences.set_system_prompt(context.user, wanted)
        await send(_("Your instruction is set. It applies from your next message on."))
    return UpdateOutcome.COMMAND


async def set_history(
    _message: object,
    command: CommandObject,
    context: UpdateContext,
    history: DialogHistory,
    preferences: Preferences,
    bot_settings: BotSettings,
) -> UpdateOutcome:
    """/history shows, /history N sets, /history reset restores the default."""
    _ = context.translate
    send = context.responder.send
    most = bot_settings.max_history_messages
    wanted = (command.args or "").strip().lower()
    if wanted == "reset":
        await preferences.set_history(context.user, None)
        await send(_("Reset to the default: {count}.", count=most))
    elif wanted.isascii() and wanted.isdigit() and int(wanted) <= most:
        await preferences.set_history(context.user, int(wanted))
        await send(_("Remembered messages: {count}.", count=int(wanted)))
    elif wanted:
        await send(_("Write a number from 0 to {most}.", most=most))
    else:
        dialog = await history.load_context(context.user.key, context.user.sealer, context.chat_ref)
        chosen = dialog.max_history_messages
        count = most if chosen is None else min(chosen, most)
        await send(
            _("Remembered messages: {count}.", count=count)
            + " "
            + _("Change it with a button, or with /history and a number."),
            keyboard=row(
                [
                    *((str(one), f"{Action.HISTORY}:{one}") for one in _steps(most)),
                    (_("Default"), f"{Action.HISTORY}:{DEFAULT}"),
                ]
            ),
        )
        if summary := dialog.summary:
            title = _.plural(
                "Summary of {count} earlier message:",
                "Summary of {count} earlier messages:",
                summary.messages,
            )
            await context.responder.send_verbatim(title, summary.text)
    return UpdateOutcome.COMMAND


async def set_rich_messages(
    _message: object,
    command: CommandObject,
    context: UpdateContext,
    history: DialogHistory,
    preferences: Preferences,
    bot_settings: BotSettings,
) -> UpdateOutcome:
    """/rich shows, /rich on and /rich off set whether answers may be rich messages."""
    _ = context.translate
    send = context.responder.send
    wanted = (command.args or "").strip().lower()
    if bot_settings.rich_messages is RichMessages.NEVER:
        await send(_("This bot sends all answers as text."))
        return UpdateOutcome.COMMAND
    if wanted in {"on", "off"}:
        is_text_only = wanted == "off"
        await preferences.set_text_only(context.user, is_text_only=is_text_only)
    else:
        dialog = await history.load_context(context.user.key, context.user.sealer, context.chat_ref)
        is_text_only = dialog.is_text_only
    await send(
        _("Tables and formulas are sent as text. /rich on shows them formatted.")
        if is_text_only
        else _("Tables and formulas are sent formatted. If you see blanks instead: /rich off.")
    )
    return UpdateOutcome.COMMAND


async def compact(
    _message: object,
    context: UpdateContext,
    history: DialogHistory,
    model_settings: ModelSettings,
    answer_text: AnswerText,
) -> UpdateOutcome:
    """Summarise the conversation but its last question and answer. Private chats only."""
    _ = context.translate
    send = context.responder.send
    if not model_settings.llm_summary_tokens:
        await send(_("Summaries are switched off."))
    elif not context.chat.is_private:
        await send(_("Use /compact in our private chat."))
    else:
        dialog = await history.load_context(context.user.key, context.user.sealer, context.chat_ref)
        if len(dialog.history) > MIN_KEPT_MESSAGES or dialog.is_overfull:
            await answer_text(context, [], is_compaction=True)
            return UpdateOutcome.TURN
        await send(_("There is nothing to summarise yet."))
    return UpdateOutcome.COMMAND


def _steps(most: int) -> list[int]:
    """Round numbers of messages to choose from."""
    return sorted({step for step in HISTORY_STEPS if step < most} | {most})


async def redo_answer(
    _message: object, context: UpdateContext, preferences: Preferences, answer_text: AnswerText
) -> UpdateOutcome:
    """Replace the last answer with a new one."""
    _ = context.translate
    messages = await preferences.withdraw_answer(context.user, context.chat_ref)
    if messages is None:
        await context.responder.send(_("You have no message to answer again."))
        return UpdateOutcome.COMMAND
    await answer_text(context, messages, is_repeated=True)
    return UpdateOutcome.TURN


def create_router() -> Router:
    router = Router(name="choices")
    router.message.register(choose_model, Command("model", ignore_case=True))
    router.message.register(set_system_prompt, Command("system", ignore_case=True))
    router.message.register(set_history, Command("history", ignore_case=True))
    router.message.register(set_rich_messages, Command("rich", ignore_case=True))
    router.message.register(compact, Command("compact", ignore_case=True))
    router.message.register(redo_answer, Command("redo", ignore_case=True))
    return router
