"""The everyday part of YAQL as closures over unconverted data.

``compile_tree`` walks YAQL's own syntax tree, so the syntax is YAQL's. It gives None for a tree with anything in it
that has no closure. A closure answers, or raises: UnsureError where the types at hand aren't ones that it knows, any
other exception where evaluation fails. In both cases YAQL evaluates the expression once more and has the last word, so
an error's text is always YAQL's own; only LimitExceededError is final.

A closure takes the current element (``$``) and the run. What it gives carries two facts known beforehand:

* ``origin`` says how YAQL would see containers in the value: ``FROZEN`` (data and literals, tuples and frozen dicts
  there) or ``RAW`` (results of functions, lists and dicts there). YAQL finds a tuple and a list to differ, so where
  both kinds could meet, containers are not compared here.
* ``shared`` says that the value, if it is a list or a dict, is stored data just as it is, and ready to be stored again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from yaql.language import expressions

from maestrale.errors import DatabaseUnavailableError
from maestrale.expr import fast_collections as collections
from maestrale.expr import fast_mappings as mappings
from maestrale.expr import fast_operators as operators
from maestrale.expr import fast_texts as texts
from maestrale.expr.context import Scope
from maestrale.expr.fast_functions import FUNCTIONS
from maestrale.expr.fast_nodes import Compiler, Findings, MethodBuilder, Node, Run
from maestrale.expr.fast_values import UnsureError
from maestrale.expr.limits import LimitExceededError, Options
from maestrale.expr.output import SCALARS


@dataclass(frozen=True, slots=True)
class Fast:
    """A whole expression."""

    node: Node
    loops: bool
    options: Options

    def evaluate(self, scope: Scope) -> Any:
        """The value, iterators not yet run. Raises UnsureError and whatever evaluation raises."""
        return self.node.run(scope.root, Run(scope, self.options) if self.loops else scope)

    def as_is(self, value: Any) -> bool:
        """Whether a value that ``evaluate`` gave is ready to be stored."""
        kind = type(value)
        if kind in SCALARS:
            return True
        return self.node.shared and (kind is dict or kind is list) and self.options.limit_iterators < 0


FINAL = (LimitExceededError, DatabaseUnavailableError)
"""What evaluation raises that YAQL need not be asked about."""


def compile_tree(tree: Any, options: Options) -> Fast | None:
    """Closures for a syntax tree, None if it has a part without one or the options aren't the usual ones."""
    if not (
        options.convert_input_data
        and options.convert_output_data
        and options.convert_tuples_to_lists
        and not options.iterable_dicts
        and not options.allow_delegates
        and options.memory_quota <= 0
    ):
        return None
    findings = Findings()
    try:
        node = Compiler(options, findings, _BUILDERS).compile(tree)
    except (UnsureError, RecursionError):
        return None
    return Fast(node, findings.loops, options)


def _binary(compiler: Compiler, tree: Any) -> Node:
    left, right = tree.args
    if tree.operator == ".":
        return _member(compiler, compiler.compile(left), right)
    if tree.operator == "?.":
        return _null_safe_member(compiler, compiler.compile(left), right)
    build = _OPERATORS.get(tree.operator)
    if build is None:
        raise UnsureError
    return build(compiler, compiler.compile(left), compiler.compile(right))


def _member(compiler: Compiler, receiver: Node, member: Any) -> Node:
    if type(member) is expressions.KeywordConstant:
        return operators.attribute(compiler, receiver, member.value)
    method = _METHODS.get(member.name) if type(member) is expressions.Function else None
    if method is None:
        raise UnsureError
    return method(compiler, receiver, member.args)


def _null_safe_member(compiler: Compiler, receiver: Node, member: Any) -> Node:
    """``receiver?.member``: null if the receiver is, which is evaluated once, hence takes the place of ``$``."""
    arguments = getattr(member, "args", ())
    if not all(isinstance(argument, expressions.Constant) for argument in arguments):
        raise UnsureError
    get = receiver.run
    value_itself = Node(lambda current, _run: current, receiver.origin, receiver.shared)
    inner = _member(compiler, value_itself, member)
    use = inner.run

    def look_up(current: Any, run: Any) -> Any:
        value = get(current, run)
        return None if value is None else use(value, run)

    return Node(look_up, inner.origin, inner.shared)


def _function(compiler: Compiler, tree: Any) -> Node:
    build = FUNCTIONS.get(tree.name)
    if build is None:
        raise UnsureError
    return build(compiler, tree.args)


_METHODS: Mapping[str, MethodBuilder] = {**collections.METHODS, **mappings.METHODS, **texts.METHODS}
_OPERATORS: Mapping[str, Callable[[Compiler, Node, Node], Node]] = {
    **operators.BINARY,
    "=~": partial(texts.match, wanted=True),
    "!~": partial(texts.match, wanted=False),
}

_BUILDERS: Mapping[type[Any], Callable[[Compiler, Any], Node]] = {
    expressions.Constant: operators.constant,
    expressions.KeywordConstant: operators.constant,
    expressions.GetContextValue: operators.variable,
    expressions.Wrap: operators.wrapped,
    expressions.ListExpression: lambda compiler, tree: operators.literal_list(compiler, tree.args),
    expressions.MapExpression: lambda compiler, tree: operators.build_map(compiler, tree.args),
    expressions.IndexExpression: operators.index,
    expressions.BinaryOperator: _binary,
    expressions.UnaryOperator: operators.unary,
    expressions.Function: _function,
}
