"""Which task leads to which, and the structural checks on that (1.7)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from maestrale.errors import DSLParsingError
from maestrale.lang.flaw import Flaw, suggestion
from maestrale.lang.specs import ALL, ENGINE_COMMANDS, TaskSpec
from maestrale.lang.yaml_text import Path

Names = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Graph:
    """Names in written order without repeats. ``targeted`` also counts transitions whose target is a command (L057)."""

    inbound: Names
    outbound: Names
    start_tasks: tuple[str, ...]
    targeted: Names


def direct_graph(tasks: Mapping[str, TaskSpec]) -> Graph:
    """Links made by the on-clauses."""
    inbound: dict[str, dict[str, None]] = {name: {} for name in tasks}
    outbound: dict[str, dict[str, None]] = {name: {} for name in tasks}
    targeted: dict[str, dict[str, None]] = {name: {} for name in tasks}
    for name, task in tasks.items():
        for _, target in _targets(task):
            if target in tasks:
                targeted[target][name] = None
                if target not in ENGINE_COMMANDS:
                    inbound[target][name] = None
                    outbound[name][target] = None
    return Graph(_frozen(inbound), _frozen(outbound), tuple(name for name in tasks if not targeted[name]), _frozen(targeted))


def reverse_graph(tasks: Mapping[str, TaskSpec]) -> Graph:
    """Links made by ``requires``: what a task requires is inbound."""
    inbound = {name: tuple(dict.fromkeys(other for other in task.requires if other in tasks)) for name, task in tasks.items()}
    outbound: dict[str, dict[str, None]] = {name: {} for name in tasks}
    for name, required in inbound.items():
        for other in required:
            outbound[other][name] = None
    return Graph(inbound, _frozen(outbound), tuple(name for name in tasks if not inbound[name]), inbound)


def check_direct(name: str, tasks: Mapping[str, TaskSpec], graph: Graph, path: Path) -> None:
    """Start tasks, targets, joins, in the order of Mistral. Raises Flaw."""
    if not graph.start_tasks:
        raise Flaw(
            "Failed to find start tasks in direct workflow. There must be at least one task without inbound transition."
            f" [workflow_name={name}]",
            path,
            kind=DSLParsingError,
        )
    for task in tasks.values():
        for clause, target in _targets(task):
            if target not in tasks and target not in ENGINE_COMMANDS:
                raise Flaw(f"Task '{target}' not found.", (*path, "tasks", task.name, clause), _near(target, tasks))
    _check_joins(tasks, graph, path)


def check_reverse(tasks: Mapping[str, TaskSpec], path: Path) -> None:
    """Every required task exists (L043); engine commands are none."""
    for task in tasks.values():
        for required in task.requires:
            if required not in tasks:
                raise Flaw(f"Task '{required}' not found.", (*path, "tasks", task.name, "requires"), suggestion(required, tasks))


def cycle(links: Names) -> tuple[str, ...]:
    """The tasks of some cycle in written order of its links, or nothing."""
    done: set[str] = set()
    for start in links:
        trail: dict[str, Iterator[str]] = {} if start in done else {start: iter(links[start])}
        while trail:
            here = next(reversed(trail))
            step = next(trail[here], None)
            if step is None:
                done.add(here)
                del trail[here]
            elif step in trail:
                names = list(trail)
                return tuple(names[names.index(step) :])
            elif step not in done:
                trail[step] = iter(links[step])
    return ()


def reachable(links: Names, starts: tuple[str, ...]) -> set[str]:
    """All tasks that some way leads to from the start tasks."""
    found, waiting = set(starts), list(starts)
    while waiting:
        new = [name for name in links[waiting.pop()] if name not in found]
        found.update(new)
        waiting.extend(new)
    return found


def _targets(task: TaskSpec) -> Iterator[tuple[str, str]]:
    for name, clause in task.clauses():
        for transition in clause.targets:
            yield name, transition.target


def _check_joins(tasks: Mapping[str, TaskSpec], graph: Graph, path: Path) -> None:
    """All bad joins in one Flaw (L040); inbound tasks are counted once each (L041)."""
    texts, first = [], ""
    for name, task in tasks.items():
        count = len(graph.targeted[name])
        if task.join == ALL and not count:
            texts.append(f"No inbound tasks for task with 'join: all' [task_name={name}]")
        elif task.join is not None and count < task.join:
            texts.append(f"Not enough inbound tasks for task with 'join' [task_name={name}, join={task.join}, inbound_tasks={count}]")
        else:
            continue
        first = first or name
    if texts:
        raise Flaw("\n".join(texts), (*path, "tasks", first, "join"), "inbound are tasks that name this one in an on-clause")


def _near(target: str, tasks: Mapping[str, TaskSpec]) -> str:
    command, parenthesis, rest = target.partition("(")
    if parenthesis and command in ENGINE_COMMANDS:
        return f"a command with parameters needs a blank: {command} {rest.removesuffix(')')}"
    return suggestion(target, {*tasks, *ENGINE_COMMANDS})


def _frozen(links: Mapping[str, Mapping[str, None]]) -> Names:
    return {name: tuple(others) for name, others in links.items()}
