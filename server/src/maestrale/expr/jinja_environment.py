"""Jinja's sandbox with bounds: what the sandbox calls, calculates, filters and writes is counted and checked.

The sandbox of Jinja keeps templates away from Python. It does not keep them from asking for a text of ten gigabytes,
so every way to make something large out of something small has a check here. See ``Options`` for the ceilings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sized
from functools import update_wrapper
from typing import Any

from jinja2 import StrictUndefined, Undefined, nodes, pass_context
from jinja2.runtime import Context
from jinja2.sandbox import SandboxedEnvironment, SandboxedFormatter
from jinja2.utils import Namespace, _PassArg, generate_lorem_ipsum

from maestrale.expr import jinja_filters as filters
from maestrale.expr import jinja_syntax
from maestrale.expr.context import ContextView
from maestrale.expr.limits import (
    DEFAULT,
    LimitExceededError,
    Meter,
    Options,
    check_element_count,
    check_integer_bits,
    check_text_length,
)
from maestrale.expr.output import SCALARS, check_text_size

_CALL_STEPS = 4
_MAPPING_METHODS = frozenset(["clear", "copy", "fromkeys", "get", "items", "keys", "pop", "popitem", "setdefault", "update", "values"])


class MeteredContext(Context):
    """Jinja's context of names, and the meter of the evaluation."""

    meter: Meter


