"""The process of one script: ``python -m maestrale.actions.javascript_process``.

It reads ``{"script", "context", "timeout", "memory"}`` as JSON from standard input and writes ``{"value"}`` or ``{"error"}`` to standard
output. The engine of the scripts may end its whole process where memory runs out, so it isn't run in the server's.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from py_mini_racer import MiniRacer


def main() -> None:
    """Run the script that comes on standard input."""
    engine = MiniRacer()
    json.dump(evaluate(engine, json.load(sys.stdin)), sys.stdout)
    sys.stdout.flush()
    os._exit(0)  # the engine's own way out may hang for ever


def evaluate(engine: MiniRacer, job: dict[str, Any]) -> dict[str, Any]:
    """The value that the script returns, as JSON has it; undefined is null."""
    context = json.dumps(json.dumps(job["context"]))
    code = f"JSON.stringify((function ($) {{\n{job['script']}\n}})(JSON.parse({context})))"
    try:
        text = engine.eval(code, timeout_sec=job["timeout"], max_memory=job["memory"])
    except Exception as error:  # noqa: BLE001 - the engine's errors have no common class
        return {"error": str(error).strip() or type(error).__name__}
    return {"value": json.loads(text) if isinstance(text, str) else None}


if __name__ == "__main__":
    main()
