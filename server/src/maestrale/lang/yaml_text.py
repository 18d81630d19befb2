"""Text to plain data: YAML 1.1 as Mistral reads it, with the line of every key.

Anchors, aliases and a leading ``@`` are ordinary text (L003), so no document can grow by reference. The
C parser does the work where it reads the text the same way; where it may not (anchors, tabs, question
marks in flow style, errors), the Python scanner decides, and words the errors. Values are built from
parser events without recursion, so depth is bounded by ``MAX_DEPTH`` alone. Knows nothing of workflows.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import yaml
from yaml.composer import ComposerError
from yaml.constructor import ConstructorError, SafeConstructor
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)
from yaml.nodes import ScalarNode
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.scanner import Scanner

from maestrale.errors import DSLParsingError

MAX_CHARACTERS = 4_000_000
"""Longest definition text that is read."""

MAX_CHARACTERS_WITHOUT_C = 1_000_000
"""Longest text that the Python scanner reads: it needs about 2 microseconds a character."""

MAX_DEPTH = 100
"""Deepest nesting of mappings and lists."""

Path = tuple[Any, ...]

_TAG = "tag:yaml.org,2002:"
_STR = _TAG + "str"
_MERGE = _TAG + "merge"
_UNSUITABLE = ("\t", "\ufeff")
"""Characters that the two scanners treat differently."""

_UNSTORABLE = re.compile("[\\0\\ud800-\\udfff]")
"""What only an escape can bring into a text."""

_RESOLVERS: Mapping[str, Sequence[tuple[str, Any]]] = yaml.SafeLoader.yaml_implicit_resolvers
_CONSTRUCTOR = SafeConstructor()
_CONSTRUCTORS: Mapping[str, Callable[[SafeConstructor, ScalarNode], Any]] = {
    _TAG + name: SafeConstructor.yaml_constructors[_TAG + name] for name in ("str", "int", "float", "bool", "null", "timestamp")
}
"""What reads each type of scalar; these keep no state."""


class _Anything:
    """Marks the absence of a key."""


_NO_KEY = _Anything()


class _EventSource(Protocol):
    def get_event(self) -> Event | None: ...


class _NotForC(Exception):  # noqa: N818 - a signal, not an error
    """The C parser may read this text in another way than the Python scanner."""


class _PlainScanner(Reader, Scanner):
    """A scanner for which ``&``, ``*`` and ``@`` begin ordinary text."""

    def fetch_anchor(self) -> None:
        self.fetch_plain()

    def fetch_alias(self) -> None:
        self.fetch_plain()

    def check_plain(self) -> bool:
        return self.peek() == "@" or bool(super().check_plain())


class _PythonParser(_PlainScanner, Parser):
    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)


@dataclass(slots=True)
class Document:
    """Data of one text. ``lines`` maps the id of a container to the lines of its keys, counted from 1."""

    data: Any
    text: str
    lines: dict[int, dict[Any, int]] = field(default_factory=dict)
    duplicates: list[Path] = field(default_factory=list)
    plain: bool = True
    """All keys are texts and all values JSON types."""

    def line(self, path: Path) -> int:
        """Line of the longest part of the path that exists; 0 if unknown."""
        line, here = 0, self.data
        for step in path:
            line = self.lines.get(id(here), {}).get(step, line)
            try:
                here = here[step]
            except (KeyError, IndexError, TypeError):
                break
        return line


def load(text: str) -> Document:
    """Read one YAML (or JSON) document; an empty one is ``{}``.

    Raises DSLParsingError for syntax errors, foreign tags, and texts that are too long or nested too deep (L001).
    """
    if len(text) > MAX_CHARACTERS:
        raise DSLParsingError(f"Definition could not be parsed: it has more than {MAX_CHARACTERS} characters")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise DSLParsingError(f"Definition could not be parsed: {error.reason} at character {error.start}") from None
    try:
        return _load(text)
    except yaml.YAMLError as error:
        raise DSLParsingError(f"Definition could not be parsed: {error}") from None


def _load(text: str) -> Document:
    refusal: yaml.YAMLError | None = None
    if not any(character in text for character in _UNSUITABLE):
        try:
            return _Builder(text, yaml.CSafeLoader(text), sloppy=True).document()
        except _NotForC:
            pass
        except yaml.YAMLError as error:
            refusal = error
    if len(text) > MAX_CHARACTERS_WITHOUT_C:
        limit = f"tabs, '&', '*' and '?' outside of quotes can't be read in texts of more than {MAX_CHARACTERS_WITHOUT_C} characters"
        raise refusal or ComposerError(None, None, limit, None)
    return _Builder(text, _PythonParser(text), sloppy=False).document()


@dataclass(slots=True)
class _Frame:
    """A container under construction."""

    container: Any
    lines: dict[Any, int]
    flow: bool
    key: Any = _NO_KEY
    merging: bool = False
    merged: list[dict[Any, Any]] = field(default_factory=list)


class _Builder:
    """Builds the data of one document from parser events.

    ``sloppy``: the events come from the C parser, so constructs that it reads differently are given up.
    """

    def __init__(self, text: str, source: _EventSource, *, sloppy: bool) -> None:
        self._document = Document(data=None, text=text)
        self._source = source
        self._sloppy = sloppy
        self._escapes = "\\" in text
        self._stack: list[_Frame] = []
        self._known: dict[str, Any] = {}

    def document(self) -> Document:
        started = False
        for event in self._events():
            kind = type(event)
            if kind is ScalarEvent:
                self._place(self._scalar(event), event)
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                self._open(event, {} if kind is MappingStartEvent else [])
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                frame = self._stack.pop()
                self._place(self._close(frame), event)
            elif kind is AliasEvent:
                raise _NotForC
            elif kind is DocumentStartEvent:
                if started:
                    raise ComposerError("expected a single document in the stream", None, "but found another document", event.start_mark)
                started = True
        return self._document

    def _events(self) -> Iterator[Any]:
        while True:
            event = self._source.get_event()
            if event is None or type(event) is StreamEndEvent:
                return
            yield event

    def _open(self, event: Any, container: Any) -> None:
        if event.anchor is not None:
            raise _NotForC
        expected = "map" if isinstance(container, dict) else "seq"
        if event.tag not in (None, "!", _TAG + expected):
            raise _unknown_tag(event.tag, event)
        if len(self._stack) >= MAX_DEPTH:
            raise ComposerError(None, None, f"nesting is deeper than {MAX_DEPTH} levels", event.start_mark)
        lines: dict[Any, int] = {}
        self._document.lines[id(container)] = lines
        self._note_line(event)
        self._stack.append(_Frame(container, lines, bool(event.flow_style)))

    def _note_line(self, event: Any) -> None:
        """Remember where an item of a list begins (a key of a mapping is noted as a scalar)."""
        if self._stack and type(self._stack[-1].container) is list:
            frame = self._stack[-1]
            frame.lines[len(frame.container)] = event.start_mark.line + 1

    def _close(self, frame: _Frame) -> Any:
        if not frame.merged:
            return frame.container
        own = dict(frame.container)
        frame.container.clear()
        for mapping in frame.merged:
            frame.container.update(mapping)
        frame.container.update(own)
        return frame.container

    def _place(self, value: Any, event: Any) -> None:
        if not self._stack:
            self._document.data = value
            return
        frame = self._stack[-1]
        if type(frame.container) is list:
            if type(event) is ScalarEvent:
                self._note_line(event)
            frame.container.append(value)
        elif frame.merging:
            frame.merging = False
            frame.merged[:0] = _merge_sources(value, event)
        elif frame.key is _NO_KEY:
            self._take_key(frame, value, event)
        else:
            frame.container[frame.key] = value
            frame.key = _NO_KEY

    def _take_key(self, frame: _Frame, key: Any, event: Any) -> None:
        if type(key) is _Merge:
            frame.merging = True
            return
        if type(key) is not str:
            self._document.plain = False
            if isinstance(key, (dict, list)):
                raise ConstructorError("while constructing a mapping", None, "found unhashable key", event.start_mark)
        if key in frame.container:
            self._document.duplicates.append((*(f.key if type(f.container) is dict else len(f.container) for f in self._stack[:-1]), key))
        frame.key = key
        frame.lines[key] = event.start_mark.line + 1

    def _scalar(self, event: Any) -> Any:
        if event.anchor is not None:
            raise _NotForC
        text: str = event.value
        if self._escapes and _UNSTORABLE.search(text):
            raise ConstructorError(None, None, "null characters and halves of surrogate pairs can't be stored", event.start_mark)
        if event.tag in (None, "!"):
            if self._sloppy and event.tag:
                raise _NotForC
            if not event.implicit[0]:
                return text
            if self._sloppy and "?" in text and self._stack and self._stack[-1].flow:
                raise _NotForC
            if text in self._known:
                return self._known[text]
            tag = _resolve(text)
        else:
            tag = event.tag
        value = text if tag == _STR else self._construct(tag, text, event)
        if event.tag is None:
            self._known[text] = value
        return value

    def _construct(self, tag: str, text: str, event: Any) -> Any:
        frame = self._stack[-1] if self._stack else None
        if tag == _MERGE and frame and type(frame.container) is dict and frame.key is _NO_KEY and not frame.merging:
            return _Merge()
        construct = _CONSTRUCTORS.get(tag)
        if construct is None:
            raise _unknown_tag(tag, event)
        try:
            value = construct(_CONSTRUCTOR, ScalarNode(tag, text, event.start_mark))
        except (ValueError, KeyError, AttributeError, OverflowError):
            raise ConstructorError(None, None, f"{text[:80]!r} is not a valid {tag.removeprefix(_TAG)}", event.start_mark) from None
        if isinstance(value, dt.date):
            self._document.plain = False
        return value


class _Merge:
    """The key ``<<``."""


def _resolve(text: str) -> str:
    """The tag of a plain scalar."""
    for tag, pattern in _RESOLVERS.get(text[0] if text else "", ()):
        if pattern.match(text):
            return tag
    return _STR


def _merge_sources(value: Any, event: Any) -> list[dict[Any, Any]]:
    """Mappings that ``<<`` names, the most important last."""
    mappings = value if isinstance(value, list) else [value]
    if not all(isinstance(mapping, dict) for mapping in mappings):
        raise ConstructorError("while constructing a mapping", None, "expected a mapping or list of mappings for merging", event.start_mark)
    return mappings[::-1]


def _unknown_tag(tag: str, event: Any) -> ConstructorError:
    return ConstructorError(None, None, f"could not determine a constructor for the tag {tag!r}", event.start_mark)


def json_ready(value: Any) -> Any:
    """A copy with keys as JSON writes them and dates as ISO text; for documents that are not ``plain``."""
    if isinstance(value, dict):
        return {_json_key(key): json_ready(item) for key, item in value.items()}
    if isinstance(value, list):
        return [json_ready(item) for item in value]
    return value.isoformat() if isinstance(value, dt.date) else value


def storable(value: Any) -> bool:
    """Whether all texts in JSON data can be stored: no null characters, no halves of surrogate pairs."""
    if isinstance(value, str):
        return _UNSTORABLE.search(value) is None
    if isinstance(value, dict):
        return all(storable(key) and storable(item) for key, item in value.items())
    return all(map(storable, value)) if isinstance(value, list) else True


def _json_key(key: Any) -> str:
    if isinstance(key, str):
        return key
    if key is None or isinstance(key, bool):
        return {None: "null", True: "true", False: "false"}[key]
    return key.isoformat() if isinstance(key, dt.date) else str(key)
