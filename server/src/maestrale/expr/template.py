"""Values with expressions in them: literals, texts, and structures of both, compiled once (2.1-2.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from maestrale.errors import EvaluationError, ExpressionGrammarError
from maestrale.expr import jinja_language, recognise, yaql_language
from maestrale.expr.context import Scope
from maestrale.expr.jinja_language import JinjaTemplate
from maestrale.expr.limits import DEFAULT, Options
from maestrale.expr.yaql_language import YaqlExpression

_Evaluator = Callable[[Scope], Any]
_CompileText = Callable[[str, Options], _Evaluator | None]
_CACHED_LENGTH = 4_096
"""Longer texts are not kept by the cache of compiled texts; templates keep their own."""


class Template:
    """The compiled form of a value.

    ``evaluate`` gives the value with every expression replaced by its result. Parts without expressions are
    shared with the source, results may be shared with the context: none of them is ever changed in place.
    """

    __slots__ = ("_evaluator", "is_literal", "source")

    def __init__(self, source: Any, evaluator: _Evaluator | None) -> None:
        self.source = source
        self._evaluator = evaluator
        self.is_literal = evaluator is None

    def evaluate(self, scope: Scope) -> Any:
        """The value for a scope. Raises EvaluationError with Mistral's text (2.9).

        With an empty root nothing is evaluated and the value comes back as written (2.3).
        """
        if self._evaluator is None or not scope.root:
            return self.source
        return self._evaluator(scope)

    def __repr__(self) -> str:
        return f"Template({self.source!r})"


def compile_value(value: Any, options: Options = DEFAULT) -> Template:
    """The compiled form of any value. Never raises; what is wrong with an expression shows when it is evaluated."""
    return Template(value, _compile(value, options))


def compile_parameters(values: Mapping[str, Any], options: Options = DEFAULT) -> Template:
    """As ``compile_value``, for the parameters of a target: sets and times become the text that Python writes for them (L092)."""
    return Template(values, _compile(values, options, _compile_parameter))


def compile_condition(text: Any, options: Options = DEFAULT) -> Template:
    """As ``compile_value``, for conditions; whether a result holds is for the caller to say."""
    return compile_value(text, options)


def check_syntax(text: Any, options: Options = DEFAULT) -> None:
    """Check a text as Mistral does when a definition is validated (2.1, 2.9); anything but text passes.

    Raises YaqlGrammarError, JinjaGrammarError, or ExpressionGrammarError for a mixture of languages (L172) and for
    a language that is switched off (L173).
    """
    if not isinstance(text, str):
        return
    jinja = recognise.is_jinja(text)
    yaql = recognise.is_yaql(text)
    if jinja:
        _check_allowed("jinja", options, ExpressionGrammarError)
        jinja_language.check(text, options)
    if yaql:
        _check_allowed("yaql", options, ExpressionGrammarError)
        if jinja:
            raise ExpressionGrammarError(
                "The line already contains an expression of type 'jinja'. Mixing expression types in a single line is not allowed."
            )
        for expression in recognise.split_yaql(text).pieces[1::2]:
            yaql_language.check(expression, options)


def _check_allowed(language: str, options: Options, error: type[Exception]) -> None:
    if language not in options.allowed_languages:
        raise error(f"The '{language}' expression language is disabled by the operator.")


def _compile_cached(text: str, options: Options) -> _Evaluator | None:
    if len(text) > _CACHED_LENGTH:
        return _compile_text.__wrapped__(text, options)
    return _compile_text(text, options)


def _compile_parameter(text: str, options: Options) -> _Evaluator | None:
    parsed = None if recognise.is_jinja(text) or not recognise.is_yaql(text) else recognise.split_yaql(text)
    if parsed is None or not parsed.alone:
        return _compile_cached(text, options)
    return _disabled("yaql", options) or YaqlExpression(parsed.pieces[1].strip(), options).shown


def _compile(value: Any, options: Options, compile_text: _CompileText = _compile_cached) -> _Evaluator | None:
    """What evaluates ``value``, None if there is nothing to evaluate in it."""
    if isinstance(value, str):
        return compile_text(value, options)
    if isinstance(value, Mapping):
        parts = {key: _compile(item, options, compile_text) for key, item in value.items()}
        return _mapping(value, {key: part for key, part in parts.items() if part is not None})
    if isinstance(value, (list, tuple)):
        items = [(index, _compile(item, options, compile_text)) for index, item in enumerate(value)]
        return _sequence(value, [(index, part) for index, part in items if part is not None])
    return None


def _mapping(source: Mapping[Any, Any], parts: dict[Any, _Evaluator]) -> _Evaluator | None:
    if not parts:
        return None
    constant = dict(source)

    def evaluate(scope: Scope) -> dict[Any, Any]:
        result = constant.copy()
        for key, part in parts.items():
            result[key] = part(scope)
        return result

    return evaluate


def _sequence(source: list[Any] | tuple[Any, ...], parts: list[tuple[int, _Evaluator]]) -> _Evaluator | None:
    if not parts:
        return None
    constant = list(source)

    def evaluate(scope: Scope) -> list[Any]:
        result = constant.copy()
        for index, part in parts:
            result[index] = part(scope)
        return result

    return evaluate


@lru_cache(maxsize=4_096)
def _compile_text(text: str, options: Options) -> _Evaluator | None:
    if recognise.is_jinja(text):
        return _disabled("jinja", options) or JinjaTemplate(text, options).value
    if recognise.is_yaql(text):
        return _disabled("yaql", options) or _yaql(recognise.split_yaql(text), options)
    return None


def _disabled(language: str, options: Options) -> _Evaluator | None:
    if language in options.allowed_languages:
        return None

    def refuse(_scope: Scope) -> Any:
        _check_allowed(language, options, EvaluationError)

    return refuse


def _yaql(parsed: recognise.YaqlText, options: Options) -> _Evaluator:
    expressions = [YaqlExpression(text.strip(), options) for text in parsed.pieces[1::2]]
    if parsed.alone:
        return expressions[0].value
    literals = parsed.pieces[0::2]

    def evaluate(scope: Scope) -> str:
        pieces = [literals[0]]
        for expression, literal in zip(expressions, literals[1:], strict=True):
            pieces += (expression.in_text(scope), literal)
        return "".join(pieces)

    return evaluate
