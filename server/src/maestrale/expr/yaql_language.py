"""An expression in YAQL: compiled once, evaluated by closures where they are sure of the result, by YAQL elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from maestrale.errors import DatabaseUnavailableError, YaqlEvaluationError, YaqlGrammarError
from maestrale.expr import fastpath, output, yaql_engine
from maestrale.expr.context import Scope
from maestrale.expr.limits import Options

_LONGEST_REASON = 4_000
"""Characters of an error's text; YAQL puts whole values into some."""


def check(text: str, options: Options) -> None:
    """Raises YaqlGrammarError if an expression, without its marks, can't be parsed."""
    try:
        yaql_engine.parse(text, options)
    except Exception as error:
        # Mostly YAQL's own exceptions, and what its lexer lets through of Python's.
        raise YaqlGrammarError(str(error)) from error


class YaqlExpression:
    """One expression, without its marks."""

    __slots__ = ("_fast", "_options", "_syntax_error", "_tree", "text")

    def __init__(self, text: str, options: Options) -> None:
        """Never raises: a syntax error shows when the expression is evaluated."""
        self.text = text
        self._options = options
        self._tree: Any = None
        self._fast: fastpath.Fast | None = None
        self._syntax_error: Exception | None = None
        try:
            self._tree = yaql_engine.parse(text, options)
            self._fast = fastpath.compile_tree(self._tree, options)
        except Exception as error:  # noqa: BLE001 - whatever the parser raises is the author's syntax error
            self._syntax_error = error

    def value(self, scope: Scope) -> Any:
        """The value, ready to be stored. Raises YaqlEvaluationError."""
        return self._converted(scope, self._stored)

    def in_text(self, scope: Scope) -> str:
        """The value as part of a text. Raises YaqlEvaluationError."""
        return str(self._converted(scope, self._text))

    def shown(self, scope: Scope) -> Any:
        """The value as a message shows it: lists, sets and times as their text, all else as it is stored (L092).

        Raises YaqlEvaluationError.
        """
        return self._converted(scope, self._shown)

    def _converted(self, scope: Scope, convert: Callable[[Any], Any]) -> Any:
        fast = self._fast
        try:
            if fast is not None:
                try:
                    return convert(fast.evaluate(scope))
                except fastpath.FINAL:
                    raise
                except Exception:  # noqa: BLE001, S110 - YAQL will say what is wrong, if anything is
                    pass
            return convert(self._evaluate(scope))
        except Exception as error:
            raise self._failure(error, scope) from error

    def _stored(self, value: Any) -> Any:
        if self._fast is not None and self._fast.as_is(value):
            return value
        return output.stored(value, self._options, sets=not self._options.convert_sets_to_lists)

    def _text(self, value: Any) -> str:
        return output.text_of(value, self._options)

    def _shown(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return self._stored(value)
        plain = output.native(value, self._options)
        return self._stored(value) if not plain or type(plain) in output.SCALARS else str(plain)

    def _evaluate(self, scope: Scope) -> Any:
        if self._syntax_error is not None:
            raise self._syntax_error
        return yaql_engine.evaluate(self._tree, scope, self._options)

    def _failure(self, error: Exception, scope: Scope) -> Exception:
        """What an evaluation that raised ``error`` raises: the text names the expression, not the data (L184)."""
        if isinstance(error, (DatabaseUnavailableError, YaqlEvaluationError)):
            return error
        reason = yaql_engine.reason(error, scope, self._options)[:_LONGEST_REASON]
        return YaqlEvaluationError(f"Can not evaluate YAQL expression [expression={self.text}, error={reason}]")
