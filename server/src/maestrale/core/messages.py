"""What an execution can be told, and what a decision asks to be done.

Commands are imperative (``Pause``), events are past (``ActionCompleted``), effects are imperative
(``RunAction``). All are frozen. Messages are JSON-ready through ``to_payload``/``from_payload``; one that
waits in the database is such a payload.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

from maestrale.core.model import Attempt

if TYPE_CHECKING:
    from maestrale.core.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class ActionCompleted:
    """An action came to an end: ``state`` SUCCESS, ERROR or CANCELLED, ``value`` its data or error.

    ``from_outside``: a request says so, and not who runs it, who may be at work still.
    """

    attempt_id: str
    state: str
    value: Any = None
    from_outside: bool = False


@dataclass(frozen=True, slots=True)
class ActionUpdated:
    """An asynchronous action was put to PAUSED, or back to RUNNING, from outside (3.21)."""

    attempt_id: str
    state: str


@dataclass(frozen=True, slots=True)
class ActionLost:
    """The process that ran an action died; ``reason`` is a sentence for state_info."""

    attempt_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class ChildCompleted:
    """A sub-workflow ended. ``output`` is not part of the payload: the shell reads it from the child's row.

    ``revival`` counts how often the child had been revived, so that older news can be told.
    """

    attempt_id: str
    state: str
    output: Mapping[str, Any] | None = None
    revival: int = 0


@dataclass(frozen=True, slots=True)
class ChildPaused:
    """A sub-workflow was paused: on its own, or (``asked``) since its parent told it to."""

    attempt_id: str
    asked: bool = False


@dataclass(frozen=True, slots=True)
class ChildResumed:
    """A paused sub-workflow runs again: on its own, or (``asked``) since its parent told it to."""

    attempt_id: str
    asked: bool = False


@dataclass(frozen=True, slots=True)
class ChildRevived:
    """A task of an ended sub-workflow is being rerun or skipped, so its ancestors run again (3.15)."""

    attempt_id: str
    revival: int = 0


@dataclass(frozen=True, slots=True)
class TimerFired:
    """A delay is over. ``purpose``: wait-before, wait-after, retry, timeout. ``token`` tells a stale timer."""

    task_id: str
    purpose: str
    token: int


@dataclass(frozen=True, slots=True)
class Pause:
    """Pause the execution; ``message`` becomes state_info. ``from_parent``: since its parent is paused."""

    message: str | None = None
    from_parent: bool = False


@dataclass(frozen=True, slots=True)
class Resume:
    """Resume a paused execution, merging ``env`` first (L292). ``from_parent``: since its parent goes on."""

    env: Mapping[str, Any] | None = None
    from_parent: bool = False


@dataclass(frozen=True, slots=True)
class Stop:
    """End the execution as SUCCESS, ERROR or CANCELLED (3.14)."""

    state: str
    message: str | None = None


@dataclass(frozen=True, slots=True)
class UpdateEnv:
    """Merge ``env`` into the environment of an execution that doesn't run (L297)."""

    env: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EnvChanged:
    """The environment of the root execution has changed; children carry it along (L160)."""

    env: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Describe:
    """Change the description."""

    description: str


@dataclass(frozen=True, slots=True)
class Rerun:
    """Run a failed task again (3.15)."""

    task_id: str
    reset: bool
    env: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Skip:
    """Skip a failed task (3.16)."""

    task_id: str
    env: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Continue:
    """Go on with work that did not fit into the budget of the decision before."""


Message = (
    ActionCompleted | ActionUpdated | ActionLost | ChildCompleted | ChildPaused | ChildResumed | ChildRevived
    | TimerFired | Pause | Resume | Stop | UpdateEnv | EnvChanged | Describe | Rerun | Skip | Continue
)

MESSAGE_TYPES: Mapping[str, type[Any]] = {
    cls.__name__: cls
    for cls in (
        ActionCompleted, ActionUpdated, ActionLost, ChildCompleted, ChildPaused, ChildResumed, ChildRevived,
        TimerFired, Pause, Resume, Stop, UpdateEnv, EnvChanged, Describe, Rerun, Skip, Continue,
    )
}


def to_payload(message: Message) -> dict[str, Any]:
    """The message as a JSON-ready mapping; a child's output is left out."""
    body = {f.name: getattr(message, f.name) for f in fields(message)}
    if isinstance(message, ChildCompleted):
        del body["output"]
    return {"type": type(message).__name__, **body}


def from_payload(payload: Mapping[str, Any]) -> Message:
    """The inverse of ``to_payload``. Raises KeyError for a type that doesn't exist."""
    body = dict(payload)
    message: Message = MESSAGE_TYPES[body.pop("type")](**body)
    return message


@dataclass(frozen=True, slots=True)
class RunAction:
    """Run an action after the commit; everything needed stands in the attempt."""

    attempt: Attempt


@dataclass(frozen=True, slots=True)
class CancelAction:
    """Stop a running action; its end is reported as usual or ignored (invariant 8)."""

    attempt_id: str


@dataclass(frozen=True, slots=True)
class StartChild:
    """Store a new execution, created by this decision, and let it go on."""

    child: Snapshot


@dataclass(frozen=True, slots=True)
class Tell:
    """Deliver a message to another execution, or (``Continue``) to this one again."""

    execution_id: str
    message: Message


@dataclass(frozen=True, slots=True)
class WakeAt:
    """Deliver a message to this execution at a time; ``key`` is the id of the waiting row."""

    key: str
    due_at: datetime
    message: TimerFired


@dataclass(frozen=True, slots=True)
class ForgetWake:
    """The timer of that key is of no use any more; its row may be gone already."""

    key: str


@dataclass(frozen=True, slots=True)
class Notify:
    """Send an event to one publisher (3.22): ``target`` as the author wrote it, ``body`` what is posted."""

    target: Mapping[str, Any]
    body: Mapping[str, Any]


Effect = RunAction | CancelAction | StartChild | Tell | WakeAt | ForgetWake | Notify
