"""How long expressions take, by kind of expression and size of the context.

Run it as ``python benchmarks/bench_expr.py [PART OF A NAME]``: each line is the best of several runs, in microseconds an
evaluation, with a small context and with one of 5,000 entries. What stays the same in both columns doesn't depend on
the size of the context. The last lines are YAQL's own evaluator, as OpenStack Mistral drives it, for comparison.
"""

# ruff: noqa: INP001 - a script

from __future__ import annotations

import collections.abc  # noqa: F401 - yaql uses it without importing it
import sys
import time
import timeit
from collections.abc import Callable
from typing import Any

import yaql
import yaql.language.factory

from maestrale.expr import DEFAULT, ContextView, Scope, check_syntax, compile_value
from maestrale.expr.template import _compile_text

SIZES = (10, 5_000)

VALUES: dict[str, Any] = {
    "literal mapping": {"a": 1, "b": ["x", {"c": None}], "d": "text"},
    "path": "<% $.a.b %>",
    "path, Jinja": "{{ _.a.b }}",
    "large value": "<% $.servers %>",
    "large value, Jinja": "{{ _.servers }}",
    "condition": "<% $.a.b > 0 and $.s = 'x' %>",
    "condition, Jinja": "{{ _.a.b > 0 and _.s == 'x' }}",
    "arithmetic": "<% ($.a.b + 1) * 2 mod 3 %>",
    "text": "server <% $.s %> has <% $.a.b %> disks",
    "text, Jinja": "server {{ _.s }} has {{ _.a.b }} disks",
    "mapping of expressions": {"a": "<% $.a.b %>", "b": ["<% $.s %>", 1, {"c": "<% $.a %>"}], "d": "text"},
    "length": "<% $.servers.len() %>",
    "first of where": "<% $.servers.where($.ram > 1).first().name %>",
    "names of ten": "<% $.few.name %>",
    "where on ten": "<% $.few.where($.ram > 4).name %>",
    "where on ten, Jinja": "{{ _.few | selectattr('ram', 'gt', 4) | map(attribute='name') | list }}",
    "loop, Jinja": "{% for s in _.few %}{{ s.name }}{% endfor %}{{ '' }}",
    "YAQL proper: let": "<% let(x => $.a) -> $x.b %>",
    "YAQL proper: zip": "<% $.few.zip($.few).len() %>",
}


def context(size: int) -> dict[str, Any]:
    """A context whose list has ``size`` entries."""
    servers = [{"name": f"s{number}", "ram": number % 32, "disks": [{"id": number}]} for number in range(size)]
    return {"a": {"b": 1}, "s": "x", "few": servers[:10], "servers": servers, "__execution": {"id": "e"}}


def microseconds(function: Callable[[], object]) -> float:
    """The best of five runs of at least 0.2 seconds in all."""
    # The time of this process, which doesn't grow when others work too.
    timer = timeit.Timer(function, timer=time.process_time)
    number, _ = timer.autorange()
    return min(timer.repeat(5, max(1, number // 5))) / max(1, number // 5) * 1e6


def report(name: str, functions: list[Callable[[], object]]) -> None:
    """One line."""
    sys.stdout.write(f"{name:34}" + "".join(f"{microseconds(function):14.3f}" for function in functions) + "\n")


def evaluations(value: Any) -> list[Callable[[], object]]:
    """One evaluation for each size of the context."""
    template = compile_value(value)
    scopes = [Scope(ContextView([{"__env": {}}, context(size)])) for size in SIZES]
    return [lambda scope=scope: template.evaluate(scope) for scope in scopes]


def compilations(text: str) -> Callable[[], object]:
    """Compiling a text that isn't in the cache."""
    return lambda: _compile_text.__wrapped__(text, DEFAULT)


def reference(expression: str) -> list[Callable[[], object]]:
    """YAQL with the whole context converted each time, parsed each time."""
    engine = yaql.language.factory.YaqlFactory(keyword_operator="=>").create()
    root = yaql.create_context()
    contexts = [context(size) for size in SIZES]
    return [lambda data=data: engine(expression).evaluate(data, root.create_child_context()) for data in contexts]


def main(part: str = "") -> None:
    """Measure what has ``part`` in its name."""
    sys.stdout.write(f"{'microseconds':34}" + "".join(f"{f'{size} entries':>14}" for size in SIZES) + "\n")
    for name, value in VALUES.items():
        if part in name:
            report(name, evaluations(value))
    for name, text in (("compile: YAQL", "<% $.a.b > 0 and $.s = x %>"), ("compile: Jinja", "{{ _.a.b > 0 and _.s == 'x' }}")):
        if part in name:
            report(name, [compilations(text)])
            report(name.replace("compile", "check"), [lambda text=text: check_syntax(text)])
    for expression in ("$.a.b", "$.few.where($.ram > 4).name"):
        if part in "reference":
            report(f"reference: {expression}", reference(expression))


if __name__ == "__main__":
    main(*sys.argv[1:])
