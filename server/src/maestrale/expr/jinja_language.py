"""A text in Jinja: compiled once, evaluated as an expression or rendered as a template (2.2, 2.8)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from jinja2 import TemplateError, TemplateSyntaxError, Undefined, nodes
from jinja2.parser import Parser

from maestrale.errors import DatabaseUnavailableError, EvaluationError, JinjaEvaluationError, JinjaGrammarError
from maestrale.expr import jinja_syntax, output, recognise
from maestrale.expr.context import Scope
from maestrale.expr.functions import NAMES, Functions
from maestrale.expr.jinja_data import copied_root, copying
from maestrale.expr.jinja_environment import BoundedEnvironment
from maestrale.expr.limits import LimitExceededError, Meter, Options, check_text_length

_LONGEST_REASON = 4_000
_INTERNALS = frozenset({"__env", "__execution", "__task_execution"})

_Step = Callable[[Any], Any]


@cache
def _environment(options: Options) -> BoundedEnvironment:
    return BoundedEnvironment(options)


def check(text: str, options: Options) -> None:
    """Raises JinjaGrammarError if a text can't be parsed."""
    try:
        _check_length(text, options)
        _environment(options).parse(text)
    except (TemplateError, LimitExceededError, RecursionError) as error:
        raise JinjaGrammarError(f"Syntax error '{error}'.") from error


class JinjaTemplate:
    """A text with Jinja in it."""

    __slots__ = ("_compiled", "_failed", "_is_value", "_names", "_options", "_path", "_private", "text")

    def __init__(self, text: str, options: Options) -> None:
        """Never raises: a syntax error shows when the text is evaluated."""
        self.text = text
        self._options = options
        self._failed: Exception | None = None
        self._path: tuple[_Step, ...] | None = None
        try:
            self._compile()
        except Exception as error:  # noqa: BLE001 - whatever compiling raises is the author's syntax error
            self._failed = error

    def _compile(self) -> None:
        environment = _environment(self._options)
        _check_length(self.text, self._options)
        inside = recognise.jinja_value(self.text)
        self._is_value = inside is not None
        tree = environment.parse(self.text) if inside is None else _expression_tree(environment, inside)
        if inside is not None:
            self._path = _path(tree.body[0].node, environment)  # type: ignore[attr-defined]
            if self._path is not None:
                return
        self._names = jinja_syntax.used_names(tree)
        self._private = jinja_syntax.may_change_data(tree)
        self._compiled = environment.from_string(tree)

    def value(self, scope: Scope) -> Any:
        """The value, ready to be stored. Raises JinjaEvaluationError."""
        try:
            if self._failed is not None:
                raise self._failed  # noqa: TRY301 - it is to be worded like any other failure
            if self._path is not None:
                return self._follow(self._path, scope)
            context = self._compiled.new_context(self._variables(scope), shared=True)
            context.meter = Meter(self._options)  # type: ignore[attr-defined]
            if not self._is_value:
                return self._render(context)
            for _ in self._compiled.root_render_func(context):
                pass
            return output.stored(_defined(context.vars["result"]), self._options, sets=False)
        except Exception as error:
            raise self._failure(error) from error

    def _follow(self, path: tuple[_Step, ...], scope: Scope) -> Any:
        value: Any = scope.root
        for step in path:
            value = step(value)
        kind = type(value)
        if kind in output.SCALARS or kind is dict or kind is list:
            return value
        return output.stored(_defined(value), self._options, sets=False)

    def _render(self, context: Any) -> str:
        length = 0
        pieces = []
        for piece in self._compiled.root_render_func(context):
            length += len(piece)
            check_text_length(length, self._options)
            pieces.append(piece)
        return "".join(pieces)

    def _variables(self, scope: Scope) -> dict[str, Any]:
        """What the names of this text stand for, as far as they stand for anything."""
        names = self._names
        root = copied_root(scope.root) if self._private else scope.root
        variables = {name: value for name, value in self._compiled.globals.items() if name in names}
        if "_" in names:
            variables["_"] = root
        if isinstance(root, Mapping):
            for name in _INTERNALS & names:
                variables[name] = root.get(name)
        functions = names & NAMES.keys()
        if functions:
            source = _JinjaFunctions(scope, self._options)
            for name in functions:
                function = getattr(source, NAMES[name])
                variables[name] = copying(function) if self._private else function
        return variables

    def _failure(self, error: Exception) -> Exception:
        """What an evaluation that raised ``error`` raises: the text names the expression, not the data (L184)."""
        if isinstance(error, (DatabaseUnavailableError, JinjaEvaluationError)):
            return error
        reason = str(error)[:_LONGEST_REASON]
        return JinjaEvaluationError(f"Can not evaluate Jinja expression [expression={self.text}, error={reason}]")


class _JinjaFunctions(Functions):
    """As YAQL's, but for what is no task: there null, here an error (L190)."""

    def task(self, task_name: str | None = None) -> Any:
        """A task, the current one without a name. Raises EvaluationError where there is none."""
        found = super().task(task_name)
        if found is None and not task_name:
            raise EvaluationError("'__task_execution'")
        return found


def _check_length(text: str, options: Options) -> None:
    if len(text) > options.max_expression_length:
        raise LimitExceededError(f"Expression has more than {options.max_expression_length} characters")


def _expression_tree(environment: BoundedEnvironment, text: str) -> nodes.Template:
    """A template that only assigns an expression's value to ``result``."""
    parser = Parser(environment, text, state="variable")
    try:
        expression = parser.parse_expression()
        if not parser.stream.eos:
            raise TemplateSyntaxError("chunk after expression", parser.stream.current.lineno)  # noqa: TRY301
    except TemplateSyntaxError as error:
        # The place within the expression would only say "line 1".
        error.translated = True
        raise
    expression.set_environment(environment)
    assignment = nodes.Assign(nodes.Name("result", "store"), expression, lineno=1)
    return nodes.Template([assignment], lineno=1)


def _path(expression: nodes.Node, environment: BoundedEnvironment) -> tuple[_Step, ...] | None:
    """The steps of an expression that only goes from ``_`` to names and constant keys, None for any other."""
    if isinstance(expression, nodes.Name):
        return () if expression.name == "_" else None
    if isinstance(expression, nodes.Getattr):
        before, name = _path(expression.node, environment), expression.attr
        look_up = environment.getattr
        return None if before is None else (*before, lambda value: look_up(value, name))
    if isinstance(expression, nodes.Getitem) and isinstance(expression.arg, nodes.Const):
        before, key = _path(expression.node, environment), expression.arg.value
        get_item = environment.getitem
        return None if before is None else (*before, lambda value: get_item(value, key))
    return None


def _defined(value: Any) -> Any:
    """``value``; an undefined one raises what it says when it is used."""
    if isinstance(value, Undefined):
        value()
    return value
