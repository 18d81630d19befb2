"""Closures for YAQL's methods of mappings. See ``fastpath``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from maestrale.expr import fast_operators as operators
from maestrale.expr import fast_values as values
from maestrale.expr.fast_collections import hashable
from maestrale.expr.fast_nodes import FROZEN, RAW, Compiler, MethodBuilder, Node


def _get(compiler: Compiler, receiver: Node, trees: Any) -> Node:
    nodes = compiler.arguments(trees, 1, 2)
    source, key, mapping = receiver.run, nodes[0].run, values.mapping
    if len(nodes) == 1:
        return Node(lambda current, run: mapping(source(current, run)).get(key(current, run)), receiver.origin, receiver.shared)
    default = nodes[1].run
    return Node(
        lambda current, run: mapping(source(current, run)).get(key(current, run), default(current, run)),
        receiver.origin | nodes[1].origin,
        receiver.shared and nodes[1].shared,
    )


def _view(view: str) -> MethodBuilder:
    def build(compiler: Compiler, receiver: Node, trees: Any) -> Node:
        compiler.arguments(trees, 0, 0)
        source, looping = receiver.run, compiler.looping

        def look(current: Any, run: Any) -> Any:
            mapping = values.mapping(source(current, run))
            if looping:
                run.meter.step(len(mapping) // 64)
            return mapping.keys() if view == "keys" else mapping.values()

        return Node(look, receiver.origin)

    return build


def _contains_key(compiler: Compiler, receiver: Node, trees: Any) -> Node:
    key = compiler.arguments(trees, 1, 1)[0].run
    source, mapping = receiver.run, values.mapping
    return Node(lambda current, run: _has_key(mapping(source(current, run)), key(current, run)))


def _has_key(mapping: Mapping[Any, Any], key: Any) -> bool:
    return key in mapping


def _set(compiler: Compiler, receiver: Node, trees: Any) -> Node:
    """``set(key, value)`` or ``set(key => value, ...)``; the form with a mapping is rare."""
    if len(trees) == 2 and not any(operators.is_rule(tree) for tree in trees):
        rules = [(compiler.compile(trees[0]), compiler.compile(trees[1]))]
    else:
        rules = operators.mapping_rules(compiler, trees)
    runs = [(key.run, value.run) for key, value in rules]
    origin = receiver.origin | FROZEN
    for _, value in rules:
        origin |= value.origin
    source = receiver.run

    def change(current: Any, run: Any) -> dict[Any, Any]:
        mapping = values.mapping(source(current, run))
        changes = {key(current, run): value(current, run) for key, value in runs}
        return {**mapping, **changes}

    return Node(operators.accounted(compiler, change), origin)


def _delete(compiler: Compiler, receiver: Node, trees: Any) -> Node:
    source, keys = receiver.run, [node.run for node in compiler.arguments(trees, 1, 100)]

    def without(current: Any, run: Any) -> dict[Any, Any]:
        mapping = values.mapping(source(current, run))
        unwanted = {hashable(key(current, run)) for key in keys}
        return {key: value for key, value in mapping.items() if key not in unwanted}

    return Node(without, receiver.origin | RAW)


def _merge_with(compiler: Compiler, receiver: Node, trees: Any) -> Node:
    other = compiler.arguments(trees, 1, 1)[0]
    one, two = receiver.run, other.run
    tuples = not (receiver.origin | other.origin) & RAW

    def merge(current: Any, run: Any) -> dict[Any, Any]:
        return values.merged(values.mapping(one(current, run)), values.mapping(two(current, run)), tuples=tuples)

    return Node(operators.accounted(compiler, merge), receiver.origin | other.origin | RAW)


METHODS: Mapping[str, MethodBuilder] = {
    "get": _get,
    "keys": _view("keys"),
    "values": _view("values"),
    "containsKey": _contains_key,
    "set": _set,
    "delete": _delete,
    "mergeWith": _merge_with,
}
