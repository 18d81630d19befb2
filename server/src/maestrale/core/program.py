"""A specification with its expressions compiled, each once.

Built lazily and cached with the definition, so that running a task a thousand times parses nothing. Also the
one place that knows which ``publish`` sections apply to a final state, and how they are merged (1.13).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from maestrale.core import states
from maestrale.core.dataflow import merge_deep
from maestrale.expr import DEFAULT, Options, Template, compile_parameters, compile_value
from maestrale.lang.specs import Clause, Policies, PublishSpec, TaskSpec, Transition, WorkflowSpec


@dataclass(frozen=True, slots=True)
class Publication:
    """Effective sections for one final state; None where the scope is absent."""

    branch: Template | None
    global_: Template | None
    declared: bool


@dataclass(frozen=True, slots=True)
class CompiledTransition:
    """A target with its compiled condition and parameters."""

    target: str
    is_command: bool
    condition: Template | None
    parameters: Template | None


def merge_sections(receiver: PublishSpec | None, over: PublishSpec | None) -> PublishSpec | None:
    """Merge two publish sections. A scope that the receiver lacks is dropped, as Mistral does (L111)."""
    if receiver is None:
        return over
    if over is None:
        return receiver

    def scope(mine: Mapping[str, Any] | None, theirs: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        if mine is None or theirs is None:
            return mine
        return merge_deep(mine, theirs)

    return PublishSpec(scope(receiver.branch, over.branch), scope(receiver.global_, over.global_),
                       scope(receiver.atomic, over.atomic))


def effective_publish(spec: TaskSpec, state: str) -> PublishSpec | None:
    """on-complete over task-level, both over the specific clause (L110)."""
    task_level, clause = {
        states.SUCCESS: (spec.publish, spec.on_success),
        states.ERROR: (spec.publish_on_error, spec.on_error),
        states.SKIPPED: (spec.publish_on_skip, spec.on_skip),
    }[state]
    section = merge_sections(PublishSpec(branch=task_level) if task_level else None, spec.on_complete.publish)
    if clause.publish is not None:
        section = merge_sections(clause.publish, section)
    return section


class TaskProgram:
    """The compiled parts of one task."""

    def __init__(self, spec: TaskSpec, options: Options) -> None:
        self.spec = spec
        self._options = options

    def _compile(self, value: Any) -> Template:
        return compile_value(value, self._options)

    @cached_property
    def name(self) -> Template:
        """The name of the action or workflow to run."""
        return self._compile(self.spec.workflow if self.spec.workflow is not None else self.spec.action)

    @cached_property
    def input(self) -> Template:
        """The input mapping, or an expression giving one."""
        return self._compile(self.spec.input if isinstance(self.spec.input, str) else dict(self.spec.input))

    @cached_property
    def target(self) -> Template | None:
        """Where the action is to run."""
        return None if self.spec.target is None else self._compile(self.spec.target)

    @cached_property
    def items(self) -> dict[str, Template]:
        """The lists of ``with-items`` by variable."""
        return {name: self._compile(value) for name, value in self.spec.with_items.items()}

    @cached_property
    def policies(self) -> dict[str, Template]:
        """Compiled policy values by attribute name, ``retry_*`` for the parts of retry; absent ones are left out."""
        given: Policies = self.spec.policies
        values: dict[str, Any] = {
            "pause_before": given.pause_before, "wait_before": given.wait_before, "wait_after": given.wait_after,
            "fail_on": given.fail_on, "timeout": given.timeout, "concurrency": given.concurrency,
        }
        if given.retry is not None:
            values |= {"retry_count": given.retry.count, "retry_delay": given.retry.delay,
                       "retry_break_on": given.retry.break_on, "retry_continue_on": given.retry.continue_on}
        return {key: self._compile(value) for key, value in values.items() if value is not None}

    @cached_property
    def own_timeout(self) -> Template | None:
        """The timeout that is handed to whoever runs the action."""
        return None if self.spec.own_timeout is None else self._compile(self.spec.own_timeout)

    @cached_property
    def publications(self) -> dict[str, Publication]:
        """Effective publications by final state."""
        found = {}
        for state in (states.SUCCESS, states.ERROR, states.SKIPPED):
            section = effective_publish(self.spec, state)
            branch = self._compile(dict(section.branch)) if section and section.branch is not None else None
            glob = self._compile(dict(section.global_)) if section and section.global_ is not None else None
            found[state] = Publication(branch, glob, section is not None)
        return found

    @cached_property
    def transitions(self) -> dict[str, tuple[CompiledTransition, ...]]:
        """Compiled targets by clause name."""
        return {name: self._clause(clause) for name, clause in self.spec.clauses()}

    def _clause(self, clause: Clause) -> tuple[CompiledTransition, ...]:
        return tuple(self._transition(t) for t in clause.targets)

    def _transition(self, transition: Transition) -> CompiledTransition:
        return CompiledTransition(
            transition.target, transition.is_command,
            None if transition.condition is None else self._compile(transition.condition),
            compile_parameters(transition.parameters, self._options) if transition.parameters else None)


class Program:
    """The compiled parts of a workflow."""

    def __init__(self, spec: WorkflowSpec, options: Options = DEFAULT) -> None:
        self.spec = spec
        self.options = options
        self._tasks: dict[str, TaskProgram] = {}

    def compile(self, value: Any) -> Template:
        """Compile any value under the options of this program."""
        return compile_value(value, self.options)

    def task(self, name: str) -> TaskProgram:
        """The program of one task, made when first needed."""
        program = self._tasks.get(name)
        if program is None:
            program = self._tasks[name] = TaskProgram(self.spec.tasks[name], self.options)
        return program

    @cached_property
    def output(self) -> Template | None:
        """``output``."""
        return None if self.spec.output is None else self.compile(dict(self.spec.output))

    @cached_property
    def output_on_error(self) -> Template | None:
        """``output-on-error``."""
        return None if self.spec.output_on_error is None else self.compile(dict(self.spec.output_on_error))

    @cached_property
    def vars(self) -> Template:
        """``vars``."""
        return self.compile(dict(self.spec.vars))

    @cached_property
    def downstream_joins(self) -> dict[str, frozenset[str]]:
        """By task, the joins that can be reached from it (itself not counted unless by a cycle)."""
        joins = {name for name, task in self.spec.tasks.items() if task.join is not None}
        reach: dict[str, set[str]] = {name: set() for name in self.spec.tasks}
        for join in joins:
            stack, seen = [join], set()
            while stack:
                for source in self.spec.inbound.get(stack.pop(), ()):
                    if source not in seen:
                        seen.add(source)
                        reach[source].add(join)
                        stack.append(source)
        return {name: frozenset(found) for name, found in reach.items()}
