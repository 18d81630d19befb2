"""What is accepted in a task and yet does nothing, or something else than it seems to (6.3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from maestrale.lang.expression_surprises import always_true, in_value, syntax_error
from maestrale.lang.inline import parse_command, skipped
from maestrale.lang.items import parse_items, rest_of_item
from maestrale.lang.rules import CLAUSES, POLICIES
from maestrale.lang.specs import ENGINE_COMMANDS, Clause, PublishSpec, TaskSpec, Transition, WorkflowSpec
from maestrale.lang.transitions import parse_clause, target_path
from maestrale.lang.yaml_text import Path

Found = Iterator[tuple[Path, str]]


def task_surprises(task: TaskSpec, workflow: WorkflowSpec, path: Path) -> Found:
    """All surprises of one task with their places."""
    data = task.raw
    defaults = workflow.raw.get("task-defaults") or {}
    yield from _name(task, workflow, path)
    for key in ("action", "workflow"):
        if isinstance(data.get(key), str):
            yield from command_surprises(data[key], (*path, key))
            yield from _unchecked(parse_command(data[key]).name, (*path, key))
    yield from _unchecked(task.target, (*path, "target"))
    for key in ("input", "publish", "publish-on-error", "publish-on-skip"):
        for name, value in data[key].items() if isinstance(data.get(key), Mapping) else ():
            yield from _unchecked(value, (*path, key, name))
    yield from _policies(task, defaults, path)
    yield from _items(task, workflow, path)
    for key in CLAUSES:
        if key in data and workflow.type == "direct":
            yield from clause_surprises(data[key], (*path, key))
    yield from _publishing(task, path)
    for key, value in data.items():
        for text in dict.fromkeys(in_value(value)):
            yield (*path, key), text


def command_surprises(text: str, path: Path) -> Found:
    """Parts of a command string that Mistral drops or reads in another way (H32-H34)."""
    command = parse_command(text)
    rest = [piece for piece in skipped(text, command) if piece not in ("(", ")", ",")]
    if rest:
        yield path, f"dropped, since it fits no parameter form: {', '.join(map(repr, rest))}; put values in quotes, or use 'input'"
    for name, value in command.parameters.items():
        if isinstance(value, str) and f"{name}=[" in text and value.startswith("["):
            yield path, f"parameter {name!r} reaches to the last ']' and is no JSON, so it is the text {value!r}"


def clause_surprises(data: Any, path: Path) -> Found:
    """Conditions and targets of an on-clause that have no effect (H30, H31, H41, H43)."""
    if isinstance(data, Mapping):
        ignored = [key for key in data if key not in ("publish", "next")]
        if ignored:
            yield (
                path,
                f"a mapping without 'publish' and 'next' is ignored, so there is no transition to {ignored[0]!r}; write it as a list item",
            )
        elif isinstance(data.get("next"), Mapping):
            yield (*path, "next"), "the condition of a mapping under 'next' is ignored; write it as a list item"
        if isinstance(data.get("publish"), Mapping) and "atomic" in data["publish"]:
            yield (*path, "publish", "atomic"), "'atomic' variables are never published; use 'branch' or 'global'"
    targets = parse_clause(data, path).targets
    for index, transition in enumerate(targets):
        yield from _transition(transition, len(targets) - index - 1, target_path(data, index, path))
    for index, item in enumerate(data if isinstance(data, list) else ()):
        target, condition = next(iter(item.items())) if isinstance(item, Mapping) else (item, "<% true %>")
        if not isinstance(condition, str):
            yield (*path, index), f"the condition of {target!r} is ignored, since it is no expression"


def _transition(transition: Transition, later: int, path: Path) -> Found:
    reason = always_true(transition.condition) if transition.condition else ""
    if reason:
        yield path, f"the condition of {transition.target!r} has no effect: {reason}"
    if transition.parameters and not transition.is_command:
        yield path, f"parameters of {transition.target!r} are ignored: it is a task, which can't be given any"
    for value in transition.parameters.values():
        yield from _unchecked(value, path)
    ignored = sorted(transition.parameters.keys() - {"msg"})
    if transition.is_command and ignored:
        yield path, f"parameter {ignored[0]!r} of {transition.target!r} is ignored: only 'msg' means something"
    if transition.target in ("fail", "succeed") and transition.condition is None and later:
        yield path, f"targets after {transition.target!r} are dropped"


def _name(task: TaskSpec, workflow: WorkflowSpec, path: Path) -> Found:
    if task.name in ENGINE_COMMANDS and task.name not in workflow.start_tasks and workflow.type == "direct":
        yield path, f"the task never runs: a transition to {task.name!r} is the engine command of that name"
    if " " in task.name and workflow.type == "direct":
        yield path, "no on-clause can lead to a task with a blank in its name: it would be read as a command with parameters"


def _policies(task: TaskSpec, defaults: Mapping[str, Any], path: Path) -> Found:
    data = task.raw
    for key in ("keep-result", "safe-rerun"):
        if isinstance(data.get(key), str):
            yield (*path, key), "the expression is never evaluated and counts as true; write true or false"
    for key in POLICIES.keys() & data.keys() & defaults.keys():
        if data[key] in (0, False):
            yield (*path, key), f"{data[key]!r} does not switch off the default of 'task-defaults'; an expression giving it does"
    if isinstance(data.get("retry"), str):
        yield from command_surprises(f"retry {data['retry']}", (*path, "retry"))
    if task.policies.concurrency and not task.with_items and "concurrency" in data:
        yield (*path, "concurrency"), "means nothing without 'with-items'"


def _items(task: TaskSpec, workflow: WorkflowSpec, path: Path) -> Found:
    data = task.raw.get("with-items")
    place = (*path, "with-items")
    texts = data if isinstance(data, list) else [data] if data else []
    for text in texts:
        rest = rest_of_item(text)
        if rest:
            yield place, f"the text after the list is ignored: {rest!r}"
    if len(task.with_items) < len(texts):
        names = [name for text in texts for name in parse_items(text, {}, place)]
        repeated = next(name for name in names if names.count(name) > 1)
        yield place, f"the variable {repeated!r} is given twice; only its last list is used"
    hidden = task.with_items.keys() & {name for other in workflow.tasks.values() for name in other.publish}
    for name in sorted(hidden):
        yield place, f"a published variable {name!r} hides the item variable of that name"


def _publishing(task: TaskSpec, path: Path) -> Found:
    """Which variables get lost or overruled when publish sections meet (H60, H61; 1.13)."""
    for key, specific, clause in (
        ("publish", "on-success", task.on_success),
        ("publish-on-error", "on-error", task.on_error),
        ("publish-on-skip", "on-skip", task.on_skip),
    ):
        layers = [(key, PublishSpec(branch=task.raw[key])) if task.raw.get(key) else None, _section("on-complete", task.on_complete)]
        merged = [layer for layer in layers[: 1 if specific == "on-skip" else 2] if layer]
        if len(merged) == 2:
            yield from _merge(merged[0], merged[1], path)
        receiving = _section(specific, clause)
        if merged and receiving:
            for layer in merged:
                yield from _merge(receiving, layer, path)


Section = tuple[str, PublishSpec]


def _section(key: str, clause: Clause) -> Section | None:
    return (key, clause.publish) if clause.publish else None


def _merge(receiving: Section, over: Section, path: Path) -> Found:
    """``over`` wins over ``receiving``, and loses what it has in scopes that the other lacks."""
    for scope in ("branch", "global_"):
        here: Mapping[str, Any] | None = getattr(receiving[1], scope)
        there: Mapping[str, Any] | None = getattr(over[1], scope)
        label = scope.removesuffix("_")
        if there and here is None:
            yield (*path, over[0]), f"its {label} variables are lost, since {receiving[0]!r} publishes without that scope"
        for name in sorted((there or {}).keys() & (here or {}).keys()):
            yield (*path, receiving[0]), f"variable {name!r} is overruled by the one in {over[0]!r}"


def _unchecked(value: Any, path: Path) -> Found:
    problem = syntax_error(value)
    if problem:
        yield path, f"fails when it runs: {problem}"
