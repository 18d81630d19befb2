"""The workflows that are run, and what each may come to.

Each task that reaches out has a path at the sink of its own, so the requests of a path are the effects of one task, or of
one item of it. ``unsafe`` shapes have actions that must not be repeated: such an execution may end in ERROR, if
an action was lost with its process and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from storm.sink import Sink

LOST = "The process that ran the action ended before the action did"

Waits = Mapping[str, tuple[str, float]]
"""A path's last part to that of another one, and how many seconds after it the first may come at the soonest."""


@dataclass(frozen=True)
class Shape:
    """``text`` is the body of the workflow ``name``; ``output`` gives what SUCCESS has to have put out for a run's path."""

    name: str
    text: str
    output: Callable[[str], Any]
    unsafe: bool = False
    final: str = "SUCCESS"
    needs: str = ""
    waits: Waits = field(default_factory=dict)


def http(path: str, more: str = "", *, safe: bool = False) -> str:
    """An ``std.http`` action in one line; ``path`` is the part below the run's. ``safe``: its task says safe-rerun."""
    query = "&".join(filter(None, ["safe=1" if safe else "", more]))
    return f"std.http url='<% $.sink %>/<% $.run %>/{path}?{query}' method='POST'"


def _value(name: str) -> str:
    return f"publish: {{{name}: <% task().result.content.value %>}}"


def chain(*, safe: bool = False) -> str:
    """Four tasks in a row, each with one request."""
    tasks = []
    for name, following in zip("abcd", "bcd ", strict=True):
        tasks.append(f"""
      {name}:
        action: {http(name, 'delay=0.3', safe=safe)}
        safe-rerun: {str(safe).lower()}
        {_value(name)}
        {f'on-success: {following}' if following.strip() else ''}""")
    return "".join(tasks)


CHAIN_OUTPUT = "output: {all: [<% $.a %>, <% $.b %>, <% $.c %>, <% $.d %>]}"

HEAD = "input: [sink, run]"

