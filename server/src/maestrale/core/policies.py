"""Task policies: what they evaluate, and what they do before a start and after a completion (1.16, 3.19).

Each policy's value is evaluated when its turn comes, at start and at completion, so a broken expression shows at the
start. Policies apply to joins too, when they start (the reference forgets them there, H06), and a retry's attempt gets
a timeout of its own (H07).
"""

from __future__ import annotations

from typing import Any

from maestrale.core import ending, states
from maestrale.core.model import Attempt, Task
from maestrale.core.program import TaskProgram
from maestrale.core.turn import Turn
from maestrale.errors import InvalidModelError
from maestrale.expr import Scope


def _integer(policy: str, value: Any) -> int:
    """A whole number, also one written as 2.0, as JSON schema understands ``integer`` (L278)."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidModelError(f"Invalid data type in {policy}: {value!r} is not of type 'integer'. Value(s) can be shown "
                                "after YAQL evaluating. If you use YAQL here, please correct it.")
    if value < 0:
        raise InvalidModelError(f"Invalid data type in {policy}: {value!r} is less than the minimum of 0")
    return value


def _boolean(policy: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise InvalidModelError(f"Invalid data type in {policy}: {value!r} is not of type 'boolean'")
    return value


def _seconds(program: TaskProgram, name: str, policy: str, scope: Scope) -> int:
    template = program.policies.get(name)
    return 0 if template is None else _integer(policy, template.evaluate(scope))


def before_start(turn: Turn, task: Task) -> None:
    """Before-policies of a first run or a rerun. Afterwards the task is RUNNING, or goes on later (3.4)."""
    program = turn.snapshot.program.task(task.name)
    if not program.policies:
        return
    scope = turn.start_scope(task)
    pause = program.policies.get("pause_before")
    if pause is not None and _boolean("PauseBeforePolicy", pause.evaluate(scope)):
        turn.set_task(task, states.IDLE, "Set by 'pause-before' policy",
                      runtime_context={**task.runtime_context, "_held": True})
        if not states.is_final(turn.snapshot.execution.state):
            ending.pause(turn, None)
    wait = _seconds(program, "wait_before", "WaitBeforePolicy", scope)
    if wait and task.state == states.RUNNING:
        turn.set_task(task, states.DELAYED, f"Delayed by 'wait-before' policy [delay={wait}]",
                      runtime_context={**task.runtime_context, "wait_before_policy": {"skip": True}})
        turn.wake(task, "wait-before", wait)
    _seconds(program, "wait_after", "WaitAfterPolicy", scope)
    _retry_numbers(program, scope)
    arm_timeout(turn, task)
    concurrency = _seconds(program, "concurrency", "ConcurrencyPolicy", scope)
    if concurrency:
        turn.touch(task, runtime_context={**task.runtime_context, "concurrency": concurrency})


def arm_timeout(turn: Turn, task: Task) -> None:
    """Start the timeout's clock; for a retry it starts anew."""
    program = turn.snapshot.program.task(task.name)
    seconds = _seconds(program, "timeout", "TimeoutPolicy", turn.start_scope(task))
    if seconds:
        turn.wake(task, "timeout", seconds)


def timeout_text(turn: Turn, task: Task) -> str:
    """The state_info of a task that ran out of time (L344)."""
    program = turn.snapshot.program.task(task.name)
    return f"Task timed out [timeout(s)={_seconds(program, 'timeout', 'TimeoutPolicy', turn.start_scope(task))}]."


def _retry_numbers(program: TaskProgram, scope: Scope) -> tuple[int, int]:
    if "retry_count" not in program.policies:
        return 0, 0
    return (_integer("RetryPolicy", program.policies["retry_count"].evaluate(scope)),
            _integer("RetryPolicy", program.policies["retry_delay"].evaluate(scope)))


