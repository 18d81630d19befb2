"""Syntax trees of Jinja: what a template uses, whether it could change data, and where its work is to be counted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jinja2 import nodes
from jinja2.sandbox import SandboxedEnvironment
from jinja2.visitor import NodeTransformer

from maestrale.expr.functions import NAMES

PASS = "#pass"  # noqa: S105 - the name of a filter, which no template can write
PASSES = "#passes"
SEARCH = "#search"
MEASURE = "#measure"
CONCATENATE = "#concatenate"

_GLOBALS = frozenset({"range", "dict", "lipsum", "cycler", "joiner", "namespace"})
_SEARCHING = frozenset({"in", "notin", "eq", "ne"})
_MUTATORS = frozenset({
    "append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort", "add", "discard", "update", "popitem",
    "setdefault", "difference_update", "intersection_update", "symmetric_difference_update",
})  # fmt: skip
_ATTRIBUTE_FILTERS = frozenset({
    "attr", "map", "select", "reject", "selectattr", "rejectattr", "groupby", "sort", "sum", "unique", "min", "max", "join",
})  # fmt: skip


def used_names(tree: nodes.Node) -> frozenset[str]:
    """All names in a tree, whatever they stand for."""
    return frozenset(name.name for name in tree.find_all(nodes.Name))


def may_change_data(tree: nodes.Node) -> bool:
    """Whether evaluating could change a list or a dict that it was given.

    For that a method which changes its owner has to be got hold of, and something has to be called that isn't one of
    the known functions. Errs towards yes, which only costs a copy.
    """
    return _may_get_mutator(tree) and _calls_unknown(tree)


def _may_get_mutator(tree: nodes.Node) -> bool:
    if any(node.attr in _MUTATORS for node in tree.find_all(nodes.Getattr)):
        return True
    if any(not _is_harmless(node.arg) for node in tree.find_all(nodes.Getitem)):
        return True
    return any(
        node.name == "attr" or not all(map(_is_harmless, _filter_arguments(node)))
        for node in tree.find_all(nodes.Filter)
        if node.name in _ATTRIBUTE_FILTERS
    )


def _filter_arguments(node: nodes.Filter) -> Iterator[nodes.Node]:
    yield from node.args
    yield from (pair.value for pair in node.kwargs)
    yield from (part for part in (node.dyn_args, node.dyn_kwargs) if part is not None)


def _is_harmless(node: nodes.Node) -> bool:
    """A constant that isn't the name of a method that changes its owner."""
    if isinstance(node, nodes.Slice):
        return True
    if not isinstance(node, nodes.Const):
        return False
    return not isinstance(node.value, str) or not _MUTATORS.intersection(node.value.split("."))


def _calls_unknown(tree: nodes.Node) -> bool:
    assigned = {name.name for name in tree.find_all(nodes.Name) if name.ctx != "load"}
    known = (_GLOBALS | NAMES.keys()) - assigned
    return any(not (isinstance(call.node, nodes.Name) and call.node.name in known) for call in tree.find_all(nodes.Call))


class _Counting(NodeTransformer):
    """Puts filters of our own where a template loops, searches and puts texts together."""

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802 - the name is Jinja's
        self.generic_visit(node)
        text = sum(len(data.data) for part in node.body for data in part.find_all(nodes.TemplateData))
        node.body.insert(0, nodes.ExprStmt(_filtered(nodes.Const(text), PASS), lineno=node.lineno))
        if node.test is not None:
            node.iter = _filtered(node.iter, PASSES)
        return node

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:  # noqa: N802 - the name is Jinja's
        self.generic_visit(node)
        node.expr = _measured(node.expr)
        for operand in node.ops[:-1]:
            operand.expr = _measured(operand.expr)
        return node

    def visit_Pair(self, node: nodes.Pair) -> nodes.Node:  # noqa: N802 - the name is Jinja's
        self.generic_visit(node)
        node.key = _measured(node.key)
        return node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:  # noqa: N802 - the name is Jinja's
        self.generic_visit(node)
        if isinstance(node.arg, nodes.Expr) and not isinstance(node.arg, nodes.Slice):
            node.arg = _measured(node.arg)
        return node

    def visit_Operand(self, node: nodes.Operand) -> nodes.Node:  # noqa: N802 - the name is Jinja's
        self.generic_visit(node)
        if node.op in _SEARCHING and not isinstance(node.expr, nodes.Const):
            node.expr = _filtered(node.expr, SEARCH)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802 - the name is Jinja's
        self.generic_visit(node)
        return _filtered(nodes.List(node.nodes, lineno=node.lineno), CONCATENATE)


def _measured(node: nodes.Expr) -> nodes.Expr:
    """An expression whose value will be compared or hashed."""
    return node if isinstance(node, nodes.Const) else _filtered(node, MEASURE)


def _filtered(node: nodes.Node, name: str) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)


def count_work(tree: nodes.Template, environment: SandboxedEnvironment) -> nodes.Template:
    """Make a template count its work; the environment has to have the filters for it."""
    result: Any = _Counting().visit(tree)
    tree.set_environment(environment)
    assert isinstance(result, nodes.Template)
    return result
