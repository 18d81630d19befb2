"""Big values, stored once for an execution and all its descendants.

A column that holds a mapping is written as JSON with every top-level value of more than ``THRESHOLD`` characters
replaced by a reference ``{"$payload": "<digest>"}``; the value's own text goes to the table ``payloads`` under
(scope, digest), cut into parts that any server accepts in one packet. The scope is the id of the root execution,
or of an action that was run on its own. A value of the user's that looks like a reference, a mapping whose only
key is ``$payload``, is written as ``{"$payload": {"=": value}}``.

``PayloadCache`` remembers objects that were written or read, so that a value which passes through many tasks is
encoded and hashed once. It relies on the rule that values are never changed in place.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from threading import Lock
from typing import Any

from maestrale.errors import EngineError
from maestrale.store.encoding import EXACT, dumps, dumps_key, loads

THRESHOLD = 4096
PART = 1_000_000
MARK = "$payload"
QUOTED_MARK = f'"{MARK}"'
ESCAPE = "="

CACHE_BYTES = 64 * 1024 * 1024
CACHE_ENTRIES = 4096
CACHE_STORED = 100_000


@dataclass(frozen=True, slots=True)
class _Known:
    value: Any
    digest: str
    size: int


class PayloadCache:
    """Objects whose digest is known, and which digests a scope has stored. Thread-safe, bounded."""

    def __init__(self, max_bytes: int = CACHE_BYTES, max_entries: int = CACHE_ENTRIES, max_stored: int = CACHE_STORED) -> None:
        self._max_bytes, self._max_entries, self._max_stored = max_bytes, max_entries, max_stored
        self._lock = Lock()
        self._by_object: OrderedDict[int, _Known] = OrderedDict()
        self._by_digest: dict[str, _Known] = {}
        self._bytes = 0
        self._stored: OrderedDict[str, set[str]] = OrderedDict()
        self._stored_count = 0

    def digest_of(self, value: Any) -> str | None:
        """The digest of this very object, if it is remembered."""
        known = self._by_object.get(id(value))
        return known.digest if known is not None and known.value is value else None

    def value_of(self, digest: str) -> tuple[bool, Any]:
        """Whether a value of that digest is remembered, and the value."""
        known = self._by_digest.get(digest)
        return (True, known.value) if known is not None else (False, None)

    def remember(self, value: Any, digest: str, size: int) -> None:
        """Keep an object with its digest; the oldest ones go when there are too many."""
        if size > self._max_bytes:
            return
        with self._lock:
            if id(value) in self._by_object:
                return
            known = _Known(value, digest, size)
            self._by_object[id(value)] = known
            self._by_digest[digest] = known
            self._bytes += size
            while self._bytes > self._max_bytes or len(self._by_object) > self._max_entries:
                _, old = self._by_object.popitem(last=False)
                self._bytes -= old.size
                if self._by_digest.get(old.digest) is old:
                    del self._by_digest[old.digest]

    def stored(self, scope: str) -> set[str]:
        """The digests that the scope is known to have; add to it through ``mark_stored`` only."""
        with self._lock:
            found = self._stored.get(scope)
            if found is None:
                found = self._stored[scope] = set()
            self._stored.move_to_end(scope)
            return found

    def renew(self, scope: str) -> set[str]:
        """Know nothing of a scope any more: an execution of that id may have been deleted and started anew.

        Who still holds the former set marks digests in vain, which is right.
        """
        with self._lock:
            self._stored_count -= len(self._stored.pop(scope, ()))
            found = self._stored[scope] = set()
            return found

    def mark_stored(self, scope: str, stored: set[str], digests: Iterable[str]) -> None:
        """Add digests to a set that ``stored`` or ``renew`` gave, after the commit or after they were read."""
        with self._lock:
            if self._stored.get(scope) is not stored:
                return
            before = len(stored)
            stored.update(digests)
            self._stored_count += len(stored) - before
            while len(self._stored) > self._max_stored or (self._stored_count > self._max_stored and len(self._stored) > 1):
                self._stored_count -= len(self._stored.popitem(last=False)[1])
            if len(stored) > self._max_stored:
                self._stored_count -= len(stored)
                stored.clear()


@dataclass(slots=True)
class PayloadWriter:
    """Encodes the mappings of one commit and gathers the payloads that have to be inserted."""

    cache: PayloadCache
    new: dict[tuple[str, str], str] = field(default_factory=dict)
    used: dict[str, set[str]] = field(default_factory=dict)
    stored: dict[str, set[str]] = field(default_factory=dict)

    def begin_scope(self, scope: str) -> None:
        """Say that ``scope`` begins with this commit, so that nothing known of that id counts."""
        self.stored[scope] = self.cache.renew(scope)

    def encode(self, scope: str, value: Mapping[str, Any] | None) -> str | None:
        """The JSON text of a mapping, with its big values as references."""
        if value is None:
            return None
        if not value:
            return "{}"
        pieces = self._known_pieces(scope, value)
        if not pieces:
            text = dumps(value)
            if len(text) <= THRESHOLD:
                return text
        return self._assembled(scope, value, pieces)

    def _known_pieces(self, scope: str, value: Mapping[str, Any]) -> dict[Any, str]:
        """The texts of those values that are references for sure, found without encoding the others."""
        pieces: dict[Any, str] = {}
        for key, item in value.items():
            kind = type(item)
            if kind is str:
                if len(item) > THRESHOLD:
                    pieces[key] = self._store(scope, item, self.cache.digest_of(item), None)
            elif kind is dict or kind is list or isinstance(item, Mapping):
                digest = self.cache.digest_of(item)
                if digest is not None:
                    pieces[key] = self._store(scope, item, digest, None)
                elif len(item) == 1 and MARK in item:
                    pieces[key] = dumps({MARK: {ESCAPE: item}})
        return pieces

    def _assembled(self, scope: str, value: Mapping[str, Any], pieces: dict[Any, str]) -> str:
        for key, item in value.items():
            if key not in pieces:
                text = dumps(item)
                pieces[key] = text if len(text) <= THRESHOLD else self._store(scope, item, None, text)
        return joined((dumps_key(key), pieces[key]) for key in value)

    def _store(self, scope: str, item: Any, digest: str | None, text: str | None) -> str:
        """A reference to ``item``; its text is made only if it isn't known or the scope may lack it."""
        if digest is None:
            body = dumps(item) if text is None else text
            digest = digest_of(body)
            self.cache.remember(item, digest, len(body))
            if self._is_missing(scope, digest):
                self.new[scope, digest] = body
        elif self._is_missing(scope, digest):
            self.new[scope, digest] = dumps(item)
        self.used.setdefault(scope, set()).add(digest)
        return f'{{{QUOTED_MARK}:"{digest}"}}'

    def _is_missing(self, scope: str, digest: str) -> bool:
        if (scope, digest) in self.new:
            return False
        stored = self.stored.get(scope)
        if stored is None:
            stored = self.stored[scope] = self.cache.stored(scope)
        return digest not in stored

    def rows(self) -> list[tuple[str, str, int, str]]:
        """The rows to insert, in the order of the key so that two writers never wait for each other crosswise."""
        return [
            (scope, digest, number, part)
            for (scope, digest), body in sorted(self.new.items())
            for number, part in enumerate(_parts(body))
        ]

    def committed(self) -> None:
        """Remember what is stored now; to be called after the commit."""
        for scope, digests in self.used.items():
            self.cache.mark_stored(scope, self.stored[scope], digests)