SHAPES = (
    Shape("chain", f"""
    {HEAD}
    {CHAIN_OUTPUT}
    tasks: {chain()}
    """, lambda run: {"all": [f"/{run}/{name}" for name in "abcd"]}, unsafe=True),
    Shape("safe_chain", f"""
    {HEAD}
    {CHAIN_OUTPUT}
    tasks: {chain(safe=True)}
    """, lambda run: {"all": [f"/{run}/{name}" for name in "abcd"]}),
    Shape("joined", f"""
    {HEAD}
    output: {{end: <% $.end %>, a: <% $.a %>, b: <% $.b %>, c: <% $.c %>}}
    task-defaults: {{safe-rerun: true}}
    tasks:
      begin: {{action: std.noop, on-success: [a, b, c]}}
      a: {{action: "{http('a', safe=True)}", {_value('a')}, on-success: end}}
      b: {{action: "{http('b', 'delay=0.3', safe=True)}", {_value('b')}, on-success: end}}
      c: {{action: "{http('c', 'delay=0.1', safe=True)}", {_value('c')}, on-success: end}}
      end: {{join: all, action: "{http('end', safe=True)}", {_value('end')}}}
    """, lambda run: {name: f"/{run}/{name}" for name in ("end", "a", "b", "c")}),
    Shape("items", f"""
    {HEAD}
    output: {{all: <% $.all %>}}
    tasks:
      many:
        with-items: i in <% range(12) %>
        concurrency: 3
        safe-rerun: true
        action: {http('<% $.i %>', 'delay=0.05', safe=True)}
        publish: {{all: "<% task().result.select($.content.value) %>"}}
    """, lambda run: {"all": [f"/{run}/{i}" for i in range(12)]}),
    Shape("unsafe_items", f"""
    {HEAD}
    output: {{all: <% $.all %>}}
    tasks:
      many:
        with-items: i in <% range(8) %>
        concurrency: 2
        action: {http('<% $.i %>', 'delay=0.2')}
        publish: {{all: "<% task().result.select($.content.value) %>"}}
    """, lambda run: {"all": [f"/{run}/{i}" for i in range(8)]}, unsafe=True),
    Shape("retried", f"""
    {HEAD}
    output: {{a: <% $.a %>}}
    tasks:
      a: {{action: "{http('a', 'fail=2')}", retry: {{count: 30, delay: 1}}, {_value('a')}}}
    """, lambda run: {"a": f"/{run}/a"}, unsafe=True),
    Shape("waiting", f"""
    {HEAD}
    output: {{all: [<% $.a %>, <% $.b %>, <% $.c %>]}}
    tasks:
      a: {{action: "{http('a')}", {_value('a')}, on-success: b}}
      b: {{action: "{http('b')}", wait-before: 3, wait-after: 2, {_value('b')}, on-success: c}}
      c: {{action: "{http('c')}", {_value('c')}}}
    """, lambda run: {"all": [f"/{run}/{name}" for name in "abc"]}, unsafe=True, waits={"b": ("a", 3.0), "c": ("b", 2.0)}),
    Shape("timed", f"""
    {HEAD}
    output: {{after: <% $.after %>}}
    tasks:
      slow: {{action: "{http('slow', 'delay=25')}", timeout: 2, on-error: after}}
      after: {{action: "{http('after', safe=True)}", safe-rerun: true, {_value('after')}}}
    """, lambda run: {"after": f"/{run}/after"}, waits={"after": ("slow", 0.0)}),
    Shape("nested", f"""
    {HEAD}
    output: {{all: <% $.all %>, last: <% $.last %>}}
    tasks:
      many:
        with-items: i in <% range(3) %>
        workflow: safe_chain sink=<% $.sink %> run='<% $.run %>/<% $.i %>'
        publish: {{all: "<% task().result.select($.all.last()) %>"}}
        on-success: last
      last: {{workflow: joined sink=<% $.sink %> run='<% $.run %>/last', publish: {{last: <% task().result.end %>}}}}
    """, lambda run: {"all": [f"/{run}/{i}/d" for i in range(3)], "last": f"/{run}/last/end"}),
    Shape("nested_unsafe", f"""
    {HEAD}
    output: {{all: <% $.all %>}}
    tasks:
      sub: {{workflow: chain sink=<% $.sink %> run='<% $.run %>/sub', publish: {{all: <% task().result.all %>}}}}
    """, lambda run: {"all": [f"/{run}/sub/{name}" for name in "abcd"]}, unsafe=True),
    Shape("completed_outside", """
    input: [sink, run]
    output: {a: <% $.a %>, b: <% $.b %>}
    tasks:
      a: {action: std.async_noop, publish: {a: <% task().result %>}, on-success: b}
      b: {action: std.async_noop, publish: {b: <% task().result %>}}
    """, lambda _: None, needs="completion"),
    Shape("called_back", f"""
    {HEAD}
    output: {{a: <% $.a %>}}
    tasks:
      a: {{action: "std.mistral_http url='<% $.sink %>/<% $.run %>/a' method='POST'", publish: {{a: <% task().result %>}}}}
    """, lambda _: None, unsafe=True, needs="completion"),
    Shape("held", f"""
    {HEAD}
    output: {{all: [<% $.a %>, <% $.b %>]}}
    tasks:
      a: {{action: "{http('a', safe=True)}", safe-rerun: true, {_value('a')}, on-success: b}}
      b: {{action: "{http('b', safe=True)}", safe-rerun: true, pause-before: true, {_value('b')}}}
    """, lambda run: {"all": [f"/{run}/a", f"/{run}/b"]}, needs="resume"),
    Shape("dropped", f"""
    {HEAD}
    output: {{after: <% $.after %>}}
    tasks:
      a: {{action: "{http('a', 'drop=1')}", on-error: after}}
      after: {{action: "{http('after', safe=True)}", safe-rerun: true, {_value('after')}}}
    """, lambda run: {"after": f"/{run}/after"}),
    Shape("cancelled", f"""
    {HEAD}
    tasks:
      slow: {{action: "{http('slow', 'delay=25', safe=True)}", safe-rerun: true, on-success: after}}
      after: {{action: "{http('after')}"}}
    """, lambda _: None, needs="cancel", final="CANCELLED"),
    Shape("counting", f"""
    {HEAD}
    output: {{n: <% $.n %>}}
    vars: {{n: 0}}
    tasks:
      begin: {{action: std.noop, on-success: count}}
      count:
        action: std.echo output=<% $.n + 1 %>
        publish: {{n: <% task().result %>}}
        on-success: [{{more: <% $.n < 40 %>}}]
      more: {{action: std.noop, on-success: count}}
    """, lambda _: {"n": 40}),
)


TICKED = Shape("ticked", f"""
    {HEAD}
    output: {{a: <% $.a %>}}
    tasks:
      a: {{action: "{http('a')}", {_value('a')}}}
    """, lambda run: {"a": f"/{run}/a"}, unsafe=True)
"""What cron triggers start."""


def definitions() -> str:
    """One document with all workflows."""
    return "version: '2.0'\n" + "\n".join(f"{shape.name}:{shape.text}" for shape in (*SHAPES, TICKED))


def too_early(shape: Shape, run: str, sink: Sink) -> list[str]:
    """What came before its time, by the requests at the sink."""
    found = []
    for name, (before, seconds) in shape.waits.items():
        first, second = sink.hits(f"/{run}/{before}"), sink.hits(f"/{run}/{name}")
        if first and second and second[0].at - first[-1].at < seconds - 0.05:
            found.append(f"{name} came {second[0].at - first[-1].at:.2f} s after {before}, expected {seconds:g}")
    return found
