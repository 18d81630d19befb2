"""Jinja: one sandboxed environment, expressions and templates compiled once (2.8)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import SandboxedEnvironment

from maestrale.errors import DatabaseUnavailableError, JinjaEvaluationError, JinjaGrammarError
from maestrale.expr import output, recognise
from maestrale.expr.context import ContextView, Scope
from maestrale.expr.functions import Functions
from maestrale.expr.limits import LimitExceededError, Options

_LONGEST_REASON = 4_000


class _Undefined(StrictUndefined):
    """Says of what a name is missing as Mistral does, whatever stands behind a mapping here."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        owner = self._undefined_obj
        if self._undefined_hint or not isinstance(owner, Mapping) or not isinstance(self._undefined_name, str):
            return super()._undefined_message
        kind = "mistral.workflow.data_flow.ContextView" if isinstance(owner, ContextView) else "dict"
        return f"{kind + ' object'!r} has no attribute {self._undefined_name!r}"


@cache
def _environment(options: Options) -> SandboxedEnvironment:
    return SandboxedEnvironment(undefined=_Undefined, trim_blocks=True, lstrip_blocks=True)


class JinjaTemplate:
    """A text with Jinja in it."""

    __slots__ = ("_expression", "_failed", "_options", "_template", "text")

    def __init__(self, text: str, options: Options) -> None:
        """Never raises: a syntax error shows when the text is evaluated."""
        self.text = text
        self._options = options
        self._expression: Any = None
        self._template: Any = None
        self._failed: Exception | None = None
        try:
            if len(text) > options.max_expression_length:
                raise LimitExceededError(f"Expression has more than {options.max_expression_length} characters")
            inside = recognise.jinja_value(text)
            environment = _environment(options)
            if inside is None:
                self._template = environment.from_string(text)
            else:
                self._expression = environment.compile_expression(inside, undefined_to_none=False)
        except Exception as error:  # noqa: BLE001 - whatever compiling raises is the author's syntax error
            self._failed = error

    def check(self) -> None:
        """Raises JinjaGrammarError if the text can't be parsed."""
        try:
            if isinstance(self._failed, (LimitExceededError, RecursionError)):
                raise self._failed
            _environment(self._options).parse(self.text)
        except (TemplateError, LimitExceededError, RecursionError) as error:
            raise JinjaGrammarError(f"Syntax error '{error}'.") from error

    def value(self, scope: Scope) -> Any:
        """The value, ready to be stored. Raises JinjaEvaluationError."""
        try:
            if self._failed is not None:
                raise self._failed
            names = {"_": scope.root, **Functions(scope, self._options).named()}
            if isinstance(scope.root, Mapping):
                for name in ("__env", "__execution", "__task_execution"):
                    names[name] = scope.internal(name)
            if self._template is not None:
                return self._template.render(names)
            return output.stored(self._expression(names), self._options, sets=False)
        except Exception as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> Exception:
        if isinstance(error, (DatabaseUnavailableError, JinjaEvaluationError)):
            return error
        reason = str(error)[:_LONGEST_REASON]
        return JinjaEvaluationError(f"Can not evaluate Jinja expression [expression={self.text}, error={reason}]")