class MissingName(StrictUndefined):
    """Says of what a name is missing as Mistral does, whatever stands behind a mapping here."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        owner = self._undefined_obj
        if self._undefined_hint or not isinstance(owner, Mapping) or not isinstance(self._undefined_name, str):
            return super()._undefined_message
        kind = "mistral.workflow.data_flow.ContextView" if isinstance(owner, ContextView) else "dict"
        return f"{kind + ' object'!r} has no attribute {self._undefined_name!r}"


class BoundedEnvironment(SandboxedEnvironment):
    """The one environment for a set of options. Safe to use from several threads."""

    context_class = MeteredContext
    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self, options: Options) -> None:
        # Without the optimizer nothing is calculated while compiling, when no meter runs yet.
        super().__init__(undefined=MissingName, trim_blocks=True, lstrip_blocks=True, optimized=False, finalize=_written)
        self.options = options
        self.filters = {name: _guarded(name, function) for name, function in self.filters.items()}
        self.filters |= {
            jinja_syntax.PASS: _count_pass,
            jinja_syntax.PASSES: _count_passes,
            jinja_syntax.SEARCH: _count_search,
            jinja_syntax.MEASURE: _measured,
            jinja_syntax.CONCATENATE: _concatenated,
        }
        self.globals |= {"lipsum": _lipsum, "namespace": BoundedNamespace}

    def _generate(self, source: nodes.Template, *args: Any, **kwargs: Any) -> str:
        return super()._generate(jinja_syntax.count_work(source, self), *args, **kwargs)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """``obj.attribute``: of a mapping its methods, then its entries, and nothing of the class behind it (L182)."""
        if isinstance(obj, Mapping) and not attribute.startswith("__"):
            if attribute in _MAPPING_METHODS:
                return getattr(obj, attribute, None) or self.getitem(obj, attribute)
            if type(obj) is dict or not isinstance(obj, dict):
                try:
                    return obj[attribute]
                except LookupError:
                    return self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Calculate, if the result isn't too large."""
        if type(left) is int and type(right) is int:
            _check_integers(self.options, operator, left, right)
        elif not (type(left) is float or type(right) is float):
            _check_sizes(self.options, operator, left, right)
        result = super().call_binop(context, operator, left, right)
        if type(result) not in (int, float):
            _meter(context).make(result)
        return result

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805, PYI063
        """Call, and account for it: by Jinja's convention the names can't be those of a keyword argument."""
        meter = _meter(__context)
        meter.step(_CALL_STEPS)
        for argument in (*args, *kwargs.values()):
            if type(argument) is tuple:
                _check_nesting(argument, __self.options)
            if type(argument) in (tuple, list, dict):
                meter.step(check_text_size(argument, __self.options) // 8)
        owner = getattr(__obj, "__self__", None)
        if isinstance(owner, (str, bytes, list, int)) and not isinstance(owner, bool):
            filters.check_method(__self.options, owner, __obj.__name__, args, kwargs)
        result = super().call(__context, __obj, *args, **kwargs)
        if isinstance(result, str) and result is not owner:
            meter.reserve(len(result))
        return result

    def wrap_str_format(self, value: Any) -> Any:
        """``str.format`` and ``str.format_map`` with a formatter that refuses huge widths."""
        if super().wrap_str_format(value) is None:
            return None
        template = value.__self__
        formatter = _BoundedFormatter(self)

        def formatted(*args: Any, **kwargs: Any) -> Any:
            named = args[0] if value.__name__ == "format_map" else kwargs
            return type(template)(formatter.vformat(template, args, named))

        return update_wrapper(formatted, value)


class BoundedNamespace(Namespace):
    """Jinja's namespace: what one pass of a loop leaves in it for the next can't nest without end."""

    def __setitem__(self, name: str, value: Any) -> None:
        if type(value) is tuple:
            _check_nesting(value, DEFAULT)
        super().__setitem__(name, value)


class _BoundedFormatter(SandboxedFormatter):
    def __init__(self, environment: BoundedEnvironment) -> None:
        super().__init__(environment)
        self._options = environment.options

    def format_field(self, value: Any, format_spec: str) -> Any:
        filters.check_widths(format_spec, self._options)
        check_text_size(value, self._options)
        return super().format_field(value, format_spec)

    def convert_field(self, value: Any, conversion: Any) -> Any:
        check_text_size(value, self._options)
        return super().convert_field(value, conversion)


def _meter(context: Any) -> Meter:
    meter: Meter = context.meter
    return meter


def _check_nesting(value: tuple[Any, ...], options: Options) -> None:
    """Tuples within tuples without end would break the process when they are hashed."""
    level: list[tuple[Any, ...]] = [value]
    for _ in range(options.max_depth):
        level = [item for parent in level for item in parent if type(item) is tuple][: options.max_depth]
        if not level:
            return
    raise LimitExceededError(f"Value nests deeper than {options.max_depth} levels")


def _check_integers(options: Options, operator: str, left: int, right: int) -> None:
    if operator == "*":
        check_integer_bits(left.bit_length() + right.bit_length(), options)
    elif operator == "**" and right > 0 and not -2 < left < 2:
        check_integer_bits(left.bit_length() * right, options)


def _check_sizes(options: Options, operator: str, left: Any, right: Any) -> None:
    if operator == "*":
        value, times = (right, left) if isinstance(left, int) else (left, right)
        if isinstance(times, int) and isinstance(value, (str, bytes)):
            check_text_length(len(value) * times, options)
        elif isinstance(times, int) and isinstance(value, (list, tuple)):
            check_element_count(len(value) * times, options)
    elif operator == "+":
        if isinstance(left, str) and isinstance(right, str):
            check_text_length(len(left) + len(right), options)
        elif isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
            check_element_count(len(left) + len(right), options)
    elif operator == "%" and isinstance(left, (str, bytes)):
        filters.check_percent(options, left, right)


@pass_context
def _written(context: Any, value: Any) -> Any:
    """What an expression within a template comes to, before Jinja makes a text of it."""
    kind = type(value)
    if kind is str:
        context.meter.reserve(len(value))
    elif kind not in SCALARS and not isinstance(value, Undefined):
        check_text_size(value, context.environment.options)
        text = str(value)
        context.meter.reserve(len(text))
        return text
    return value


@pass_context
def _count_pass(context: Any, text_length: int) -> None:
    context.meter.step()
    if text_length:
        context.meter.reserve(text_length)


@pass_context
def _count_passes(context: Any, values: Any) -> Any:
    return values if isinstance(values, Undefined) else context.meter.passes(values)


@pass_context
def _count_search(context: Any, value: Any) -> Any:
    if type(value) in (list, tuple, dict, str):
        context.meter.step(len(value) // 64)
    return value


@pass_context
def _measured(context: Any, value: Any) -> Any:
    """A value that is about to be compared or hashed: parts may be shared, so it can be larger than it looks."""
    kind = type(value)
    if kind is list or kind is tuple or kind is dict:
        context.meter.step(check_text_size(value, context.environment.options) // 8)
    return value


@pass_context
def _concatenated(context: Any, values: list[Any]) -> str:
    options = context.environment.options
    length = 0
    for value in values:
        if type(value) is str:
            length += len(value)
        else:
            check_text_size(value, options)
    check_text_length(length, options)
    text = "".join(map(str, values))
    context.meter.make(text)
    return text


def _lipsum(n: int = 5, html: bool = True, min: int = 20, max: int = 100) -> str:  # noqa: A002 - the names are Jinja's
    if n * max > 100_000:
        raise LimitExceededError("lipsum() would make more than 100000 words")
    return generate_lorem_ipsum(n, html, min, max)


def _guarded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that counts what it is given, and checks its arguments where they could ask for too much."""
    passed = _PassArg.from_obj(function)
    check = filters.CHECKS.get(name)
    measured = name in filters.MEASURED

    def call(context: Any, value: Any = None, /, *args: Any, **kwargs: Any) -> Any:
        options = context.environment.options
        if name == "join" and not isinstance(value, (str, Sized, Undefined)):
            value = list(context.meter.passes(value))
        if not isinstance(value, Undefined):
            context.meter.step(1 + filters.size_of(value) // 16)
        for argument in (*args, *kwargs.values()):
            check_text_size(argument, options)
        if measured:
            check_text_size(value, options)
        if check is not None:
            check(options, value, *args, **kwargs)
        result = function(*_leading(passed, context), value, *args, **kwargs)
        if isinstance(result, str):
            context.meter.reserve(len(result))
        return result

    return pass_context(update_wrapper(call, function))


def _leading(passed: Any, context: Any) -> Iterable[Any]:
    if passed is None:
        return ()
    if passed is _PassArg.context:
        return (context,)
    return (context.eval_ctx if passed is _PassArg.eval_context else context.environment,)
