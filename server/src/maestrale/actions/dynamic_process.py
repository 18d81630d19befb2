"""The process of one dynamic action: ``python -m maestrale.actions.dynamic_process``.

It reads a job as JSON from standard input, limits itself, runs the class and writes ``{"data", "error", "failed", "cancelled"}`` to
what was standard output when it began; whatever the code prints goes to standard error.
"""

from __future__ import annotations

import json
import math
import os
import resource
import signal
import sys
from types import ModuleType
from typing import Any

from maestrale.actions.library import library_context, result_of
from maestrale.actions.results import json_ready
from maestrale.core.ports import Result


def main() -> None:
    """Run the action that comes on standard input."""
    job = json.load(sys.stdin)
    answer_to = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    context = library_context(job["context"])
    limit(job)
    result = outcome(job, context)
    with os.fdopen(answer_to, "w", encoding="utf-8") as out:
        json.dump({"data": result.data, "error": result.error, "failed": result.failed, "cancelled": result.cancelled}, out)
    sys.stderr.flush()
    os._exit(0)  # threads of the code must not hold it up


def limit(job: dict[str, Any]) -> None:
    """Memory, processor time beyond what starting took, size of files, time by the clock; the last ends it even without the server."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = math.ceil(used.ru_utime + used.ru_stime + job["cpu"])
    for kind, most in (
        (resource.RLIMIT_AS, job["memory"]), (resource.RLIMIT_CPU, seconds), (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, job["result_max"]),
    ):
        hard = resource.getrlimit(kind)[1]
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (allowed, hard if kind == resource.RLIMIT_CPU else allowed))
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, job["timeout"])


def outcome(job: dict[str, Any], context: Any) -> Result:
    """What the class returned or raised, JSON-ready."""
    try:
        module = ModuleType(job["name"])
        sys.modules[job["name"]] = module
        exec(compile(job["content"], f"<code source {job['name']}>", "exec"), module.__dict__)  # noqa: S102 - what it is for
        action = _class_of(module, job["class_name"])(**job["inputs"])
        result = result_of(action.run(context))
        most = job["result_max"]
        return Result(
            data=json_ready(result.data, limit=most), error=json_ready(result.error, limit=most), failed=result.failed,
            cancelled=result.cancelled)
    except MemoryError:
        return Result(failed=True, error=f"MemoryError: the action may use {job['memory']} bytes")
    except BaseException as error:  # noqa: BLE001 - SystemExit too is only the code's failure
        return Result(failed=True, error=f"{type(error).__name__}: {error}")


def _class_of(module: ModuleType, name: str) -> Any:
    found = getattr(module, name, None)
    if callable(found):
        return found
    raise LookupError(f"there is no class {name} in the code source {module.__name__}")


if __name__ == "__main__":
    main()
