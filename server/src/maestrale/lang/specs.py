"""Checked definitions as frozen values: what the core reads.

Built by ``lang.parse`` only. Every field is what the author wrote after the rules of the language
have been applied (inline parameters merged, ``task-defaults`` folded in), so no reader needs to know
those rules again. Expressions are still text here. Knows nothing of states or of running.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

EMPTY: Mapping[str, Any] = {}
"""The mapping that stands where nothing was written; shared, so never to be changed."""


def _empty() -> Mapping[str, Any]:
    return EMPTY


ALL = -1
"""Value of ``TaskSpec.join`` for ``join: all``."""

ENGINE_COMMANDS = frozenset({"noop", "fail", "succeed", "pause"})


class Required:
    """The one value that marks an input without default."""

    def __repr__(self) -> str:
        return "REQUIRED"


REQUIRED = Required()


@dataclass(frozen=True, slots=True)
class Parameter:
    """One declared input: ``default`` is REQUIRED or any literal, null included (L024, L025)."""

    name: str
    default: Any = REQUIRED


@dataclass(frozen=True, slots=True)
class Transition:
    """One target of an on-clause: a task or an engine command.

    ``condition`` is the whole expression text or None; ``parameters`` holds what a command was given
    (only ``msg`` means anything).
    """

    target: str
    condition: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=_empty)

    @property
    def is_command(self) -> bool:
        """A command's name wins over a task of the same name (L057)."""
        return self.target in ENGINE_COMMANDS


@dataclass(frozen=True, slots=True)
class PublishSpec:
    """Variables by scope; None is a scope that is absent, which matters when merging (L111)."""

    branch: Mapping[str, Any] | None = None
    global_: Mapping[str, Any] | None = None
    atomic: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Clause:
    """An on-clause after ``task-defaults`` were applied: targets in written order, and its publish."""

    targets: tuple[Transition, ...] = ()
    publish: PublishSpec | None = None


NO_CLAUSE = Clause()


@dataclass(frozen=True, slots=True)
class RetrySpec:
    """``retry``: each value a literal or a whole-string expression."""

    count: int | str
    delay: int | str
    break_on: str | None = None
    continue_on: str | None = None


@dataclass(frozen=True, slots=True)
class Policies:
    """Effective policies of a task (own or default, L124-L127); None where there is none."""

    pause_before: bool | str | None = None
    wait_before: int | str | None = None
    wait_after: int | str | None = None
    fail_on: Any = None
    retry: RetrySpec | None = None
    timeout: int | str | None = None
    concurrency: int | str | None = None


NO_POLICIES = Policies()


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """One task. Exactly one of ``action`` and ``workflow`` is set (``std.noop`` by default).

    ``action``/``workflow`` is the name without inline parameters, maybe an expression. ``input`` is a
    mapping with the inline parameters already merged in (L068), or an expression text that has to give
    a mapping. ``with_items`` maps a variable to a literal list or an expression. ``raw`` is the task as
    ``task().spec`` shows it: the author's keys plus ``name``, ``version`` and ``type``.
    ``own_timeout`` is the task's own literal ``timeout`` that is also handed to the executor (1.17).
    """

    name: str
    action: str | None = None
    workflow: str | None = None
    input: Mapping[str, Any] | str = field(default_factory=_empty)
    with_items: Mapping[str, Any] = field(default_factory=_empty)
    description: str = ""
    tags: tuple[str, ...] = ()
    publish: Mapping[str, Any] = field(default_factory=_empty)
    publish_on_error: Mapping[str, Any] = field(default_factory=_empty)
    publish_on_skip: Mapping[str, Any] = field(default_factory=_empty)
    on_success: Clause = NO_CLAUSE
    on_error: Clause = NO_CLAUSE
    on_complete: Clause = NO_CLAUSE
    on_skip: Clause = NO_CLAUSE
    policies: Policies = NO_POLICIES
    own_timeout: int | str | None = None
    join: int | None = None
    requires: tuple[str, ...] = ()
    keep_result: bool = True
    safe_rerun: bool = False
    target: str | None = None
    raw: Mapping[str, Any] = field(default_factory=_empty)

    @property
    def type(self) -> Literal["ACTION", "WORKFLOW"]:
        """Follows the key that was written, also for dynamic names (1.10)."""
        return "WORKFLOW" if self.workflow is not None else "ACTION"

    def clauses(self) -> tuple[tuple[str, Clause], ...]:
        """The four on-clauses with their names."""
        return (
            ("on-success", self.on_success),
            ("on-error", self.on_error),
            ("on-complete", self.on_complete),
            ("on-skip", self.on_skip),
        )


@dataclass(frozen=True, slots=True)
class WorkflowSpec:
    """One workflow. ``raw`` is the full specification as stored with executions (``execution().spec``).

    ``inbound`` and ``outbound`` list, by task name and in written order without repeats, the *tasks* (no
    commands) that lead to a task and that it leads to; ``start_tasks`` those without inbound. For a
    reverse workflow ``inbound`` is ``requires`` and ``outbound`` its inversion.
    """

    name: str
    type: Literal["direct", "reverse"]
    tasks: Mapping[str, TaskSpec]
    input: tuple[Parameter, ...] = ()
    output: Mapping[str, Any] | None = None
    output_on_error: Mapping[str, Any] | None = None
    vars: Mapping[str, Any] = field(default_factory=_empty)
    description: str = ""
    tags: tuple[str, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=_empty)
    inbound: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    outbound: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    start_tasks: tuple[str, ...] = ()

    @property
    def class_name(self) -> str:
        """The name that Mistral's error texts bear (1.5)."""
        return "ReverseWorkflowSpec" if self.type == "reverse" else "DirectWorkflowSpec"


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """An ad-hoc action (1.19). ``base_input`` has the inline parameters of ``base`` merged in (L134).

    ``output`` is any value, absent as REQUIRED since null is a value.
    """

    name: str
    base: str
    base_input: Mapping[str, Any] = field(default_factory=_empty)
    input: tuple[Parameter, ...] = ()
    output: Any = REQUIRED
    description: str = ""
    tags: tuple[str, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=_empty)


@dataclass(frozen=True, slots=True)
class WorkbookSpec:
    """A workbook; member names are short here (``main``, not ``lib.main``)."""

    name: str
    workflows: tuple[WorkflowSpec, ...] = ()
    actions: tuple[ActionSpec, ...] = ()
    description: str = ""
    tags: tuple[str, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=_empty)


@dataclass(frozen=True, slots=True)
class Warning:  # noqa: A001 - the word that users know
    """Something accepted but surprising: ``place`` is ``wf.task.key``, ``line`` counts from 1, 0 unknown."""

    place: str
    text: str
    line: int = 0
