"""A server that answers what the benchmarks' client asks, at once and with bytes that are ready: nothing is stored, nothing is run.

    python server/benchmarks/canned.py        prints its address, and serves until it is ended

What the client reaches against it is what the client itself can do on this machine: no server could be measured as faster.
"""

# ruff: noqa: INP001, T201 - a script that prints

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from typing import Any, ClassVar
from uuid import uuid4

TASKS_ANSWERED = 50
_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
_NAME = re.compile(rb'workflow_name(?:=|":\s*")([\w-]+)')
_TIMES = {"created_at": "2026-01-01 00:00:00", "updated_at": "2026-01-01 00:00:00"}
_EXECUTION = {
    "id": str(uuid4()), "workflow_id": str(uuid4()), "workflow_name": "benchmark", "workflow_namespace": "", "description": "", "tags": [],
    "params": '{"namespace":"","env":{}}', "task_execution_id": None, "root_execution_id": None, "state": "RUNNING", "state_info": None,
    "input": "{}", "output": "{}", "project_id": "<default-project>", **_TIMES,
}
_ACTION = {
    "id": str(uuid4()), "name": "std.async_noop", "workflow_name": "benchmark", "workflow_namespace": "", "task_name": "each",
    "task_execution_id": str(uuid4()), "state": "SUCCESS", "state_info": None, "tags": [], "accepted": True, "description": "",
    "input": "{}", "output": '{"result": 1}', "project_id": "<default-project>", **_TIMES,
}


def _reply(status: bytes, body: Any) -> bytes:
    text = json.dumps(body, separators=(",", ":")).encode()
    return b"HTTP/1.1 %s\r\ncontent-length: %d\r\ncontent-type: application/json\r\n\r\n%s" % (status, len(text), text)


DEFINED = _reply(b"201 Created", {"workflows": []})
STARTED = _reply(b"201 Created", _EXECUTION)
ENDED = _reply(b"200 OK", {**_EXECUTION, "state": "SUCCESS"})
COMPLETED = _reply(b"200 OK", _ACTION)
TASKS = _reply(b"200 OK", {"tasks": [{"id": str(uuid4())}]})
ACTIONS = _reply(b"200 OK", {"action_executions": [_ACTION] * TASKS_ANSWERED})
NO_MORE = _reply(b"200 OK", {"executions": []})


class Canned(asyncio.Protocol):
    """A connection. ``started`` counts the executions of each workflow, which is all that is remembered."""

    started: ClassVar[Counter[bytes]] = Counter()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody connects."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.received = b""

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        self.received += data
        while (end := self.received.find(b"\r\n\r\n") + 4) > 3:
            length = _LENGTH.search(self.received, 0, end)
            end += int(length.group(1)) if length else 0
            if len(self.received) < end:
                return
            request, self.received = self.received[:end], self.received[end:]
            self.transport.write(self._answer(request))

    def _answer(self, request: bytes) -> bytes:
        line = request[:request.index(b"\r\n")]
        name = _NAME.search(request)
        if line.startswith(b"POST /v2/executions "):
            self.started[name.group(1) if name else b""] += 1
            return STARTED
        if line.startswith(b"GET /v2/executions?"):
            return NO_MORE if b"state=" in line or b"marker=" in line else self._all_ended(name.group(1) if name else b"")
        answers = {
            b"POST /v2/workflows": DEFINED, b"GET /v2/executions/": ENDED, b"GET /v2/tasks?": TASKS, b"GET /v2/tasks/": ACTIONS,
            b"PUT /v2/action_executions/": COMPLETED,
        }
        return next(answer for beginning, answer in answers.items() if line.startswith(beginning))

    def _all_ended(self, name: bytes) -> bytes:
        ended = {"id": str(uuid4()), "state": "SUCCESS", "output": json.dumps({"r": TASKS_ANSWERED})}
        return _reply(b"200 OK", {"executions": [ended] * self.started[name]})


async def main() -> None:
    """Serve."""
    server = await asyncio.get_running_loop().create_server(Canned, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
