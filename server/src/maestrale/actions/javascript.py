"""``std.javascript`` and ``std.js`` (4.5): a script in a process of its own, limited in time and memory.

The engine of the scripts is the extra ``javascript``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from maestrale.actions import extras
from maestrale.actions.protocol import Action, ActionContext
from maestrale.errors import ActionError

_PACKAGE_HOME = str(Path(__file__).parents[2])
_STARTING = 10.0


class JavaScriptAction(Action):
    """Run JavaScript: the body of a function whose return value is the result; ``context`` is the variable ``$``."""

    name = "std.javascript"
    class_name = "mistral.actions.std_actions.JavaScriptAction"

    def __init__(self, script: str, context: Any = None) -> None:
        self.script, self.context = script, context
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, context: ActionContext) -> Any:
        """What the script returns."""
        extras.require("py_mini_racer", "javascript")
        settings = context.settings
        job = {
            "script": str(self.script), "context": self.context, "timeout": settings.javascript_timeout,
            "memory": settings.javascript_memory,
        }
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "maestrale.actions.javascript_process"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd="/", start_new_session=True,
            env={"PYTHONPATH": _PACKAGE_HOME, "PATH": os.defpath, "LC_ALL": "C.UTF-8"},
        )
        try:
            out, _ = self._process.communicate(json.dumps(job, default=str).encode(), settings.javascript_timeout + _STARTING)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            raise ActionError("JavaScriptAction failed: the script did not end in time") from None
        try:
            answer = json.loads(out)
        except ValueError:
            raise ActionError(
                f"JavaScriptAction failed: its process ended (exit status {self._process.returncode}), "
                "most likely for want of memory") from None
        if "error" in answer:
            raise ActionError(f"JavaScriptAction failed: {answer['error']}")
        return answer["value"]

    def cancel(self) -> None:
        """End the script."""
        if self._process is not None:
            self._process.kill()


class JsAction(JavaScriptAction):
    """The same as std.javascript."""

    name = "std.js"
