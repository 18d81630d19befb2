"""Closures for literals, access and operators. See ``fastpath``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from yaql.language import expressions

from maestrale.expr import fast_values as values
from maestrale.expr.fast_nodes import FROZEN, RAW, Closure, Compiler, Node
from maestrale.expr.fast_values import UnsureError
from maestrale.expr.limits import check_element_count, check_integer_bits, check_text_length

MOST = 10_000
"""Arguments that a function of any number of them may have here."""


def constant(_compiler: Compiler, tree: Any) -> Node:
    """A literal, or a bare word (L202)."""
    value = tree.value
    return Node(lambda _current, _run: value, 0, shared=True)


def variable(compiler: Compiler, tree: Any) -> Node:
    """``$`` and what begins with it; what nothing was bound to is null."""
    name = tree.path.value
    if name in ("$", "$1"):
        return compiler.current
    if name in ("$__env", "$__execution", "$__task_execution"):
        key = name[1:]

        def internal(_current: Any, run: Any) -> Any:
            return run.root.get(key) if isinstance(run.root, Mapping) else None

        return Node(internal, RAW, shared=True)
    return compiler.second if name == "$2" else Node(lambda _current, _run: None)


def wrapped(compiler: Compiler, tree: Any) -> Node:
    """An expression in parentheses."""
    return compiler.compile(tree.expr)


def literal_list(compiler: Compiler, trees: Any) -> Node:
    """A list of the arguments' values."""
    nodes = compiler.arguments(trees, 0, MOST)
    runs = tuple(node.run for node in nodes)
    origin = FROZEN
    for node in nodes:
        origin |= node.origin

    def build(current: Any, run: Any) -> list[Any]:
        return [part(current, run) for part in runs]

    return Node(accounted(compiler, build), origin)


def is_rule(tree: Any) -> bool:
    """An argument of the form ``key => value``."""
    return type(tree) is expressions.MappingRuleExpression


def mapping_rules(compiler: Compiler, trees: Any) -> list[tuple[Node, Node]]:
    """Arguments that are all of the form ``key => value``."""
    if not all(map(is_rule, trees)):
        raise UnsureError
    return [(compiler.compile(tree.source), compiler.compile(tree.destination)) for tree in trees]


def build_map(compiler: Compiler, trees: Any) -> Node:
    """A mapping of ``key => value`` pairs."""
    nodes = mapping_rules(compiler, trees)
    runs = tuple((key.run, value.run) for key, value in nodes)
    origin = FROZEN
    for key, value in nodes:
        origin |= key.origin | value.origin

    def build(current: Any, run: Any) -> dict[Any, Any]:
        return {key(current, run): value(current, run) for key, value in runs}

    return Node(accounted(compiler, build), origin)


def accounted(compiler: Compiler, make: Closure) -> Closure:
    """A closure that makes a value, accounted for where it may do so again and again."""
    if not compiler.looping:
        return make
    return lambda current, run: run.made(make(current, run))


def index(compiler: Compiler, tree: Any) -> Node:
    """``receiver[key]`` and ``receiver[key, default]`` (L206)."""
    receiver, *rest = compiler.arguments(tree.args, 2, 3)
    get, node_shared = receiver.run, receiver.shared
    if len(rest) == 1:
        key = rest[0].run
        item = values.item
        return Node(lambda current, run: item(get(current, run), key(current, run)), receiver.origin, node_shared)
    key, default = rest[0].run, rest[1].run
    mapping = values.mapping

    def lookup(current: Any, run: Any) -> Any:
        source = mapping(get(current, run))
        return source.get(key(current, run), default(current, run))

    return Node(lookup, receiver.origin | rest[1].origin, node_shared and rest[1].shared)


def attribute(compiler: Compiler, receiver: Node, key: str) -> Node:
    """``receiver.key``."""
    get = receiver.run
    attribute, metered = values.attribute, values.metered_attribute
    if compiler.looping:

        def look_up_metered(current: Any, run: Any) -> Any:
            return metered(get(current, run), key, run.meter)

        return Node(look_up_metered, receiver.origin, receiver.shared)

    def look_up(current: Any, run: Any) -> Any:
        value = get(current, run)
        return value[key] if type(value) is dict else attribute(value, key)

    if receiver is compiler.current:

        def look_up_in_current(current: Any, _run: Any) -> Any:
            return current[key] if type(current) is dict else attribute(current, key)

        return Node(look_up_in_current, receiver.origin, receiver.shared)
    return Node(look_up, receiver.origin, receiver.shared)