@dataclass(slots=True)
class PayloadReader:
    """Decodes mappings of one load; what they refer to is filled in at the end, one object for each digest."""

    cache: PayloadCache
    pending: list[dict[str, Any]] = field(default_factory=list)

    def decode(self, text: str) -> Any:
        """The value of a column; references in it stay open until ``fill``."""
        if text == "{}":
            return {}
        value = loads(text)
        if QUOTED_MARK in text and isinstance(value, dict):
            self.pending.append(value)
        return value

    def wanted(self) -> set[str]:
        """The digests that have to be read from the database."""
        return {digest for value in self.pending for digest in references(value) if not self.cache.value_of(digest)[0]}

    def fill(self, bodies: Mapping[str, str]) -> set[str]:
        """Put the values in the place of their references. ``bodies`` holds at least the texts of ``wanted``.

        Returns the digests that were met. Raises EngineError if a text is missing, which means that the
        database was changed by hand.
        """
        values: dict[str, Any] = {}
        for mapping in self.pending:
            for key, item in mapping.items():
                if not _is_marked(item):
                    continue
                inner = item[MARK]
                if not isinstance(inner, str):
                    mapping[key] = inner[ESCAPE]
                    continue
                if inner not in values:
                    values[inner] = self._value(inner, bodies)
                mapping[key] = values[inner]
        self.pending.clear()
        return set(values)

    def _value(self, digest: str, bodies: Mapping[str, str]) -> Any:
        found, value = self.cache.value_of(digest)
        if found:
            return value
        body = _body(digest, bodies)
        value = loads(body)
        self.cache.remember(value, digest, len(body))
        return value


def references(mapping: Mapping[str, Any]) -> Iterator[str]:
    """The digests that a decoded column refers to."""
    for item in mapping.values():
        if _is_marked(item) and isinstance(item[MARK], str):
            yield item[MARK]


def open_references(text: str) -> set[str]:
    """The digests that a column's text refers to; nearly every text is seen to have none without decoding it."""
    if QUOTED_MARK not in text:
        return set()
    value = loads(text)
    return set(references(value)) if isinstance(value, dict) else set()


def resolved_text(text: str, bodies: Mapping[str, str]) -> str:
    """The JSON text of a column with the texts of big values put in, without decoding those.

    Raises EngineError if one is missing.
    """
    value = loads(text)
    if not isinstance(value, dict):
        return text
    pieces = []
    for key, item in value.items():
        if _is_marked(item):
            inner = item[MARK]
            piece = _body(inner, bodies) if isinstance(inner, str) else dumps(inner[ESCAPE])
        else:
            piece = dumps(item)
        pieces.append((dumps_key(key), piece))
    return joined(pieces)


def joined(pieces: Iterable[tuple[str, str]]) -> str:
    """A JSON object made of texts; it needs exact reading if one of its parts does."""
    parts = list(pieces)
    exact = EXACT if any(key.startswith(EXACT) or piece.startswith(EXACT) for key, piece in parts) else ""
    return exact + "{" + ",".join(f"{key}:{piece}" for key, piece in parts) + "}"


def digest_of(text: str) -> str:
    """The name of a big value: equal for equal texts only."""
    return blake2b(text.encode(), digest_size=24).hexdigest()


def _body(digest: str, bodies: Mapping[str, str]) -> str:
    body = bodies.get(digest)
    if body is None:
        raise EngineError(f"A stored value is missing in the database [digest={digest}]")
    return body


def _is_marked(item: Any) -> bool:
    return type(item) is dict and len(item) == 1 and MARK in item


def _parts(body: str) -> Iterator[str]:
    for start in range(0, len(body), PART):
        yield body[start:start + PART]
