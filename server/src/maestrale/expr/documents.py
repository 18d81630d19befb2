"""JSON and YAML as the functions of section 2.6 read and write them (L199, L200).

Reading is safe and bounded: no tags beyond YAML's own, no anchors or aliases (they are read as ordinary text), no
nesting without end. Writing takes any value of an evaluation.
"""

from __future__ import annotations

import json
from typing import Any

import yaml

from maestrale.expr.limits import LimitExceededError, Options
from maestrale.expr.output import stored

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _PlainLoader(yaml.SafeLoader):
    """Reads ``&``, ``*`` and ``@`` at the start of a scalar as text, so that nothing can be defined and repeated."""

    def fetch_anchor(self) -> None:
        self.fetch_plain()

    def fetch_alias(self) -> None:
        self.fetch_plain()

    def check_plain(self) -> bool:
        return self.peek() == "@" or bool(super().check_plain())


class _PlainDumper(yaml.SafeDumper):
    """Writes a value that occurs twice twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def json_dump(value: Any, options: Options) -> str:
    """JSON, indented by four, non-ASCII escaped (L199)."""
    return json.dumps(stored(value, options, sets=False), indent=4)


def json_parse(text: Any, options: Options) -> Any:
    """The value of a JSON text. Raises ValueError with the parser's text, TypeError for what is no text."""
    if isinstance(text, bytes):
        text = text.decode()
    if not isinstance(text, str):
        raise TypeError(f"{type(text)} can't be decoded")
    _check_depth(text, options)
    return json.loads(text)


def yaml_dump(value: Any, options: Options) -> str:
    """YAML in block style, keys sorted (L200). Raises yaml.YAMLError for what YAML has no form for."""
    return yaml.dump(stored(value, options, sets=False), Dumper=_PlainDumper, default_flow_style=False)


def yaml_parse(text: Any, options: Options) -> Any:
    """The value of a YAML text. Raises yaml.YAMLError with the parser's text."""
    if not isinstance(text, (str, bytes)):
        raise AttributeError(f"{type(text).__name__!r} object has no attribute 'read'")
    if isinstance(text, bytes):
        text = text.decode()
    if len(text) > options.max_document_length:
        raise LimitExceededError(f"Document has more than {options.max_document_length} characters")
    return yaml.load(text, Loader=_PlainLoader)  # noqa: S506 - it is a SafeLoader


def _check_depth(text: str, options: Options) -> None:
    """Count brackets, also those within strings when there are too many, before a recursive parser does."""
    if text.count("[") + text.count("{") <= options.max_depth:
        return
    depth = 0
    quoted = escaped = False
    for char in text:
        if quoted:
            quoted = escaped or char != '"'
            escaped = char == "\\" and not escaped
        elif char == '"':
            quoted = True
        elif char in "[{":
            depth += 1
            if depth > options.max_depth:
                raise LimitExceededError(f"Document nests deeper than {options.max_depth} levels")
        elif char in "]}":
            depth -= 1
