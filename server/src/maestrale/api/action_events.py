"""/v2/action_executions/{id}/events and .../output: the live output of an action, from a given position, as it comes.

Mistral has neither path. Events are read page by page, each in a short transaction, and handed on before the next page is read, so
long output costs no memory; following takes no thread while nothing comes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import anyio
import orjson
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from maestrale import clock
from maestrale.api import reads
from maestrale.api.bodies import Body
from maestrale.api.call import Call
from maestrale.api.listing import parse_integer
from maestrale.api.openapi import Operation, json_body, literal, operation, parameter
from maestrale.api.resources import Kind
from maestrale.api.routes import Endpoint
from maestrale.api.wire import reply
from maestrale.core import states
from maestrale.engine.live_output import pieces
from maestrale.errors import ConflictError, DatabaseUnavailableError, NotFoundError, RequestError
from maestrale.store import ConstraintError, action_events
from maestrale.store.action_events import Page

PAGE = 500
PAUSE = 0.3
SIGN_OF_LIFE = 15.0
RIVAL_TRIES = 5
TOLD = ("event", "stdout", "play", "task", "host", "uuid")
"""What an event that is told from outside may hold, all of it text."""

LINES_TYPE = "application/x-ndjson"
EVENT_STREAM_TYPE = "text/event-stream"
TEXT_TYPE = "text/plain; charset=utf-8"

Write = Callable[[int, str], bytes]
"""One event, by number and JSON text, as bytes of the reply."""


def show_events(call: Call, identifier: str) -> Response:
    """The events of an action, each once and in order, as JSON lines or server-sent events."""
    call.arguments.allow_only("since", "follow", "limit")
    since, limit, follow = _since(call), _limit(call), call.arguments.flag("follow")
    first = _page(call, identifier, since, limit)
    is_stream = EVENT_STREAM_TYPE in call.headers.get("accept", "")
    reading = _Reading(call, identifier, write=_as_server_sent if is_stream else _as_line, follow=follow, limit=limit)
    if is_stream:
        reading.sign, reading.last = b": \n\n", lambda state: f'event: end\ndata: {{"state":"{state}"}}\n\n'.encode()
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(reading.run(first, since), media_type=EVENT_STREAM_TYPE if is_stream else LINES_TYPE, headers=headers)


def add_events(call: Call, identifier: str) -> Response:
    """Add to the output of an action that somebody else does the work of, such as a play that runs in a pipeline."""
    given, scope = _given(call), reads.scope_of(call.caller)
    for tries_left in reversed(range(RIVAL_TRIES)):
        try:
            last = call.parts.database.run_write(
                lambda conn: action_events.add(conn, scope, identifier, given, call.parts.now()))
        except ConstraintError:
            if not tries_left:
                raise ConflictError(f"Others tell events of ActionExecution {identifier} at the same time; try again.") from None
        else:
            break
    return reply({"last": last}, 201)


def _given(call: Call) -> list[dict[str, Any]]:
    """The events of the request, long ones in pieces. Raises RequestError."""
    given = Body(call.content, "events", frozenset({"events"})).raw("events")
    if not isinstance(given, list) or not 0 < len(given) <= PAGE or not all(isinstance(one, dict) for one in given):
        raise RequestError(f"events must be a list of 1 to {PAGE} objects.")
    for one in given:
        wrong = sorted(name for name, value in one.items() if name not in TOLD or not isinstance(value, str))
        if wrong or "event" not in one:
            raise RequestError(f"An event has the texts {', '.join(TOLD)}, and event is needed; wrong: {', '.join(wrong) or 'event'}")
    most = call.parts.settings.actions.event_max
    return [dict(piece) for one in given for piece in pieces({"stdout": "", **one}, most)]


def show_output(call: Call, identifier: str) -> Response:
    """The output of an action as plain text."""
    call.arguments.allow_only("follow")
    first = _page(call, identifier, 0, None)
    reading = _Reading(call, identifier, write=_as_text, follow=call.arguments.flag("follow"), limit=None)
    headers = {
        "Cache-Control": "no-store", "X-Accel-Buffering": "no",
        "Content-Disposition": f'attachment; filename="{_file_name(identifier)}.txt"',
    }
    return StreamingResponse(reading.run(first, 0), media_type=TEXT_TYPE, headers=headers)


def _file_name(identifier: str) -> str:
    """The identifier with nothing that a file's name must not have."""
    return "".join(sign for sign in identifier if sign.isascii() and (sign.isalnum() or sign in "-_"))


