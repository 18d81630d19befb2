"""Dynamic actions (1.15): classes of stored Python text, each run in a process of its own with limits.

The process gets nothing of the server's environment, no open files, and its inputs as JSON. It is no sandbox: the code runs as the
server's user. So only administrators may store such code, and an operator has to switch it on.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from maestrale.actions.library import document_of
from maestrale.actions.protocol import Action, ActionContext
from maestrale.core.ports import Result
from maestrale.errors import ActionError

CARRIER = "dynamic action"
"""The name under which the registry has it; workflows can't call it, since descriptors don't show it."""

ReadSource = Callable[[str], tuple[str, str]]
"""Name and text of a code source by id. Raises NotFoundError."""

_PACKAGE_HOME = str(Path(__file__).parents[2])
_STARTING = 10.0
_LONGEST_COMPLAINT = 2000


class DynamicAction(Action):
    """Run a class of a code source."""

    name = CARRIER
    json_ready = True

    def __init__(self, read_source: ReadSource, /, source_id: str, class_name: str, inputs: Mapping[str, Any]) -> None:
        self._read_source = read_source
        self._source_id, self._class_name, self._inputs = source_id, class_name, inputs
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, context: ActionContext) -> Result:
        """What the class's ``run`` returns. Raises ActionError where the process doesn't answer."""
        settings = context.settings.dynamic
        name, content = self._read_source(self._source_id)
        job = {
            "name": name, "content": content, "class_name": self._class_name, "inputs": self._inputs, "context": document_of(context),
            "memory": settings.memory, "cpu": settings.cpu, "timeout": settings.timeout, "result_max": context.settings.result_max,
        }
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as complaints:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "maestrale.actions.dynamic_process"], stdin=subprocess.PIPE, stdout=out, stderr=complaints,
                cwd="/", start_new_session=True, env={"PYTHONPATH": _PACKAGE_HOME, "PATH": os.defpath, "LC_ALL": "C.UTF-8"},
            )
            try:
                if context.cancelled.is_set():
                    self.cancel()
                self._process.communicate(json.dumps(job, default=str).encode(), settings.timeout + _STARTING)
            except subprocess.TimeoutExpired:
                raise ActionError(f"The dynamic action did not end within {settings.timeout:g} seconds.") from None
            finally:
                self.cancel()
                self._process.wait()
            out.seek(0)
            return _answer(out.read(), self._process.returncode, _end_of(complaints), settings.timeout)

    def cancel(self) -> None:
        """End the process and what it has started."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)


def _answer(out: bytes, status: int, complaints: str, timeout: float) -> Result:
    try:
        answer = json.loads(out)
    except ValueError:
        raise ActionError(f"The process of the dynamic action {_reason(status, timeout)}.{complaints}") from None
    return Result(data=answer["data"], error=answer["error"], failed=answer["failed"], cancelled=answer["cancelled"])


def _reason(status: int, timeout: float) -> str:
    reasons = {
        -signal.SIGALRM: f"did not end within {timeout:g} seconds", -signal.SIGXCPU: "used all the processor time that it may have",
        -signal.SIGXFSZ: "wrote more than it may", -signal.SIGKILL: "was killed",
    }
    return reasons.get(status, f"ended without an answer (exit status {status})")


def _end_of(complaints: Any) -> str:
    """The last of what the process wrote to standard error."""
    size = complaints.seek(0, os.SEEK_END)
    complaints.seek(max(0, size - _LONGEST_COMPLAINT))
    text = complaints.read().decode("utf-8", "replace").strip()
    return f" It wrote: {text}" if text else ""
