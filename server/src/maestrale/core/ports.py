"""What a decision may ask of the outside: three ports, answered by the shell, by dicts in tests.

Nothing here does I/O; the shell's implementations may, which is why the ports are few and named.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from maestrale.lang.specs import ActionSpec, Parameter, WorkflowSpec


@dataclass(frozen=True, slots=True)
class Result:
    """What an action came to. ``error`` counts only when ``failed``; values are JSON-ready."""

    data: Any = None
    error: Any = None
    failed: bool = False
    cancelled: bool = False

    @property
    def state(self) -> str:
        """The state that the result puts its action in."""
        if self.cancelled:
            return "CANCELLED"
        return "ERROR" if self.failed else "SUCCESS"

    @property
    def value(self) -> Any:
        """What ``task().result`` shows."""
        return self.error if self.failed or self.cancelled else self.data


@dataclass(frozen=True, slots=True)
class ActionDescriptor:
    """A catalogued action.

    ``class_name`` is the class in ``Invalid input [...]`` texts (4.1). ``open_input``: any parameter is taken.
    ``pure`` runs the action inside the decision: input to Result, without effects, or None when this input
    needs running outside (``std.echo`` with a delay); it may raise, which is an action that raised.
    ``inert``: an asynchronous action that does nothing when run (``std.async_noop``), so nobody needs to run it.
    ``modes``: inputs that params of the execution decide where a task doesn't. ``remainder``: from a failed result to the
    inputs that repeat only what failed, or None where the result doesn't tell.
    ``carrier``: the action that does the work for this one, with the input ``carried`` and this one's own as ``inputs``.
    ``construct_error`` checks what the reference checks in a constructor and returns its text or None (L281).
    """

    name: str
    parameters: tuple[Parameter, ...] = ()
    class_name: str = ""
    is_sync: bool = True
    idempotent: bool = False
    open_input: bool = False
    description: str = ""
    pure: Callable[[Mapping[str, Any]], Result | None] | None = None
    construct_error: Callable[[Mapping[str, Any]], str | None] | None = None
    adhoc: ActionSpec | None = None
    namespace: str = ""
    inert: bool = False
    modes: tuple[str, ...] = ()
    remainder: Callable[[Any], Mapping[str, Any] | None] | None = None
    carrier: str = ""
    carried: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WorkflowEntry:
    """A stored workflow as a decision needs it to start a child."""

    id: str
    name: str
    namespace: str
    spec: WorkflowSpec
    spec_digest: str
    workbook: str | None = None


class Catalogue(Protocol):
    """Definitions visible to one project."""

    def action(self, name: str, namespace: str, project_id: str) -> ActionDescriptor | None:
        """The action of exactly that name: ad-hoc in the namespace, then in '', then built in (L153)."""

    def workflow(self, name: str, namespace: str, project_id: str) -> WorkflowEntry | None:
        """The workflow of that name in the namespace, then in '' (L152)."""

    def environment(self, name: str, project_id: str) -> Mapping[str, Any] | None:
        """The variables of a stored environment."""


class Records(Protocol):
    """Other executions than the one being decided, for ``task()``, ``tasks()``, ``executions()`` (2.6)."""

    def executions(
        self, project_id: str, *, id: str | None, root_execution_id: str | None, state: str | None,  # noqa: A002 - the language's name
        from_time: str | None, to_time: str | None,
    ) -> list[dict[str, Any]]:
        """Matching executions of the project, oldest first, as mappings of their API fields."""

    def tasks(
        self, project_id: str, *, workflow_execution_id: str | None, recursive: bool, state: str | None, flat: bool,
    ) -> list[dict[str, Any]]:
        """Matching tasks with the keys of ``task()``."""
