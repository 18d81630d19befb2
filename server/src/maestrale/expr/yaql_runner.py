"""How a call in YAQL finds its function and runs: YAQL's rules, with what is the same each time looked up once.

Every call is counted by the meter of its evaluation, which travels as the engine that YAQL hands to functions.
Error texts of YAQL contain the receiver of a method; here a receiver too large for a text is only described.
"""

from __future__ import annotations

import collections.abc  # noqa: F401 - yaql uses it without importing it
from collections.abc import Callable
from functools import partial
from typing import Any

from yaql.language import contexts, exceptions, expressions, runner, utils, yaqltypes

from maestrale.expr.limits import LimitExceededError, Meter, Options
from maestrale.expr.output import check_text_size

NO_VALUE = utils.NO_VALUE

_ACCESSORS = frozenset({
    "#operator_.", "#operator_?.", "#operator_->", "#operator_and", "#operator_or", "#indexer", "#get_context_data",
    "get", "first", "last", "single", "switch", "switchCase", "coalesce", "min", "max", "assert", "call",
    "task", "tasks", "env", "execution", "executions", "global",
})  # fmt: skip
"""Functions that hand on a value that exists already; what others return counts as memory."""

_LONGEST_SHOWN = Options(max_elements=10_000, max_text_length=20_000)


_CALL_STEPS = 20
_VARIABLE = "#get_context_data"


class Engine:
    """What functions of YAQL take for their engine: its options, and the meter of this evaluation."""

    __slots__ = ("meter", "options", "root")

    def __init__(self, options: Any, meter: Meter, root: Any) -> None:
        self.options = options
        self.meter = meter
        self.root = root


class _Fitting:
    """Overloads that could take arguments of certain kinds: by context, nearest first, each with its parameters."""

    __slots__ = ("chosen", "lazy", "levels")

    def __init__(self, levels: list[list[tuple[Any, Any]]], lazy: set[Any]) -> None:
        self.levels = levels
        self.lazy = lazy
        self.chosen: dict[tuple[type[Any], ...], Any] = {}
        """By types of the evaluated arguments; YAQL's checks look at nothing else."""


class Overloads:
    """All functions of one name, by context, nearest first; and what was found out about them, if they stay."""

    __slots__ = ("fitting", "levels")

    def __init__(self, levels: list[list[Any]]) -> None:
        self.levels = levels
        self.fitting: dict[tuple[Any, ...], _Fitting] = {}


class Context(contexts.Context):  # type: ignore[misc]
    """YAQL's context with calls that are counted, and quick where nothing new was registered."""

    settled: dict[tuple[str, bool, bool], Overloads] | None = None
    """Of a context that won't change any more, nor its parents: what was found from there on up."""

    def __call__(
        self,
        name: str,
        engine: Engine,
        receiver: Any = NO_VALUE,
        data_context: Any = None,
        use_convention: bool = False,
        function_filter: Any = None,
    ) -> Callable[..., Any]:
        """A function by name, to be called with the arguments; YAQL's own functions use no filter."""
        assert function_filter is None
        return partial(_call, name, self, engine, receiver, self if data_context is None else data_context, use_convention)

    def overloads(self, name: str, is_method: bool, use_convention: bool) -> Overloads:
        """The overloads of a function or a method, from here upwards."""
        levels: list[list[Any]] = []
        context: Any = self
        while context is not None:
            if context.settled is not None:
                key = name, is_method, use_convention
                found: Overloads | None = context.settled.get(key)
                if found is None:
                    found = context.settled[key] = Overloads(_levels(context, *key))
                return Overloads(levels + found.levels) if levels else found
            if context._functions:  # noqa: SLF001 - of the same class
                level = _matching(context, name, is_method, use_convention)
                if level:
                    levels.append(level)
            context = context.parent
        return Overloads(levels)

    def get_data(self, name: str, default: Any = None, ask_parent: bool = True) -> Any:
        """The value bound to a name here, or above."""
        name = self._normalize_name(name)
        context: Any = self
        while context is not None:
            data = context._data  # noqa: SLF001 - of the same class
            if name in data:
                return data[name]
            context = context.parent if ask_parent else None
        return default


