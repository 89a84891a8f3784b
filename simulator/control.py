"""The control API: acts as users, lists what the bot did, configures faults."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import orjson
from aiohttp import web
from pydantic import BaseModel, TypeAdapter, ValidationError

from simulator import requests, surrogate_json
from simulator.model.behaviour import ModelBehaviour, ModelFault
from simulator.telegram.faults import DeliveryFaults, FloodLimits, TelegramFault

if TYPE_CHECKING:
    from simulator.app import Simulator

BodyT = TypeVar("BodyT", bound=BaseModel)


class ControlApi:
    """Routes below /control, without authentication: the simulator has no real data."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._account = simulator.account

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/control/health", self._health),
            web.get("/control/state", self._state),
            web.post("/control/messages", self._write),
            web.post("/control/messages/batch", self._write_many),
            web.post("/control/files", self._send_file),
            web.post("/control/edits", self._edit),
            web.post("/control/presses", self._press),
            web.post("/control/reactions", self._react),
            web.post("/control/draft-stops", self._stop_draft),
            web.post("/control/blocks", self._block),
            web.post("/control/memberships", self._membership),
            web.post("/control/updates", self._put_raw),
            web.post("/control/repeats", self._repeat),
            web.get("/control/sent", self._sent),
            web.get("/control/files/{file_id}", self._file),
            web.get("/control/calls", self._calls),
            web.get("/control/faults", self._list_faults),
            web.post("/control/faults/telegram", self._add_telegram_fault),
            web.post("/control/faults/model", self._add_model_fault),
            web.delete("/control/faults", self._clear_faults),
            web.delete("/control/faults/{id}", self._remove_fault),
            web.put("/control/deliveries", self._set_deliveries),
            web.put("/control/limits", self._set_limits),
            web.put("/control/models/{model:.+}", self._set_behaviour),
            web.post("/control/wait", self._wait),
            web.post("/control/seed", self._seed),
            web.post("/control/reset", self._reset),
        ]

    async def _health(self, _request: web.Request) -> web.Response:
        return _json({"status": "ok"})

    async def _state(self, _request: web.Request) -> web.Response:
        return _json(self._snapshot())

    def _snapshot(self) -> dict[str, Any]:
        account = self._account
        return {
            "bot_id": account.id,
            "username": account.username,
            "pending": len(account.queue),
            "last_update_id": account.queue.last_id,
            "webhook_url": account.webhook.url,
            "commands": sorted(account.registered_commands()),
            "counters": self._simulator.counters.as_dict(),
        }

    async def _write(self, request: web.Request) -> web.Response:
        return _json(
            {"update_ids": self._write_messages(await _body(request, requests.WriteRequest))}
        )

    async def _write_many(self, request: web.Request) -> web.Response:
        batch = await _body(request, requests.WriteBatchRequest)
        return _json({"update_ids": [self._write_messages(each) for each in batch.messages]})

    def _write_messages(self, writing: requests.WriteRequest) -> list[int]:
        self._simulator.telegram.apply_faults(self._account)
        return self._account.send_text(
            writing.text,
            person=writing.person,
            chat=writing.chat,
            thread_id=writing.thread_id,
            reply_to_message_id=writing.reply_to_message_id,
            date=writing.date,
        )

    async def _send_file(self, request: web.Request) -> web.Response:
        file = await _body(request, requests.FileRequest)
        more = {"caption": file.caption, "media_group_id": file.media_group_id}
        update_id = self._account.send_file(
            file.kind,
            file.content,
            name=file.name,
            mime_type=file.mime_type,
            seconds=file.seconds,
            person=file.person,
            chat=file.chat,
            more={name: value for name, value in more.items() if value is not None},
        )
        return _json({"update_id": update_id})

    async def _edit(self, request: web.Request) -> web.Response:
        edit = await _body(request, requests.EditRequest)
        update_id = self._account.edit_text(
            edit.text, message_id=edit.message_id, person=edit.person, chat=edit.chat
        )
        return _json({"update_id": update_id})

    async def _press(self, request: web.Request) -> web.Response:
        press = await _body(request, requests.PressRequest)
        update_id = self._account.press(
            press.data, message_id=press.message_id, person=press.person, chat=press.chat
        )
        return _json({"update_id": update_id})

    async def _react(self, request: web.Request) -> web.Response:
        reaction = await _body(request, requests.ReactionRequest)
        update_id = self._account.react(
            reaction.emoji,
            message_id=reaction.message_id,
            before=reaction.before,
            person=reaction.person,
            chat=reaction.chat,
        )
        return _json({"update_id": update_id})

    async def _stop_draft(self, request: web.Request) -> web.Response:
        stop = await _body(request, requests.DraftStopRequest)
        return _json({"update_id": self._account.stop_draft(stop.draft_id, person=stop.person)})

    async def _block(self, request: web.Request) -> web.Response:
        block = await _body(request, requests.BlockRequest)
        act = self._account.block if block.blocked else self._account.unblock
        return _json({"update_id": act(person=block.person)})

    async def _membership(self, request: web.Request) -> web.Response:
        change = await _body(request, requests.MembershipRequest)
        if change.admin:
            self._account.promote(change.chat)
        act = self._account.add_to_group if change.member else self._account.remove_from_group
        return _json({"update_id": act(change.chat, person=change.person)})

    async def _put_raw(self, request: web.Request) -> web.Response:
        """An object becomes an update; anything else is delivered verbatim."""
        body = await request.read()
        try:
            update = surrogate_json.loads(body)
        except ValueError as error:
            raise _refused(f"the body is not JSON: {error}") from None
        if isinstance(update, dict):
            return _json({"update_id": self._account.queue.put(update)})
        self._account.queue.put_raw(body)
        return _json({"update_id": None})

    async def _repeat(self, request: web.Request) -> web.Response:
        repeat = await _body(request, requests.RepeatRequest)
        self._account.queue.repeat_bodies([surrogate_json.dumps(repeat.update)] * repeat.times)
        return _json({"repeated": repeat.times})

    async def _sent(self, request: web.Request) -> web.Response:
        query = request.query
        chat_id = query.get("chat_id")
        try:
            records = self._account.sent_log.records(
                chat_id=int(chat_id) if chat_id is not None else None,
                kind=query.get("kind"),
                since=float(query.get("since", 0)),
            )
        except ValueError as error:
            raise _refused(str(error)) from None
        return _json({"sent": [record.as_dict() for record in records]})

    async def _file(self, request: web.Request) -> web.Response:
        stored = self._account.sent_log.file(request.match_info["file_id"])
        if stored is None:
            raise web.HTTPNotFound
        return web.Response(body=stored.content)

    async def _calls(self, request: web.Request) -> web.Response:
        model = request.query.get("model")
        calls = [call.as_dict() for call in self._simulator.calls if model in (None, call.model)]
        return _json({"calls": calls})

    async def _list_faults(self, _request: web.Request) -> web.Response:
        telegram, model = self._simulator.telegram, self._simulator.model
        return _json(
            {
                "telegram": [rule.model_dump() for rule in telegram.faults.rules],
                "model": [rule.model_dump() for rule in model.faults.rules],
                "deliveries": telegram.deliveries.model_dump(),
                "limits": telegram.flood.limits.model_dump(),
                "struck": telegram.faults.struck | model.faults.struck,
            }
        )

    async def _add_telegram_fault(self, request: web.Request) -> web.Response:
        fault = await _body(request, TelegramFault)
        return _json({"id": self._simulator.telegram.faults.add(fault)})

    async def _add_model_fault(self, request: web.Request) -> web.Response:
        fault = await _body(request, ModelFault)
        return _json({"id": self._simulator.model.faults.add(fault)})

    async def _clear_faults(self, _request: web.Request) -> web.Response:
        self._simulator.telegram.faults.clear()
        self._simulator.model.faults.clear()
        self._simulator.telegram.deliveries = DeliveryFaults()
        self._simulator.telegram.flood.limits = FloodLimits()
        return _json({})

    async def _remove_fault(self, request: web.Request) -> web.Response:
        rule_id = request.match_info["id"]
        removed = self._simulator.telegram.faults.remove(rule_id)
        removed = self._simulator.model.faults.remove(rule_id) or removed
        if not removed:
            raise web.HTTPNotFound
        return _json({})

    async def _set_deliveries(self, request: web.Request) -> web.Response:
        self._simulator.telegram.deliveries = await _body(request, DeliveryFaults)
        return _json({})

    async def _set_limits(self, request: web.Request) -> web.Response:
        self._simulator.telegram.flood.limits = await _body(request, FloodLimits)
        return _json({})

    async def _set_behaviour(self, request: web.Request) -> web.Response:
        behaviour = await _body(request, ModelBehaviour)
        stated = behaviour.model_dump(exclude_unset=True)
        self._simulator.model.set_behaviour(request.match_info["model"], **stated)
        return _json({})

    async def _wait(self, request: web.Request) -> web.Response:
        wait = await _body(request, requests.WaitRequest)
        counters = self._simulator.counters
        unknown = wait.at_least.keys() - counters.numbers().keys()
        if unknown:
            raise _refused(f"no such counter: {', '.join(sorted(unknown))}")

        def reached() -> bool:
            return all(
                getattr(counters, name) >= value for name, value in wait.at_least.items()
            ) and (wait.pending_at_most is None or len(self._account.queue) <= wait.pending_at_most)

        met = await self._simulator.changed.wait_until(reached, seconds=wait.seconds)
        return _json({"met": met, **self._snapshot()})

    async def _seed(self, request: web.Request) -> web.Response:
        try:
            seed = TypeAdapter(int).validate_json(await request.read())
        except ValidationError:
            raise _refused("the body must be an integer") from None
        self._simulator.reseed(seed)
        return _json({})

    async def _reset(self, _request: web.Request) -> web.Response:
        self._simulator.reset()
        return _json({})


async def _body(request: web.Request, model: type[BodyT]) -> BodyT:
    try:
        return model.model_validate_json(await request.read() or b"{}")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise _refused(f"{where}: {first['msg']}" if where else first["msg"]) from None


def _refused(problem: str) -> web.HTTPBadRequest:
    return web.HTTPBadRequest(
        text=orjson.dumps({"error": problem}).decode(), content_type="application/json"
    )


def _json(body: Any) -> web.Response:
    return web.Response(body=surrogate_json.dumps(body), content_type="application/json")