class _Reading:
    """One reader's way through the events of an action."""

    def __init__(self, call: Call, identifier: str, *, write: Write, follow: bool, limit: int | None) -> None:
        self.call = call
        self.identifier = identifier
        self.write = write
        self.follow = follow
        self.limit = limit
        self.sign = b""
        self.last: Callable[[str], bytes] | None = None
        self._sent_at = clock.monotonic()

    async def run(self, page: Page, position: int) -> AsyncIterator[bytes]:
        """The reply's pieces, from the page after ``position`` to the end of the action, or to what there is."""
        left = self.limit
        while True:
            if page.events:
                self._sent_at = clock.monotonic()
                yield b"".join(self.write(counter, text) for counter, text in page.events)
                position = page.events[-1][0]
                left = None if left is None else left - len(page.events)
            is_last = len(page.events) < PAGE
            if left == 0 or (is_last and self._is_over(page)):
                if self.last is not None:
                    yield self.last(page.state)
                return
            if is_last:
                if self.sign and clock.monotonic() - self._sent_at > SIGN_OF_LIFE:
                    self._sent_at = clock.monotonic()
                    yield self.sign
                await anyio.sleep(PAUSE)
            page = await self._next(page, position, left)

    def _is_over(self, page: Page) -> bool:
        return not self.follow or states.is_final(page.state) or bool(self.call.parts.not_ready())

    async def _next(self, page: Page, position: int, left: int | None) -> Page:
        """The next page; an empty one while the database is away, and the end when the action was deleted meanwhile."""
        try:
            return await run_in_threadpool(_page, self.call, self.identifier, position, left)
        except DatabaseUnavailableError:
            await anyio.sleep(1.0)
            return Page(page.state if not states.is_final(page.state) else states.RUNNING, ())
        except NotFoundError:
            return Page(states.CANCELLED, ())


def _page(call: Call, identifier: str, after: int, limit: int | None) -> Page:
    """Raises NotFoundError for an action that isn't visible."""
    most = PAGE if limit is None else min(PAGE, limit)
    scope = reads.scope_of(call.caller)
    return call.parts.database.run_read(lambda conn: action_events.read(conn, scope, identifier, after=after, limit=most))


def _since(call: Call) -> int:
    """The number of the last event that the reader has; a reconnecting browser tells it by a header. Raises RequestError."""
    text = call.arguments.get("since") or call.headers.get("last-event-id") or "0"
    since = parse_integer("since", text)
    if since < 0:
        raise RequestError("Invalid input for field/attribute since. It must not be negative.")
    return since


def _limit(call: Call) -> int | None:
    if call.arguments.get("limit") is None:
        return None
    limit = call.arguments.integer("limit", default=0)
    if limit < 1:
        raise RequestError("Invalid input for field/attribute limit. It must be 1 or more.")
    return limit


def _as_line(counter: int, text: str) -> bytes:
    del counter
    return text.encode() + b"\n"


def _as_server_sent(counter: int, text: str) -> bytes:
    return f"id: {counter}\ndata: {text}\n\n".encode()


def _as_text(counter: int, text: str) -> bytes:
    del counter
    event = orjson.loads(text)
    if event.get("event") == "lost":
        return f"[{event['lost']} events were not kept]\n".encode()
    stdout = event.get("stdout")
    end = "" if event.get("open") else "\n"
    return f"{stdout}{end}".encode() if isinstance(stdout, str) and stdout else b""


def _streamed(summary: str, description: str, parameters: Sequence[Operation], content: Operation) -> Operation:
    described = operation("action_executions", summary, parameters=parameters, description=description)
    described["responses"]["200"] = {"description": "Handed on while it is read.", "content": content}
    return described


_FOLLOW = parameter("follow", "Go on until the action has ended.", Kind.FLAG)

ENDPOINTS = (
    Endpoint(
        method="GET", path="/v2/action_executions/{identifier}/events", handler=show_events, rule="action_executions:get",
        document=_streamed(
            "Read an action's live output as events",
            "One JSON object a line, or server-sent events where Accept asks for text/event-stream; their ids are the events' counters,"
            " and a last one named end has the action's state. An event has counter, event, stdout, and what else its kind tells.",
            (parameter("since", "Counter of the last event that is known already.", Kind.NUMBER, example=0), _FOLLOW,
             parameter("limit", "Most events of the reply.", Kind.NUMBER)),
            {LINES_TYPE: {"schema": {"type": "string"}}, EVENT_STREAM_TYPE: {"schema": {"type": "string"}}},
        ),
    ),
    Endpoint(
        method="POST", path="/v2/action_executions/{identifier}/events", handler=add_events, rule="action_executions:update", takes="json",
        document=operation(
            "action_executions", "Add to an action's live output", status=201, errors=(400, 401, 403, 404, 409, 413, 415, 423, 503),
            description="For whoever does the work of an asynchronous action. The reply has the counter of the last event.",
            body=json_body(
                {"events": {"type": "array", "maxItems": PAGE, "items": {
                    "type": "object", "properties": {name: {"type": "string"} for name in TOLD}, "required": ["event"],
                    "additionalProperties": False}}},
                {"events": [{"event": "runner_on_ok", "stdout": "ok: [web1]", "task": "Restart", "host": "web1"}]}, ["events"]),
            reply=literal({"type": "object", "properties": {"last": {"type": "integer"}}}, {"last": 17}),
        ),
    ),
    Endpoint(
        method="GET", path="/v2/action_executions/{identifier}/output", handler=show_output, rule="action_executions:get",
        document=_streamed(
            "Download an action's output as text", "What a terminal would show, without colours.", (_FOLLOW,),
            {"text/plain": {"schema": {"type": "string"}}},
        ),
    ),
)
