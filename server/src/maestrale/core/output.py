"""How an execution ends: final context, output, and the report of what failed (3.9, 3.10)."""

from __future__ import annotations

from typing import Any

from maestrale.core import states
from maestrale.core.dataflow import EMPTY, Context, merge_all
from maestrale.core.lookup import result_of
from maestrale.core.model import Attempt, Task
from maestrale.core.snapshot import Snapshot
from maestrale.core.turn import Turn
from maestrale.errors import MaestraleError


def final_context(snapshot: Snapshot) -> Context:
    """The outbound contexts of all leaves, merged; in a reverse workflow that of the target (L261, L364)."""
    if snapshot.spec.type == "reverse":
        target = snapshot.latest(snapshot.execution.params.get("task_name", ""))
        return EMPTY if target is None or not states.is_final(target.state) else snapshot.outbound(target)
    leaves = [t for t in snapshot.tasks.values() if states.is_final(t.state) and not t.has_next_tasks]
    return merge_all(snapshot.outbound(t) for t in leaves)


def success_output(turn: Turn) -> dict[str, Any]:
    """``output`` evaluated, or the final context where there is none or it is empty (L261-L264). Raises EvaluationError."""
    final = final_context(turn.snapshot)
    template = turn.snapshot.program.output
    if template is not None:
        value = template.evaluate(turn.output_scope(final))
        if value:
            return dict(value)
    return dict(final.variables)


def error_output(turn: Turn, message: Any) -> tuple[dict[str, Any], Any]:
    """The output of a failed execution, and the message that becomes its state_info (L266-L268).

    That one names a failing ``output-on-error``. In the output a message is text, unless it is null, 0 or empty (L092).
    """
    final = final_context(turn.snapshot)
    template = turn.snapshot.program.output_on_error
    shown = str(message) if message else message
    if template is None:
        return {"result": shown, **final.variables}, message
    try:
        given = template.evaluate(turn.output_scope(final))
    except MaestraleError as error:
        text = (f"Failed to evaluate expression in output-on-error! (output-on-error: "
                f"'{dict(turn.snapshot.spec.output_on_error or {})}', exception: '{error}' Cause: '{message}'")
        return {"result": text}, text
    return {"result": shown, **given}, message


def _attempt_line(position: int, attempt: Attempt) -> str:
    kind = "wf_ex_id" if attempt.kind == "workflow" else "action_ex_id"
    value: Any = attempt.output if attempt.kind == "workflow" else attempt.output.get("result", "Unknown")
    if attempt.kind == "workflow":
        value = attempt.output.get("result", "Unknown") if attempt.output else "Unknown"
    return f"    [{kind}={attempt.id}, idx={position}]: {value}\n"


def failure_report(snapshot: Snapshot) -> str:
    """The text of an execution that failed by its tasks (L257, L258)."""
    failed = [t for t in snapshot.tasks.values()
              if t.state == states.ERROR and not snapshot.spec.tasks[t.name].on_error.targets]
    failed.sort(key=lambda t: t.name)
    lines = [f"Failure caused by error in tasks: {', '.join(t.name for t in failed)}\n"]
    for task in failed:
        lines.append(f"\n  {task.name} [task_ex_id={task.id}] -> {task.state_info}\n")
        lines += [_attempt_line(position, attempt) for position, attempt in enumerate(snapshot.attempts_of[task.id])
                  if attempt.state == states.ERROR]
    return "".join(lines)


def cancelled_text(snapshot: Snapshot) -> str:
    """The state_info of an execution that a cancelled task cancelled (L259)."""
    names = sorted(t.name for t in snapshot.tasks.values() if t.state == states.CANCELLED)
    return f"Cancelled tasks: {', '.join(names)}"


def verdict(snapshot: Snapshot) -> str:
    """What an execution without incomplete tasks ends as (3.9)."""
    tasks: list[Task] = list(snapshot.tasks.values())
    if any(t.state == states.CANCELLED for t in tasks):
        return states.CANCELLED
    if any(t.state == states.ERROR and not t.error_handled for t in tasks):
        return states.ERROR
    return states.SUCCESS


__all__ = ["cancelled_text", "error_output", "failure_report", "final_context", "result_of", "success_output", "verdict"]
