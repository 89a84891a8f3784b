"""/start, /help, /new, /stop, /privacy."""

from __future__ import annotations

import re

from aiogram import Router
from aiogram.filters import Command, CommandObject

from bot.buttons import column
from bot.handlers.buttons.consent import counting_button, readers_button
from bot.handlers.context import UpdateContext
from bot.handlers.texts import PrivacyChoices, choices_text, help_text, privacy_text
from bot.llm.vision import VisionModels
from bot.settings import BotSettings, CountingSettings, MediaSettings, ModelSettings, SpeechSettings
from bot.turns.policy import TurnPolicy
from bot.users.invites import InviteCodes, InviteVerdict
from bot.users.preferences import Preferences
from bot.users.repository import UserRepository
from common.settings import ConsentSettings
from common.vocabulary import UpdateOutcome

# The payloads that Telegram allows in deep links.
SOURCE = re.compile("[A-Za-z0-9_-]{1,64}")


async def start(
    _message: object,
    command: CommandObject,
    context: UpdateContext,
    users: UserRepository,
    *,
    policy: TurnPolicy,
    invites: InviteCodes,
    preferences: Preferences,
    vision: VisionModels,
    speech_settings: SpeechSettings,
) -> UpdateOutcome:
    """Greet the user, store the deep link's source, check an invite code."""
    _ = context.translate
    payload = (command.args or "").strip()
    verdict = None
    account = context.telegram_user.telegram_id
    if payload and policy.needs_invite(
        account,
        admitted_at=await preferences.admitted_at(context.user),
        rules=context.rules,
    ):
        verdict = await invites.redeem(context.user, account, payload)
    if verdict is InviteVerdict.SLOWED:
        await context.responder.send(
            _("⏳ Too many wrong invite codes. Please try again in an hour.")
        )
        return UpdateOutcome.COMMAND
    if verdict is InviteVerdict.ACCEPTED:
        await context.responder.send(_("✅ Welcome, your invitation is accepted."))
    elif invites.is_code(payload):
        if verdict is InviteVerdict.WRONG:
            await context.responder.send(
                _("🔒 This invitation is not valid any more. Ask for a new one.")
            )
            return UpdateOutcome.COMMAND
    elif SOURCE.fullmatch(payload):
        await users.set_source(context.user, payload)
    await context.responder.send(
        _("Hello! Send me a message, and a language model will answer.")
        + "\n\n"
        + help_text(
            _, sees=vision.is_available, hears=speech_settings.transcription_model is not None
        )
    )
    return UpdateOutcome.COMMAND


async def show_help(
    _message: object, context: UpdateContext, vision: VisionModels, speech_settings: SpeechSettings
) -> UpdateOutcome:
    hears = speech_settings.transcription_model is not None
    await context.responder.send(
        help_text(context.translate, sees=vision.is_available, hears=hears)
    )
    return UpdateOutcome.COMMAND


async def show_privacy(
    _message: object,
    context: UpdateContext,
    preferences: Preferences,
    *,
    consent: ConsentSettings,
    counting: CountingSettings,
    bot_settings: BotSettings,
    media_settings: MediaSettings,
    speech_settings: SpeechSettings,
    model_settings: ModelSettings,
) -> UpdateOutcome:
    """Say what is stored, with buttons for the user's choices."""
    _ = context.translate
    choices = keyboard = None
    if context.chat.is_private:
        choices = PrivacyChoices(
            is_readable=await preferences.is_readable(context.user, consent),
            is_counted=await preferences.is_counted(context.user, counting),
        )
        keyboard = column(
            [
                readers_button(_, is_readable=choices.is_readable),
                counting_button(_, is_counted=choices.is_counted),
            ]
        )
    text = privacy_text(
        _,
        uses_first_names=bot_settings.group_first_names,
        picture_hours=media_settings.media_retention_hours,
        hears=speech_settings.transcription_model is not None,
        sums_up=model_settings.llm_summary_tokens > 0,
        choices=choices_text(_, choices, consent=consent, counting=counting),
    )
    await context.responder.send(text, keyboard=keyboard)
    return UpdateOutcome.COMMAND


async def start_new_dialog(
    _message: object, context: UpdateContext, preferences: Preferences
) -> UpdateOutcome:
    """Close the dialog: the next message starts without history."""
    _ = context.translate
    await preferences.close_dialog(context.chat_ref)
    await context.responder.send(_("🆕 New conversation. I no longer see the earlier messages."))
    return UpdateOutcome.COMMAND


async def confirm_stop(_message: object, context: UpdateContext) -> UpdateOutcome:
    """Confirm: the running answer was stopped when this update was stored."""
    _ = context.translate
    lines = []
    dropped = context.cancellation.take_dropped(context.user.key)
    if context.cancellation.take_stopped():
        lines.append(_("⏹ Stopped."))
    elif not dropped:
        lines.append(_("There is no answer to stop."))
    if dropped:
        lines.append(
            _.plural(
                "{count} waiting message was dropped.",
                "{count} waiting messages were dropped.",
                dropped,
            )
        )
    await context.responder.send("\n".join(lines))
    return UpdateOutcome.COMMAND


def create_router() -> Router:
    router = Router(name="basics")
    router.message.register(start, Command("start", ignore_case=True))
    router.message.register(show_help, Command("help", ignore_case=True))
    router.message.register(show_privacy, Command("privacy", ignore_case=True))
    router.message.register(start_new_dialog, Command("new", ignore_case=True))
    router.message.register(confirm_stop, Command("stop", ignore_case=True))
    return router
