"""What waits in the inbox of the deciding loop: deliveries, starts and operations.

An item carries its way back: a future that a request waits on, or the job row that it came from and that
the deciding transaction deletes. An item with neither is a result held in memory; its attempt's row says
that it is still running, so nothing is lost with it. Knows nothing of the database.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Literal

from maestrale.caller import Caller
from maestrale.core.messages import Message
from maestrale.store.triggers import Firing


@dataclass(frozen=True, slots=True)
class StartRequest:
    """A start as asked for (1.23). ``workflow_id`` wins over the name; ``id`` makes the start idempotent (L161).

    ``firing``: the start counts only together with that move of a cron trigger.
    """

    workflow_id: str | None = None
    workflow_name: str | None = None
    namespace: str = ""
    input: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    description: str | None = None
    id: str | None = None
    source_execution_id: str | None = None
    tags: tuple[str, ...] = ()
    firing: Firing | None = None


@dataclass(frozen=True, slots=True)
class RunActionRequest:
    """A direct run of an action (4.6). ``timeout`` is in seconds."""

    name: str
    input: Mapping[str, Any] = field(default_factory=dict)
    namespace: str = ""
    description: str = ""
    run_sync: bool = False
    save_result: bool = False
    target: str | None = None
    timeout: float | None = None
    tags: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class Start:
    """A start that waits for its decision."""

    caller: Caller
    request: StartRequest
    id: str
    future: Future[Any] | None = None
    tries: int = 0

    @property
    def key(self) -> str:
        """The execution that it is about."""
        return self.id


@dataclass(slots=True, eq=False)
class Delivery:
    """A message on its way to an execution.

    The execution may be named by one of its tasks or attempts (``subject``), which is looked up when the
    batch begins. ``caller`` is None for what the service tells itself, else visibility is checked. ``reply``
    says which record the future gets; ``subject_id`` is that record's id.
    """

    message: Message
    execution_id: str | None = None
    subject: Literal["execution", "task", "attempt"] = "execution"
    subject_id: str | None = None
    caller: Caller | None = None
    future: Future[Any] | None = None
    job_id: str | None = None
    tries: int = 0
    faults: int = 0

    @property
    def key(self) -> str | None:
        """The execution that it is about, None while it isn't known."""
        return self.execution_id


@dataclass(slots=True, eq=False)
class Operation:
    """Anything else that has to happen between two batches, in the deciding thread."""

    name: str
    run: Callable[[], Any]
    future: Future[Any] | None = None
    tries: int = 0


Item = Start | Delivery | Operation


def fail(item: Item, error: BaseException) -> None:
    """Give the waiting request an error; without a request nothing happens."""
    if item.future is not None and not item.future.done():
        item.future.set_exception(error)


def answer(item: Item, value: Any) -> None:
    """Give the waiting request its result."""
    if item.future is not None and not item.future.done():
        item.future.set_result(value)
