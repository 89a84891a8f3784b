"""/model, /system, /history, /redo: what a person decides about the answers."""

from __future__ import annotations

from aiogram import Router
from aiogram.filters import Command, CommandObject

from bot.formatting.render import units
from bot.handlers.answering import Talk
from bot.handlers.context import Visit
from bot.settings import BotSettings, ModelSettings
from bot.turns.history import DialogHistory
from bot.users.preferences import Preferences
from common.vocabulary import UpdateOutcome

LONGEST_SYSTEM_PROMPT_UNITS = 2000


async def choose_model(
    _message: object,
    command: CommandObject,
    visit: Visit,
    history: DialogHistory,
    preferences: Preferences,
    model_settings: ModelSettings,
) -> UpdateOutcome:
    """Without a name: the list, with the chosen one marked."""
    _ = visit.translate
    models = model_settings.models
    wanted = (command.args or "").strip()
    # "²" is a digit too, and no number.
    if wanted.isascii() and wanted.isdigit() and 1 <= int(wanted) <= len(models):
        wanted = models[int(wanted) - 1]
    if wanted in models:
        await preferences.set_model(visit.person, wanted)
        await visit.conversation.say(_("Your model is now `{model}`.", model=wanted))
        return UpdateOutcome.COMMAND
    context = await history.context(visit.person.key, visit.person.sealer, visit.room)
    chosen = context.model if context.model in models else models[0]
    lines = [
        f"{number}. `{model}`" + (" ✅" if model == chosen else "")
        for number, model in enumerate(models, 1)
    ]
    title = _("There is no such model. Choose one of these:") if wanted else _("Models:")
    hint = _("Choose with /model and its number.")
    await visit.conversation.say("\n".join([title, "", *lines, "", hint]))
    return UpdateOutcome.COMMAND


async def set_instruction(
    _message: object,
    command: CommandObject,
    visit: Visit,
    history: DialogHistory,
    preferences: Preferences,
) -> UpdateOutcome:
    """/system shows, /system TEXT sets, /system reset takes it back. In private only."""
    _ = visit.translate
    say = visit.conversation.say
    wanted = (command.args or "").strip()
    if not visit.place.is_private:
        await say(_("Your instruction is yours alone: use /system in our private chat."))
    elif not wanted:
        context = await history.context(visit.person.key, visit.person.sealer, visit.room)
        if context.system_prompt:
            await visit.conversation.say_verbatim(_("Your instruction:"), context.system_prompt)
        else:
            await say(_("You have set no instruction. Set one with /system and a text."))
    elif wanted.lower() == "reset":
        await preferences.set_system_prompt(visit.person, None)
        await say(_("Your instruction is removed."))
    elif units(wanted) > LONGEST_SYSTEM_PROMPT_UNITS:
        await say(_("Too long: at most {most} characters.", most=LONGEST_SYSTEM_PROMPT_UNITS))
    else:
        await preferences.set_system_prompt(visit.person, wanted)
        await say(_("Your instruction is set, from the next message on."))
    return UpdateOutcome.COMMAND


async def set_history(
    _message: object,
    command: CommandObject,
    visit: Visit,
    history: DialogHistory,
    preferences: Preferences,
    bot_settings: BotSettings,
) -> UpdateOutcome:
    """/history shows, /history N sets, /history reset takes the default again."""
    _ = visit.translate
    say = visit.conversation.say
    most = bot_settings.max_history_messages
    wanted = (command.args or "").strip().lower()
    if wanted == "reset":
        await preferences.set_history(visit.person, None)
        await say(_("The default is used again: {count}.", count=most))
    elif wanted.isascii() and wanted.isdigit() and int(wanted) <= most:
        await preferences.set_history(visit.person, int(wanted))
        await say(_("Remembered messages: {count}.", count=int(wanted)))
    elif wanted:
        await say(_("Write a number from 0 to {most}.", most=most))
    else:
        context = await history.context(visit.person.key, visit.person.sealer, visit.room)
        chosen = context.max_history_messages
        count = most if chosen is None else min(chosen, most)
        await say(
            _("Remembered messages: {count}.", count=count)
            + " "
            + _("Change it with /history and a number.")
        )
    return UpdateOutcome.COMMAND


async def answer_again(
    _message: object, visit: Visit, preferences: Preferences, talk: Talk
) -> UpdateOutcome:
    """A new answer to the last text takes the place of the old one."""
    _ = visit.translate
    messages = await preferences.take_back_answer(visit.person, visit.room)
    if messages is None:
        await visit.conversation.say(_("There is no message of yours to answer again."))
        return UpdateOutcome.COMMAND
    await talk.answer(visit, messages, is_repeated=True)
    return UpdateOutcome.TURN


def create_router() -> Router:
    router = Router(name="choices")
    router.message.register(choose_model, Command("model", ignore_case=True))
    router.message.register(set_instruction, Command("system", ignore_case=True))
    router.message.register(set_history, Command("history", ignore_case=True))
    router.message.register(answer_again, Command("redo", ignore_case=True))
    return router
