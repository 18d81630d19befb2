"""The workflows that whole-server benchmarks run, and the ratio to OpenStack Mistral that each should reach."""

# ruff: noqa: INP001 - a module of the scripts beside it

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Body = dict[str, Any]

BESIDE = "-beside"
"""After the name of results that were measured beside another server, which takes its part of the machine."""


def chain(n: int, action: str = "std.noop") -> Body:
    """Tasks one after another."""
    return {"tasks": {f"t{i}": {"action": action, **({"on-success": f"t{i + 1}"} if i < n else {})} for i in range(1, n + 1)}}


def fan(n: int) -> Body:
    """Branches into one join."""
    branches = {f"t{i}": {"action": "std.noop", "on-success": "end"} for i in range(n)}
    return {"tasks": {**branches, "end": {"join": "all", "action": "std.noop"}}}


def items(n: int, action: str = "std.echo output=<% $.i %>") -> Body:
    """One task over n items, whose results are counted."""
    each = {"with-items": f"i in <% range({n}) %>", "action": action, "publish": {"r": "<% task().result %>"}}
    return {"input": [{"base": ""}], "output": {"r": "<% $.r.len() %>"}, "tasks": {"each": each}}


def children(n: int, child: str) -> Body:
    """A sub-workflow for each item."""
    each = {"with-items": f"i in <% range({n}) %>", "workflow": f"{child} i=<% $.i %>", "publish": {"r": "<% task().result %>"}}
    return {"output": {"r": "<% $.r.len() %>"}, "tasks": {"each": each}}


def child() -> Body:
    """What ``children`` starts: two tasks."""
    tasks = {"a": {"action": "std.echo output=<% $.i %>", "on-success": "b"}, "b": {"action": "std.noop"}}
    return {"input": ["i"], "output": {"i": "<% $.i %>"}, "tasks": tasks}


def readers(n: int) -> Body:
    """A chain whose every task reads one big value and publishes something small."""
    tasks = {
        f"t{i}": {"action": "std.noop", "publish": {f"v{i}": "<% $.blob.len() %>"}, **({"on-success": f"t{i + 1}"} if i < n else {})}
        for i in range(1, n + 1)
    }
    return {"input": [{"blob": ""}], "output": {"n": f"<% $.v{n} %>"}, "tasks": tasks}


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """``executions`` are started, eight requests at once, of ``tasks`` tasks or actions each; ``bar``: times Mistral's speed.

    ``calls``: its actions call the program's own HTTP server. ``answered``: its actions are completed by requests. ``by_request``: as many
    requests as tasks, so that it is looked at what the client itself can do.
    """

    name: str
    about: str
    body: Body
    executions: int
    tasks: int
    bar: int
    input: Mapping[str, Any] = field(default_factory=dict)
    expected: Mapping[str, Any] = field(default_factory=dict)
    calls: bool = False
    answered: bool = False
    by_request: bool = False


BLOB = 262_144
CHILD = "benchmark_child"
HTTP_CALL = 'std.http url="<% $.base %>/<% $.i %>"'
SINGLE = Workload(
    name="single", about="one no-op, one at a time: median latency", body=chain(1), executions=100, tasks=1, bar=10,
)
WORKLOADS = (
    Workload(name="start", about="workflows of one no-op", body=chain(1), executions=400, tasks=1, bar=40, by_request=True),
    Workload(name="seq10", about="chains of 10", body=chain(10), executions=100, tasks=10, bar=100),
    Workload(name="join100", about="100 branches into a join", body=fan(100), executions=8, tasks=101, bar=150),
    Workload(name="join400", about="400 branches into a join", body=fan(400), executions=2, tasks=401, bar=150),
    Workload(name="items100", about="100 items", body=items(100), executions=8, tasks=100, bar=80, expected={"r": 100}),
    Workload(name="items1000", about="1,000 items", body=items(1000), executions=2, tasks=1000, bar=80, expected={"r": 1000}),
    Workload(name="sub20", about="20 sub-workflows", body=children(20, CHILD), executions=8, tasks=61, bar=80, expected={"r": 20}),
    Workload(
        name="data20x256k", about="20 tasks that read 256 KB", body=readers(20), executions=8, tasks=20, bar=40,
        input={"blob": "x" * BLOB}, expected={"n": BLOB},
    ),
    Workload(
        name="http50", about="50 HTTP calls", body=items(50, HTTP_CALL), executions=8, tasks=50, bar=20, expected={"r": 50}, calls=True,
    ),
    Workload(
        name="async50", about="50 results from outside, a request each", body=items(50, "std.async_noop"), executions=8, tasks=50,
        bar=25, expected={"r": 50}, answered=True, by_request=True,
    ),
)