def after_completion(turn: Turn, task: Task) -> None:
    """After-policies, in Mistral's order; afterwards the task may be DELAYED, or a join WAITING (L358).

    In an execution that has ended nothing is delayed or repeated any more.
    """
    program = turn.snapshot.program.task(task.name)
    if not program.policies:
        return
    scope = turn.start_scope(task)
    pause = program.policies.get("pause_before")
    if pause is not None:
        _boolean("PauseBeforePolicy", pause.evaluate(scope))
    _seconds(program, "wait_before", "WaitBeforePolicy", scope)
    _wait_after(turn, task, program, scope)
    _fail_on(turn, task, program, scope)
    _retry(turn, task, program, scope)
    _seconds(program, "timeout", "TimeoutPolicy", scope)
    _seconds(program, "concurrency", "ConcurrencyPolicy", scope)


def _wait_after(turn: Turn, task: Task, program: TaskProgram, scope: Scope) -> None:
    seconds = _seconds(program, "wait_after", "WaitAfterPolicy", scope)
    if not seconds or task.runtime_context.get("wait_after_policy") or task.state == states.CANCELLED or _is_over(turn):
        return
    context = {**task.runtime_context, "wait_after_policy": {"skip": True}, "_end": [task.state, task.state_info]}
    turn.set_task(task, states.DELAYED, f"Delayed by 'wait-after' policy [delay={seconds}]", runtime_context=context)
    turn.wake(task, "wait-after", seconds)


def _is_over(turn: Turn) -> bool:
    return states.is_final(turn.snapshot.execution.state)


def _fail_on(turn: Turn, task: Task, program: TaskProgram, scope: Scope) -> None:
    template = program.policies.get("fail_on")
    if template is not None and template.evaluate(scope) and task.state == states.SUCCESS:
        turn.set_task(task, states.ERROR, "Failed by 'fail-on' policy")


def _retry(turn: Turn, task: Task, program: TaskProgram, scope: Scope) -> None:
    if "retry_count" not in program.policies:
        return
    count, delay = _retry_numbers(program, scope)
    if not count:
        return
    conditions = turn.retry_scope(task)
    continue_on, break_on = program.policies.get("retry_continue_on"), program.policies.get("retry_break_on")
    go_on = continue_on is not None and bool(continue_on.evaluate(conditions))
    give_up = break_on is not None and bool(break_on.evaluate(conditions))
    if task.state not in (states.SUCCESS, states.ERROR) or _is_over(turn):
        return
    retry_no = task.runtime_context.get("retry_task_policy", {}).get("retry_no", 0)
    if retry_no >= count or (continue_on is not None and not go_on):
        return
    if (task.state == states.SUCCESS and continue_on is None) or (task.state == states.ERROR and give_up):
        return
    _try_again(turn, task, delay, retry_no + 1)


def _try_again(turn: Turn, task: Task, delay: int, retry_no: int) -> None:
    withdraw_attempts(turn, task)
    turn.forget_timer(task, "timeout")
    is_join = task.unique_key is not None
    context = {**task.runtime_context, "retry_task_policy": {"retry_no": retry_no}}
    if not delay:
        context["_ready"] = True
    turn.set_task(task, states.WAITING if is_join else states.DELAYED,
                  f"Delayed by 'retry' policy [delay={delay}]", runtime_context=context)
    if delay:
        turn.wake(task, "retry", delay)
    else:
        turn.ready("continue", task.id)


def withdraw_attempts(turn: Turn, task: Task, *, keep_successes: bool = False) -> None:
    """Results so far don't count any more (L350, L314). What still runs is abandoned: asked to stop, its result only recorded."""
    snapshot = turn.snapshot
    for attempt in snapshot.attempts_of[task.id]:
        if not states.is_final(attempt.state):
            abandon(turn, attempt)
        elif attempt.accepted and not (keep_successes and attempt.state == states.SUCCESS):
            snapshot.change_attempt(attempt, accepted=False)
    snapshot.items.pop(task.id, None)


def abandon(turn: Turn, attempt: Attempt) -> None:
    """Give up an attempt that runs: it is asked to stop, and its result will only be recorded (L345, L346)."""
    if not attempt.runtime_context.get("_abandoned"):
        turn.snapshot.change_attempt(attempt, runtime_context={**attempt.runtime_context, "_abandoned": True})
        turn.cancel_attempt(attempt)