def unary(compiler: Compiler, tree: Any) -> Node:
    """``not``, and the signs of numbers."""
    operand = compiler.compile(tree.args[0]).run
    if tree.operator == "not":
        return Node(lambda current, run: not operand(current, run))
    negative = tree.operator == "-"

    def signed(current: Any, run: Any) -> Any:
        value = operand(current, run)
        if not values.is_number(value):
            raise UnsureError
        return -value if negative else +value

    return Node(signed)


def _scalar_operator(function: Callable[[Any, Any], Any]) -> Callable[[Compiler, Node, Node], Node]:
    def build(_compiler: Compiler, left: Node, right: Node) -> Node:
        one, other = left.run, right.run
        return Node(lambda current, run: function(one(current, run), other(current, run)))

    return build


def _equal(_compiler: Compiler, left: Node, right: Node) -> Node:
    return Node(_equality(left, right))


def _unequal(_compiler: Compiler, left: Node, right: Node) -> Node:
    equal = _equality(left, right)
    return Node(lambda current, run: not equal(current, run))


def _equality(left: Node, right: Node) -> Closure:
    one, other = left.run, right.run
    comparable = may_compare(left, right)

    def equal(current: Any, run: Any) -> bool:
        first, second = one(current, run), other(current, run)
        if not comparable and values.is_container(first) and values.is_container(second):
            raise UnsureError
        return bool(first == second)

    return equal


def may_compare(left: Node, right: Node) -> bool:
    """Whether collections of the two may be compared: of one kind, and one of them is data, so it is a tree."""
    return left.origin | right.origin != FROZEN | RAW and (left.shared or right.shared)


def contains(compiler: Compiler, needle: Node, hay: Node, *, text: bool = True) -> Node:
    """``needle in hay``: an element of a collection, or (with ``text``) a part of a text."""
    one, other = needle.run, hay.run
    comparable = may_compare(needle, hay)
    options, looping = compiler.options, compiler.looping

    def search(current: Any, run: Any) -> bool:
        value, collection = one(current, run), other(current, run)
        if type(collection) is str:
            if type(value) is not str or not text:
                raise UnsureError
            return value in collection
        if not comparable and values.is_container(value):
            raise UnsureError
        collection = values.sequence(collection, options)
        if looping and type(collection) is list:
            run.meter.step(len(collection) // 64)
        return value in collection

    return Node(search)


def _add(compiler: Compiler, left: Node, right: Node) -> Node:
    one, other = left.run, right.run
    options, looping = compiler.options, compiler.looping
    origin = left.origin | right.origin
    tuples = not origin & RAW

    def add(current: Any, run: Any) -> Any:
        first, second = one(current, run), other(current, run)
        kind = type(first)
        if kind is int and type(second) is int:
            total = first + second
            if not -(1 << 64) < total < 1 << 64:
                check_integer_bits(total.bit_length(), options)
            return total
        result: Any
        if kind is str and type(second) is str:
            check_text_length(len(first) + len(second), options)
        elif kind is list and type(second) is list and tuples:
            check_element_count(len(first) + len(second), options)
        elif isinstance(first, Mapping) and isinstance(second, Mapping):
            result = {**first, **second}
            return run.made(result) if looping else result
        else:
            values.numbers(first, second)
            return first + second
        result = first + second
        return run.made(result) if looping else result

    return Node(add, origin | FROZEN)


def _multiply(compiler: Compiler, left: Node, right: Node) -> Node:
    one, other = left.run, right.run
    options = compiler.options

    def multiply(current: Any, run: Any) -> Any:
        return values.multiply(one(current, run), other(current, run), options)

    return Node(accounted(compiler, multiply))


def _and(_compiler: Compiler, left: Node, right: Node) -> Node:
    one, other = left.run, right.run
    return Node(
        lambda current, run: one(current, run) and other(current, run),
        left.origin | right.origin,
        left.shared and right.shared,
    )


def _or(_compiler: Compiler, left: Node, right: Node) -> Node:
    one, other = left.run, right.run
    return Node(
        lambda current, run: one(current, run) or other(current, run),
        left.origin | right.origin,
        left.shared and right.shared,
    )


BINARY: Mapping[str, Callable[[Compiler, Node, Node], Node]] = {
    "=": _equal,
    "!=": _unequal,
    "<": _scalar_operator(values.less),
    "<=": _scalar_operator(values.less_or_equal),
    ">": _scalar_operator(values.greater),
    ">=": _scalar_operator(values.greater_or_equal),
    "+": _add,
    "-": _scalar_operator(values.subtract),
    "*": _multiply,
    "/": _scalar_operator(values.divide),
    "mod": _scalar_operator(values.modulo),
    "in": contains,
    "and": _and,
    "or": _or,
}
"""Operators with two operands that are both evaluated here, apart from the dots."""