def _levels(context: Any, name: str, is_method: bool, use_convention: bool) -> list[list[Any]]:
    levels: list[list[Any]] = []
    while context is not None:
        level = _matching(context, name, is_method, use_convention)
        if level:
            levels.append(level)
        context = context.parent
    return levels


def _matching(context: Any, name: str, is_method: bool, use_convention: bool) -> list[Any]:
    functions, _exclusive = context.get_functions(name, None, use_convention)
    return [function for function in functions if (function.is_method if is_method else function.is_function)]


def _call(
    name: str,
    context: Context,
    engine: Engine,
    receiver: Any,
    data_context: Any,
    use_convention: bool,
    /,
    *args: Any,
    **kwargs: Any,
) -> Any:
    meter = engine.meter
    is_method = receiver is not NO_VALUE
    overloads = context.overloads(name, is_method, use_convention)
    if name == _VARIABLE and len(overloads.levels) == 1:
        # So frequent, and its one argument always is a constant.
        meter.step()
        return data_context.get_data(args[0].value)
    meter.step(_CALL_STEPS)
    if not overloads.levels:
        if is_method:
            raise exceptions.NoMethodRegisteredException(name, shown(receiver, engine.root))
        raise exceptions.NoFunctionRegisteredException(name)
    delegate = _Resolution(name, receiver, data_context, engine).choose(overloads, args, kwargs)
    try:
        result = delegate()
    except StopIteration as error:
        raise exceptions.WrappedException(error) from error
    utils.limit_memory_usage(engine, (1, result))
    if name not in _ACCESSORS:
        _account(meter, result)
    return result


def _account(meter: Meter, result: Any) -> None:
    """Count the memory of a value, and of a collection what nests in it."""
    kind = type(result)
    if kind is str:
        meter.make(result)
    elif kind is tuple or kind is list:
        meter.make(result)
        meter.nest(result, result)
    elif kind is utils.FrozenDict or kind is dict:
        meter.nest(result, result.values())


def shown(value: Any, root: Any) -> Any:
    """A value within an error's text: as it is, unless it is too large for one, or the whole context (L184)."""
    if value is root and isinstance(value, utils.MappingType):
        return "{...}"
    try:
        check_text_size(value, _LONGEST_SHOWN)
    except LimitExceededError:
        return f"<{type(value).__name__} of {len(value)} elements>"
    return value


