"""What compiling an expression to closures passes around: nodes, and the place in the expression.

See ``fastpath`` for what a closure may do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from maestrale.expr.context import Scope
from maestrale.expr.fast_values import UnsureError
from maestrale.expr.limits import Meter, Options

FROZEN = 1
RAW = 2

Closure = Callable[[Any, Any], Any]


class Node(NamedTuple):
    """A compiled part of an expression."""

    run: Closure
    origin: int = 0
    shared: bool = False


class Run:
    """One evaluation of an expression that loops: the scope's content, and a meter."""

    __slots__ = ("lookup", "meter", "root", "scope")

    def __init__(self, scope: Scope, options: Options) -> None:
        self.scope = scope
        self.root = scope.root
        self.lookup = scope.lookup
        self.meter = Meter(options)

    def made(self, value: Any) -> Any:
        """Account for a list, a dict or a text that was made in a loop."""
        kind = type(value)
        if kind is dict:
            self.meter.nest(value, value.values())
        else:
            self.meter.make(value)
            if kind is list:
                self.meter.nest(value, value)
        return value


def _unsure(_current: Any, _run: Any) -> Any:
    raise UnsureError


_HIDDEN = Node(_unsure)
"""``$2`` in a loop within a function of two values: the closure there is given no more than one."""

_NULL = Node(lambda _current, _run: None)
_CURRENT = Node(lambda current, _run: current, FROZEN, shared=True)


@dataclass(slots=True)
class Findings:
    """What compiling found out about the whole expression."""

    loops: bool = False


@dataclass(frozen=True, slots=True)
class Compiler:
    """Where in an expression we are: inside of a loop or not, and what ``$`` is there."""

    options: Options
    findings: Findings
    builders: Mapping[type[Any], Callable[[Compiler, Any], Node]]
    looping: bool = False
    current: Node = _CURRENT
    second: Node = _NULL

    def loop(self, over: Node) -> Compiler:
        """The inside of a loop over a collection."""
        self.findings.loops = True
        element = Node(lambda current, _run: current, over.origin, over.shared)
        return replace(self, looping=True, current=element, second=_NULL if self.second is _NULL else _HIDDEN)

    def fold(self) -> Compiler:
        """The inside of a function of two values, ``$1`` and ``$2``, which a closure is given as a pair."""
        self.findings.loops = True
        first = Node(lambda pair, _run: pair[0], FROZEN | RAW)
        return replace(self, looping=True, current=first, second=Node(lambda pair, _run: pair[1], FROZEN | RAW))

    def compile(self, tree: Any) -> Node:
        """Raises UnsureError for what has no closure."""
        build = self.builders.get(type(tree))
        if build is None:
            raise UnsureError
        return build(self, tree)

    def arguments(self, trees: Any, least: int, most: int) -> list[Node]:
        """Positional arguments, if their number is right; named and left out ones are YAQL's business."""
        if not least <= len(trees) <= most:
            raise UnsureError
        return [self.compile(tree) for tree in trees]


MethodBuilder = Callable[[Compiler, Node, Any], Node]
"""Takes the receiver and the trees of the arguments."""
