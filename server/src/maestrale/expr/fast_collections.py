"""Closures for YAQL's methods of collections. See ``fastpath``.

Walking through a collection counts a step for each of its elements; iterators are counted where they begin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from maestrale.expr import fast_operators as operators
from maestrale.expr import fast_values as values
from maestrale.expr.fast_nodes import FROZEN, RAW, Closure, Compiler, MethodBuilder, Node
from maestrale.expr.fast_values import UnsureError
from maestrale.expr.output import SCALARS

_MISSING = object()


def _length(compiler: Compiler, receiver: Node, trees: Any) -> Node:
    compiler.arguments(trees, 0, 0)
    source, length = receiver.run, values.length
    return Node(lambda current, run: length(source(current, run)))


def _count(compiler: Compiler, receiver: Node, trees: Any) -> Node:
    collection = walked(compiler, receiver)
    compiler.arguments(trees, 0, 0)
    return Node(lambda current, run: sum(1 for _ in collection(current, run)))


def walked(compiler: Compiler, receiver: Node) -> Callable[[Any, Any], Any]:
    """The receiver as a collection that is about to be walked through, each element of which is a step."""
    compiler.findings.loops = True
    source, options, sequence = receiver.run, compiler.options, values.sequence

    def walk(current: Any, run: Any) -> Any:
        collection = sequence(source(current, run), options)
        return run.meter.passes(collection)

    return walk


def _lambda(compiler: Compiler, receiver: Node, trees: Any) -> Node:
    """The one argument, evaluated with ``$`` for an element of the receiver."""
    if len(trees) != 1:
        raise UnsureError
    return compiler.loop(receiver).compile(trees[0])


def _select(compiler: Compiler, receiver: Node, trees: Any) -> Node:
    collection, node = walked(compiler, receiver), _lambda(compiler, receiver, trees)
    body = node.run

    def select(current: Any, run: Any) -> Any:
        # A map is what YAQL gives too, and shows as one where its text is asked for.
        return map(lambda element: body(element, run), collection(current, run))  # noqa: C417

    return Node(select, node.origin)


def _where(compiler: Compiler, receiver: Node, trees: Any) -> Node:
    collection, body = walked(compiler, receiver), _lambda(compiler, receiver, trees).run

    def where(current: Any, run: Any) -> Any:
        return filter(lambda element: body(element, run), collection(current, run))

    return Node(where, receiver.origin)


def _ordered(*, descending: bool) -> MethodBuilder:
    def build(compiler: Compiler, receiver: Node, trees: Any) -> Node:
        collection, key = walked(compiler, receiver), _lambda(compiler, receiver, trees).run

        def order(current: Any, run: Any) -> Any:
            return values.Ordered(collection(current, run), lambda element: key(element, run), descending=descending)

        return Node(order, receiver.origin)

    return build


def _quantified(*, wanted: bool) -> MethodBuilder:
    """``any`` looks for an element that holds, ``all`` for one that doesn't.

    Without a condition ``all`` takes the element for one, and ``any`` takes every element.
    """

    def build(compiler: Compiler, receiver: Node, trees: Any) -> Node:
        collection = walked(compiler, receiver)
        body: Closure = _lambda(compiler, receiver, trees).run if trees else lambda element, _run: wanted or element

        def decide(current: Any, run: Any) -> bool:
            for element in collection(current, run):
                if bool(body(element, run)) is wanted:
                    return wanted
            return not wanted

        return Node(decide)

    return build


def _first(compiler: Compiler, receiver: Node, trees: Any) -> Node:
    nodes = compiler.arguments(trees, 0, 1)
    source, options, sequence = receiver.run, compiler.options, values.sequence
    default = nodes[0].run if nodes else lambda _current, _run: _MISSING

    def first(current: Any, run: Any) -> Any:
        collection = sequence(source(current, run), options)
        fallback = default(current, run)
        value = next(iter(collection), _MISSING)
        if value is not _MISSING:
            return value
        if fallback is _MISSING:
            raise UnsureError
        return fallback

    origin = receiver.origin | (nodes[0].origin if nodes else 0)
    return Node(first, origin, receiver.shared and all(node.shared for node in nodes))


def _last(compiler: Compiler, receiver: Node, trees: Any) -> Node:
    compiler.arguments(trees, 0, 0)
    collection = walked(compiler, receiver)

    def last(current: Any, run: Any) -> Any:
        values_left = collection(current, run)
        value = _MISSING
        if type(values_left) is list:
            value = values_left[-1] if values_left else _MISSING
        else:
            for value in values_left:  # noqa: B007 - the last one is wanted
                pass
        if value is _MISSING:
            raise UnsureError
        return value

    return Node(last, receiver.origin, receiver.shared)


def _contains(compiler: Compiler, receiver: Node, trees: Any) -> Node:
    needle = compiler.arguments(trees, 1, 1)[0]
    return operators.contains(compiler, needle, receiver, text=False)


def _to_list(compiler: Compiler, receiver: Node, trees: Any) -> Node:
    compiler.arguments(trees, 0, 0)
    collection = walked(compiler, receiver)

    def to_list(current: Any, run: Any) -> list[Any]:
        return list(collection(current, run))

    return Node(operators.accounted(compiler, to_list), receiver.origin | FROZEN)


def _aggregate(compiler: Compiler, receiver: Node, trees: Any) -> Node:
    """``aggregate(function of $1 and $2, seed)``."""
    if not 1 <= len(trees) <= 2:
        raise UnsureError
    collection, step = walked(compiler, receiver), compiler.fold().compile(trees[0]).run
    seed = compiler.compile(trees[1]).run if len(trees) == 2 else None

    def aggregate(current: Any, run: Any) -> Any:
        elements = iter(collection(current, run))
        total = next(elements, _MISSING) if seed is None else seed(current, run)
        if total is _MISSING:
            raise UnsureError
        for element in elements:
            total = step((total, element), run)
            if isinstance(total, (Iterator, values.Ordered)):
                # Iterators over iterators without end would break the process when they run.
                raise UnsureError
        return total

    return Node(aggregate, FROZEN | RAW)


def _sum(compiler: Compiler, receiver: Node, trees: Any) -> Node:
    nodes = compiler.arguments(trees, 0, 1)
    collection, initial = walked(compiler, receiver), nodes[0].run if nodes else None

    def add_up(current: Any, run: Any) -> Any:
        elements = iter(collection(current, run))
        total = next(elements, _MISSING) if initial is None else initial(current, run)
        if not values.is_number(total):
            raise UnsureError
        for element in elements:
            values.numbers(total, element)
            total += element
        return total

    return Node(add_up)


def _extreme_of(*, greatest: bool) -> MethodBuilder:
    def build(compiler: Compiler, receiver: Node, trees: Any) -> Node:
        nodes = compiler.arguments(trees, 0, 1)
        collection, initial = walked(compiler, receiver), nodes[0].run if nodes else None

        def find(current: Any, run: Any) -> Any:
            elements = iter(collection(current, run))
            result = next(elements, _MISSING) if initial is None else initial(current, run)
            if result is _MISSING:
                raise UnsureError
            for element in elements:
                result = values.choose(result, element, greatest=greatest)
            return result

        return Node(find, receiver.origin | FROZEN | RAW)

    return build


def _slice(*, skip: bool) -> MethodBuilder:
    def build(compiler: Compiler, receiver: Node, trees: Any) -> Node:
        number = compiler.arguments(trees, 1, 1)[0].run
        collection = walked(compiler, receiver)

        def cut(current: Any, run: Any) -> Any:
            elements, count = collection(current, run), number(current, run)
            if type(count) is not int:
                raise UnsureError
            return islice(elements, count, None) if skip else islice(elements, count)

        return Node(cut, receiver.origin)

    return build


def _reverse(compiler: Compiler, receiver: Node, trees: Any) -> Node:
    compiler.arguments(trees, 0, 0)
    collection = walked(compiler, receiver)
    return Node(lambda current, run: reversed(list(collection(current, run))), receiver.origin)


def _select_many(compiler: Compiler, receiver: Node, trees: Any) -> Node:
    collection, node = walked(compiler, receiver), _lambda(compiler, receiver, trees)
    body, options = node.run, compiler.options

    def select(current: Any, run: Any) -> Iterator[Any]:
        return values.flattened((body(element, run) for element in collection(current, run)), options, run.meter)

    return Node(select, node.origin)


def _flatten(compiler: Compiler, receiver: Node, trees: Any) -> Node:
    compiler.arguments(trees, 0, 0)
    collection, options = walked(compiler, receiver), compiler.options

    def flatten(current: Any, run: Any) -> Iterator[Any]:
        return values.flattened(collection(current, run), options, run.meter, deep=True)

    return Node(flatten, receiver.origin)


def _distinct(compiler: Compiler, receiver: Node, trees: Any) -> Node:
    collection = walked(compiler, receiver)
    key = _lambda(compiler, receiver, trees).run if trees else lambda element, _run: element

    def first_of_each(elements: Any, run: Any) -> Iterator[Any]:
        seen: set[Any] = set()
        for element in elements:
            mark = hashable(key(element, run))
            if mark not in seen:
                seen.add(mark)
                yield element

    # The receiver is evaluated now, whether or not anyone asks for the elements.
    return Node(lambda current, run: first_of_each(collection(current, run), run), receiver.origin)


def hashable(value: Any) -> Any:
    """A value that is hashed alike here and in YAQL."""
    if type(value) not in SCALARS:
        raise UnsureError
    return value


def _lambdas(compiler: Compiler, receiver: Node, trees: Any, least: int, most: int) -> list[Node]:
    """Arguments that are all evaluated with ``$`` for an element of the receiver."""
    if not least <= len(trees) <= most:
        raise UnsureError
    inside = compiler.loop(receiver)
    return [inside.compile(tree) for tree in trees]


def _to_dict(compiler: Compiler, receiver: Node, trees: Any) -> Node:
    collection, nodes = walked(compiler, receiver), _lambdas(compiler, receiver, trees, 1, 2)
    key, value = nodes[0].run, nodes[1].run if len(nodes) == 2 else lambda element, _run: element

    def to_dict(current: Any, run: Any) -> dict[Any, Any]:
        return {hashable(key(element, run)): value(element, run) for element in collection(current, run)}

    return Node(operators.accounted(compiler, to_dict), FROZEN | RAW)


def _group_by(compiler: Compiler, receiver: Node, trees: Any) -> Node:
    collection, nodes = walked(compiler, receiver), _lambdas(compiler, receiver, trees, 1, 2)
    key, value = nodes[0].run, nodes[1].run if len(nodes) == 2 else lambda element, _run: element

    def group(current: Any, run: Any) -> Iterator[list[Any]]:
        groups: dict[Any, list[Any]] = {}
        for element in collection(current, run):
            item = value(element, run)
            groups.setdefault(hashable(key(element, run)), []).append(item)
        for members in groups.values():
            run.made(members)
        return map(list, groups.items())

    return Node(group, FROZEN | RAW)


def _index_where(compiler: Compiler, receiver: Node, trees: Any) -> Node:
    collection, body = walked(compiler, receiver), _lambda(compiler, receiver, trees).run

    def find(current: Any, run: Any) -> int:
        return next((at for at, element in enumerate(collection(current, run)) if body(element, run)), -1)

    return Node(find)


METHODS: Mapping[str, MethodBuilder] = {
    "len": _length,
    "count": _count,
    "select": _select,
    "map": _select,
    "where": _where,
    "filter": _where,
    "orderBy": _ordered(descending=False),
    "orderByDescending": _ordered(descending=True),
    "any": _quantified(wanted=True),
    "all": _quantified(wanted=False),
    "first": _first,
    "last": _last,
    "contains": _contains,
    "toList": _to_list,
    "sum": _sum,
    "min": _extreme_of(greatest=False),
    "max": _extreme_of(greatest=True),
    "skip": _slice(skip=True),
    "limit": _slice(skip=False),
    "take": _slice(skip=False),
    "reverse": _reverse,
    "aggregate": _aggregate,
    "reduce": _aggregate,
    "selectMany": _select_many,
    "flatten": _flatten,
    "distinct": _distinct,
    "toDict": _to_dict,
    "groupBy": _group_by,
    "indexWhere": _index_where,
}