class _Resolution:
    """The choice among the overloads of one call."""

    __slots__ = ("context", "engine", "name", "receiver")

    def __init__(self, name: str, receiver: Any, context: Any, engine: Engine) -> None:
        self.name = name
        self.receiver = receiver
        self.context = context
        self.engine = engine

    def choose(self, overloads: Overloads, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Callable[[], Any]:
        """The one overload that fits, bound to its arguments, which are evaluated unless it wants them unevaluated."""
        if self.receiver is not NO_VALUE:
            args = (self.receiver, *args)
        levels = overloads.levels
        no_kwargs = levels[0][0].no_kwargs
        if any(function.no_kwargs != no_kwargs for level in levels for function in level):
            raise self._ambiguous()
        args, kwargs = runner.translate_args(no_kwargs, args, kwargs)
        if kwargs:
            fitting = self._fitting(levels, args, kwargs)
        else:
            kinds = tuple(map(_kind, args))
            known = overloads.fitting.get(kinds)
            if known is None:
                known = overloads.fitting[kinds] = self._fitting(levels, args, kwargs)
            fitting = known
        lazy = fitting.lazy
        args = tuple(self._evaluated(arg) if place not in lazy else arg for place, arg in enumerate(args))
        if not kwargs:
            return self._chosen(fitting, args)
        kwargs = {key: self._evaluated(arg) if key not in lazy else arg for key, arg in kwargs.items()}
        return self._best_of_all(fitting, args, kwargs)[1]

    def _chosen(self, fitting: _Fitting, args: tuple[Any, ...]) -> Callable[[], Any]:
        types = tuple(map(type, args))
        function = fitting.chosen.get(types)
        if function is not None:
            delegate: Callable[[], Any] = function.get_delegate(self.receiver, self.engine, self.context, args, {})
            return delegate
        function, delegate = self._best_of_all(fitting, args, {})
        fitting.chosen[types] = function
        return delegate

    def _best_of_all(self, fitting: _Fitting, args: Any, kwargs: Any) -> tuple[Any, Callable[[], Any]]:
        for level in fitting.levels:
            best = self._best(level, args, kwargs)
            if best is not None:
                return best
        raise self._no_match()

    def _fitting(self, levels: list[list[Any]], args: Any, kwargs: Any) -> _Fitting:
        """The overloads that could take the arguments, and which arguments they want unevaluated, all alike."""
        fitting = []
        lazy: set[Any] | None = None
        for level in levels:
            candidates = []
            for function in level:
                mapping = function.map_args(args, kwargs, self.context, self.engine)
                if mapping is None:
                    continue
                positional, named = mapping
                wanted: set[Any] = {
                    place for place, parameter in enumerate(positional) if _is_lazy(parameter)
                } | {key for key, parameter in named.items() if _is_lazy(parameter)}  # fmt: skip
                if lazy is None:
                    lazy = wanted
                elif lazy != wanted:
                    raise self._ambiguous()
                candidates.append((function, mapping))
            if candidates:
                fitting.append(candidates)
        if lazy is None:
            raise self._no_match()
        return _Fitting(fitting, lazy)

    def _evaluated(self, arg: Any) -> Any:
        if isinstance(arg, expressions.Expression) and not isinstance(arg, expressions.Constant):
            return arg(NO_VALUE, self.context, self.engine)
        return arg

    def _best(self, level: list[tuple[Any, Any]], args: Any, kwargs: Any) -> tuple[Any, Callable[[], Any]] | None:
        best: tuple[Any, Callable[[], Any]] | None = None
        best_mapping: Any = None
        for function, mapping in level:
            try:
                delegate = function.get_delegate(self.receiver, self.engine, self.context, args, kwargs)
            except exceptions.ArgumentException:
                continue
            if best is not None:
                if _is_special_case(best_mapping, mapping):
                    continue
                if not _is_special_case(mapping, best_mapping):
                    raise self._ambiguous()
            best, best_mapping = (function, delegate), mapping
        return best

    def _ambiguous(self) -> Exception:
        if self.receiver is NO_VALUE:
            return exceptions.AmbiguousFunctionException(self.name)  # type: ignore[no-any-return]
        return exceptions.AmbiguousMethodException(self.name, shown(self.receiver, self.engine.root))  # type: ignore[no-any-return]

    def _no_match(self) -> Exception:
        if self.receiver is NO_VALUE:
            return exceptions.NoMatchingFunctionException(self.name)  # type: ignore[no-any-return]
        return exceptions.NoMatchingMethodException(self.name, shown(self.receiver, self.engine.root))  # type: ignore[no-any-return]


def _kind(arg: Any) -> Any:
    """What of an argument decides which parameters it could be for, before it is evaluated."""
    if isinstance(arg, expressions.Constant):
        return type(arg), type(arg.value)
    return (type(arg), arg.uses_receiver) if isinstance(arg, expressions.Expression) else type(arg)


def _is_lazy(parameter: Any) -> bool:
    return isinstance(parameter.value_type, yaqltypes.LazyParameterType)


def _is_special_case(one: Any, other: Any) -> bool:
    """Whether the parameters of ``one`` are more special than those of ``other``, and none is less."""
    pairs = [*zip(one[0], other[0], strict=False), *((parameter, other[1][key]) for key, parameter in one[1].items())]
    special = False
    for mine, theirs in pairs:
        if theirs.value_type.is_specialization_of(mine.value_type):
            return False
        special = special or mine.value_type.is_specialization_of(theirs.value_type)
    return special
