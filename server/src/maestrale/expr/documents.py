"""JSON and YAML as the functions of section 2.6 read and write them (L199, L200).

Reading is safe and bounded: no tags beyond YAML's own, no anchors or aliases (they are read as ordinary text), no
nesting without end. Writing takes any value of an evaluation.
"""

from __future__ import annotations

import json
from typing import Any

import yaml

from maestrale.expr.limits import LimitExceededError, Options
from maestrale.expr.output import native, stored

_CLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SMALL = 8_192
"""Characters up to which PyYAML's own parser is quick enough; beyond, libyaml does what it can do alike."""
_LONGEST_NUMBER = 5_000


class _PlainLoader(yaml.SafeLoader):
    """Reads ``&``, ``*`` and ``@`` at the start of a scalar as text, so that nothing can be defined and repeated."""

    def fetch_anchor(self) -> None:
        self.fetch_plain()

    def fetch_alias(self) -> None:
        self.fetch_plain()

    def check_plain(self) -> bool:
        return self.peek() == "@" or bool(super().check_plain())


def _number(construct: Any) -> Any:
    """A constructor of numbers that doesn't take forever over a long one."""

    def construct_short(loader: Any, node: Any) -> Any:
        if len(node.value) > _LONGEST_NUMBER:
            raise LimitExceededError(f"Number has more than {_LONGEST_NUMBER} characters")
        return construct(loader, node)

    return construct_short


class _FastLoader(_CLoader):  # type: ignore[misc]
    """libyaml, for text without any of the characters that it reads otherwise."""


for _loader in (_PlainLoader, _FastLoader):
    _loader.add_constructor("tag:yaml.org,2002:int", _number(yaml.SafeLoader.construct_yaml_int))
    _loader.add_constructor("tag:yaml.org,2002:float", _number(yaml.SafeLoader.construct_yaml_float))


class _PlainDumper(yaml.SafeDumper):
    """Writes a value that occurs twice twice."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the signature is PyYAML's
        return True


def json_dump(value: Any, options: Options) -> str:
    """JSON, indented by four, non-ASCII escaped (L199)."""
    return json.dumps(native(value, options), indent=4, default=lambda part: stored(part, options, sets=False))


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
    return yaml.dump(native(value, options), Dumper=_PlainDumper, default_flow_style=False)


def yaml_parse(text: Any, options: Options) -> Any:
    """The value of a YAML text. Raises yaml.YAMLError with the parser's text."""
    if not isinstance(text, (str, bytes)):
        raise AttributeError(f"{type(text).__name__!r} object has no attribute 'read'")  # noqa: TRY004 - Mistral's text
    if isinstance(text, bytes):
        text = text.decode()
    limit = options.max_document_length
    if len(text) > _SMALL and len(text) <= limit and not any(mark in text for mark in "&*@"):
        try:
            return yaml.load(text, Loader=_FastLoader)  # noqa: S506 - it is a SafeLoader
        except yaml.YAMLError:
            # The other parser may take it, and if not, has the text of the error.
            limit //= 4
    elif len(text) > _SMALL:
        limit //= 4
    if len(text) > limit:
        raise LimitExceededError(f"Document has more than {limit} characters")
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
