"""YAQL itself: its parser, and its evaluator under a meter (2.7).

Parsing and evaluating may be done by several threads at once: nothing that they change is shared.
"""

from __future__ import annotations

import collections.abc  # noqa: F401 - yaql uses it without importing it
import copy
import inspect
from datetime import timedelta, timezone
from functools import cache
from typing import Any

import yaql
from yaql.language import conventions, exceptions, factory, specs, utils, yaqltypes

from maestrale.expr import yaql_guards
from maestrale.expr.context import Scope
from maestrale.expr.functions import NAMES, Functions
from maestrale.expr.limits import LimitExceededError, Meter, Options
from maestrale.expr.yaql_data import convert, raw
from maestrale.expr.yaql_runner import Context, Engine, shown

NO_VALUE = utils.NO_VALUE


@cache
def _factory(keyword_operator: str, allow_delegates: bool) -> Any:
    return factory.YaqlFactory(keyword_operator=keyword_operator, allow_delegates=allow_delegates).create()


def parse(text: str, options: Options) -> Any:
    """The syntax tree of an expression without its marks.

    Raises yaql's parsing exceptions and a few of Python's, and LimitExceededError for a text that is too long.
    """
    if len(text) > options.max_expression_length:
        raise LimitExceededError(f"Expression has more than {options.max_expression_length} characters")
    engine = _factory(options.keyword_operator, options.allow_delegates)
    # The tables are shared; position and stacks belong to each parse.
    return copy.copy(engine.parser).parse(text, lexer=engine.lexer.clone())


@cache
def _engine_options(options: Options) -> Any:
    return utils.FrozenDict(
        {
            "yaql.limitIterators": options.element_limit,
            "yaql.memoryQuota": options.memory_limit,
            "yaql.convertTuplesToLists": options.convert_tuples_to_lists,
            "yaql.convertSetsToLists": options.convert_sets_to_lists,
            "yaql.iterableDicts": options.iterable_dicts,
            "yaql.convertOutputData": options.convert_output_data,
        }
    )


_FUNCTIONS = "#functions"
"""Name in a context that no expression can write."""


@cache
def _root_context(options: Options) -> Any:
    context = yaql.create_context(context=Context(convention=conventions.CamelCaseConvention()))
    yaql_guards.install(context, options)
    context = context.create_child_context()
    for name, attribute in NAMES.items():
        context.register_function(_bridge(attribute), name=name)
    context.register_function(_now, name="now")
    context.settled = {}
    return context


def _bridge(attribute: str) -> Any:
    """A function that YAQL can call for one of ``Functions``: the same parameters, the object found in the context."""

    def call(context: Any, *args: Any) -> Any:
        return raw(getattr(context[_FUNCTIONS], attribute)(*args))

    own = inspect.signature(getattr(Functions, attribute)).parameters.values()
    context = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    call.__signature__ = inspect.Signature([context, *list(own)[1:]])  # type: ignore[attr-defined]
    return call


@specs.parameter("offset", timedelta)  # type: ignore[untyped-decorator]
def _now(context: Any, offset: timedelta = timedelta(0)) -> Any:
    """The time, from the one clock there is, where YAQL would read the machine's."""
    zone = yaqltypes.DateTime.utctz if not offset else timezone(offset)
    return context[_FUNCTIONS].now().replace(tzinfo=yaqltypes.DateTime.utctz).astimezone(zone)


def evaluate(expression: Any, scope: Scope, options: Options) -> Any:
    """The value of a syntax tree: YAQL's own types, iterators not yet run.

    ``consume`` has to be applied to it. Raises what the functions raise.
    """
    context = _root_context(options).create_child_context()
    if options.convert_input_data:
        if scope.converted is None:
            scope.converted = convert(scope.root)
        context["$"] = scope.converted
    else:
        context["$"] = scope.root
    for name in ("__env", "__execution", "__task_execution"):
        context[name] = scope.internal(name)
    context[_FUNCTIONS] = Functions(scope, options)
    return expression(NO_VALUE, context, Engine(_engine_options(options), Meter(options), scope.converted))


def reason(error: Exception, scope: Scope, options: Options) -> str:
    """The text of what an evaluation raised, with the limit where it was one."""
    if isinstance(error, exceptions.WrappedException):
        error = error.wrapped
    if isinstance(error, KeyError) and error.args:
        # The text of a KeyError is that of the key, which may be any value.
        key = shown(error.args[0], scope.converted)
        return repr(key) if key is error.args[0] else str(key)
    text = str(error)
    if isinstance(error, exceptions.MemoryQuotaExceededException) and options.memory_quota <= 0:
        text = f"{text}: more than {options.max_memory} bytes"
    return text
