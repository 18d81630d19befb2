"""Expressions: YAQL and Jinja over a read-only view of the context (reference, chapter 2).

``compile_value`` turns any value of a definition into a ``Template`` once; ``Template.evaluate`` gives its value for a
``Scope``. Pure: no I/O, no clock; what an expression asks about executions goes through ``Lookup``.
"""

from maestrale.expr.context import ContextView, Lookup, Scope
from maestrale.expr.limits import DEFAULT, Options
from maestrale.expr.recognise import has_expression
from maestrale.expr.template import Template, check_syntax, compile_condition, compile_parameters, compile_value

__all__ = [
    "DEFAULT",
    "ContextView",
    "Lookup",
    "Options",
    "Scope",
    "Template",
    "check_syntax",
    "compile_condition",
    "compile_parameters",
    "compile_value",
    "has_expression",
]
