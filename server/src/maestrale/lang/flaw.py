"""A mistake in a definition, with its path from the top of the document and what would be right.

The rules raise a ``Flaw``; ``error`` turns it into what the user sees: Mistral's text first, then in brackets the
line, the workflow, the task, the key, and a suggestion. Knows the layout of documents, no rules.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any, Literal

from maestrale.errors import ExpressionGrammarError, InvalidModelError, MaestraleError
from maestrale.expr import check_syntax
from maestrale.lang.rules import CLAUSES, EXPECTED, KNOWN_KEYS
from maestrale.lang.schema import Schema, Violation
from maestrale.lang.yaml_text import Document, Path

Layout = Literal["workflows", "actions", "workbook"]


class Flaw(Exception):  # noqa: N818 - it is turned into an error, and never seen
    """``text`` is what Mistral says, ``hint`` what would be right, ``kind`` the class of the final error."""

    def __init__(self, text: str, path: Path, hint: str = "", kind: type[MaestraleError] = InvalidModelError) -> None:
        super().__init__(text)
        self.text = text
        self.path = path
        self.hint = hint
        self.kind = kind


def require(schema: Schema, value: Any, path: Path, kind: str) -> None:
    """Raise a Flaw if the value breaks the schema; ``kind`` of mapping as in ``rules.KNOWN_KEYS``."""
    violation = schema.violation(value)
    if violation is not None:
        place = (*path, *violation.path, *violation.names[:1])
        raise Flaw(f"Invalid DSL: {violation.text}", place, _hint(violation, kind))


def require_syntax(text: Any, path: Path) -> None:
    """Raise a Flaw if the text has an expression with a syntax error (L055); other values pass."""
    if isinstance(text, str):
        try:
            check_syntax(text)
        except ExpressionGrammarError as problem:
            raise Flaw(str(problem), path, f"in {_shortened(text)}", type(problem)) from None


def suggestion(name: Any, known: Iterable[str]) -> str:
    """``did you mean ...?``, or nothing."""
    close = difflib.get_close_matches(str(name), sorted(known), n=1)
    return f"did you mean {close[0]!r}?" if close else ""


def _hint(violation: Violation, kind: str) -> str:
    if violation.keyword == "keyType":
        return "write the key in quotes"
    if violation.keyword == "additionalProperties":
        known = KNOWN_KEYS[_mapping_kind(violation.path, kind)]
        return suggestion(violation.names[0], known) or "known keys: " + ", ".join(sorted(known))
    return _expected(violation, kind)


def _expected(violation: Violation, kind: str) -> str:
    """What belongs to the innermost key that the language knows."""
    in_task = kind in ("direct", "reverse")
    path = (*violation.path, *violation.names)
    if kind == "document" and len(path) == 1 and path != ("version",):
        return "every top-level key but 'version' is the name of a workflow or action, with a mapping below it"
    if in_task and violation.overlaps and path and path[0] in CLAUSES and violation.text[0] in "'\"":
        return 'a command with parameters needs a blank, as in fail msg="..."'
    key = next((step for step in reversed(path) if step in EXPECTED), None)
    if in_task and not path and violation.keyword == "oneOf":
        key = "action"
    if in_task and key in ("input", "publish") and f"{'task' if len(path) == 1 else 'clause'} {key}" in EXPECTED:
        key = f"{'task' if len(path) == 1 else 'clause'} {key}"
    return "" if key is None else f"expected {EXPECTED[key]}"


def _mapping_kind(path: Path, kind: str) -> str:
    """The kind of mapping that a path inside a mapping of some kind leads to."""
    last = path[-1] if path else None
    if last == "retry":
        return "retry"
    if last == "publish" and len(path) > 1:
        return "scopes"
    return "clause" if last in CLAUSES else kind


def _shortened(text: str) -> str:
    return repr(text) if len(text) <= 80 else repr(text[:77] + "...")


def error(flaw: Flaw, document: Document, layout: Layout) -> MaestraleError:
    """The error for the user."""
    line = document.line(flaw.path)
    parts = ([f"line {line}"] if line else []) + _names(flaw.path, layout)
    notes = "; ".join(part for part in (", ".join(parts), flaw.hint) if part)
    return flaw.kind(f"{flaw.text} ({notes})" if notes else flaw.text)


def place(path: Path, layout: Layout) -> str:
    """The dotted form for warnings: ``wf.task.key``."""
    workflow, action, task, rest = _parts(path, layout)
    return ".".join(str(part) for part in (workflow, action, task, *rest) if part is not None)


def _names(path: Path, layout: Layout) -> list[str]:
    workflow, action, task, rest = _parts(path, layout)
    named = [("workflow", workflow), ("action", action), ("task", task), ("key", _dotted(rest) or None)]
    return [f"{label} {name!r}" for label, name in named if name is not None]


def _parts(path: Path, layout: Layout) -> tuple[Any, Any, Any, Path]:
    """Workflow, action, task and the remaining path."""
    section: Any = layout
    if layout == "workbook" and len(path) > 1 and path[0] in ("workflows", "actions"):
        section, path = path[0], path[1:]
    if section == "workbook" or path in ((), ("version",)):
        return None, None, None, path
    if section == "actions":
        return None, path[0], None, path[1:]
    if len(path) > 2 and path[1] == "tasks":
        return path[0], None, path[2], path[3:]
    return path[0], None, None, path[1:]


def _dotted(path: Path) -> str:
    text = ""
    for step in path:
        text += f"[{step}]" if type(step) is int else f".{step}" if text else str(step)
    return text
