"""From a row of the table and an action's inputs to a request. Pure: sends nothing.

The notation is described at the top of ``requests.yaml``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from maestrale.errors import ActionError

_PLACE = re.compile(r"\{([A-Za-z0-9_|]+)(@stack)?\}")
_WHOLE = re.compile(r"\{([A-Za-z0-9_]+)(\.id)?(!)?(?:\|([a-z]+))?\}")
_CONSTANTS = {"auto": "auto", "false": False, "true": True}
CONTROLS = frozenset({"action_region", "detailed", "search_opts", "sort_keys", "sort_dirs", "retrieve_all", "revision_number", "obj"})
"""Inputs that say how to ask and are no part of what is asked for."""


@dataclass(slots=True)
class Filled:
    """A request to send: path below the service's endpoint, query as pairs, body as JSON value."""

    verb: str
    path: str
    query: list[tuple[str, Any]] = field(default_factory=list)
    body: Any = None
    has_body: bool = False
    text: str | None = None


class Inputs:
    """The inputs of one call, which remember the ones that were used."""

    def __init__(
        self, values: Mapping[str, Any], rename: Mapping[str, str], drop: Iterable[str] = (), joined: Iterable[str] = (),
    ) -> None:
        self._values = {key: value for key, value in values.items() if key not in set(drop)}
        self._rename = rename
        self.joined = frozenset(joined)
        self.used: set[str] = set()

    def take(self, name: str) -> Any:
        """An input's value, None if it isn't given."""
        self.used.add(name)
        return self._values.get(name)

    def peek(self, name: str) -> Any:
        """The same without using it."""
        return self._values.get(name)

    def rest(self) -> dict[str, Any]:
        """What was given and isn't used elsewhere, by the keys of the service; ids where there are objects under such a key."""
        found = {}
        for name, value in self._values.items():
            if value is None or name in self.used or name in CONTROLS:
                continue
            self.used.add(name)
            found[self._rename.get(name, name)] = identity(value) if name in self._rename else value
        return found

    def unused(self) -> list[str]:
        """The inputs that were given and that the request doesn't carry."""
        return [name for name, value in self._values.items() if value is not None and name not in self.used and name not in CONTROLS]


def identity(value: Any) -> Any:
    """The id of an object that an earlier action returned, or the value itself."""
    if isinstance(value, Mapping):
        return next((value[key] for key in ("id", "uuid", "name") if value.get(key) is not None), value)
    return value


def fill(row: Mapping[str, Any], inputs: Inputs, places: Mapping[str, str] | None = None) -> Filled:
    """The request of a row. ``places`` are paths found beforehand. Raises ActionError for inputs that are missing."""
    filled = Filled(row["verb"], "")
    names = [name for match in _PLACE.finditer(row["path"]) for name in match[1].split("|")]
    inputs.used.update(names)
    filled.path = _PLACE.sub(lambda match: (places or {}).get(match[1]) or _segment(match[1], inputs), row["path"])
    if row.get("detail") and inputs.peek(row.get("detail_input", "detailed")) in {True, None, "true"}:
        wanted = inputs.take(row.get("detail_input", "detailed"))
        filled.path += "/detail" if wanted or not row.get("detail_input") else ""
    elif row.get("detail_input"):
        inputs.used.add(row["detail_input"])
    reserved = list(_named_query(row))
    if "body" in row:
        _mark(row["body"], inputs)
        inputs.used.update(reserved)
        filled.body, filled.has_body = _body(row["body"], inputs), True
    if "text" in row:
        filled.text = str(inputs.take(row["text"]))
    filled.query = _query(row, inputs)
    return filled


def needs(row: Mapping[str, Any]) -> list[str]:
    """The inputs whose path has to be found beforehand: stacks, which have two names."""
    return [match[1] for match in _PLACE.finditer(row.get("path", "")) if match[2]]


def _segment(names: str, inputs: Inputs) -> str:
    for name in names.split("|"):
        value = identity(inputs.take(name))
        if value is not None and value != "":
            return segment(value)
    raise ActionError(f"The input '{names.replace('|', chr(39) + ' or ' + chr(39))}' is missing.")


def segment(value: Any) -> str:
    """A value as one segment of a path. Raises ActionError for what would lead elsewhere."""
    text = quote(str(value), safe="")
    if text in {"", ".", ".."} or isinstance(value, Mapping | list):
        raise ActionError(f"{value!r} can't be part of a path.")
    return text


def _named_query(row: Mapping[str, Any]) -> Iterable[str]:
    query = row.get("query") or []
    return [] if query == "*" else [one for name in query if ":=" not in name for one in name.lstrip("+").split("=")[-1].split("|")]


def _query(row: Mapping[str, Any], inputs: Inputs) -> list[tuple[str, Any]]:
    wanted = row.get("query") or []
    pairs: list[tuple[str, Any]] = []
    for entry in [] if wanted == "*" else wanted:
        if entry.startswith("+"):
            given = inputs.take(entry[1:])
            pairs += _spread(entry[1:], given)
            continue
        if ":=" in entry:
            pairs.append(tuple(entry.split(":=")))
            continue
        new, _, old = entry.partition("=")
        value = next((found for name in (old or new).split("|") if (found := inputs.take(name)) is not None), None)
        if value is not None and value != "":
            pairs.append((new, identity(value)))
    if wanted == "*":
        pairs += _spread("search_opts", inputs.take("search_opts"))
        for many, one in (("sort_keys", "sort_key"), ("sort_dirs", "sort_dir")):
            value = inputs.take(many)
            if isinstance(value, str) and value:
                pairs.append((many, value))
            pairs += [(one, item) for item in (value if isinstance(value, list) else ())]
        rest = inputs.rest()
        rest.update(nested if isinstance(nested := rest.pop("filters", None), Mapping) else {})
        pairs += [(name, value) for name, value in rest.items() if value != ""]
    pairs = [(name, ",".join(map(str, value)) if name in inputs.joined and isinstance(value, list) else value) for name, value in pairs]
    return [(name, _text(item)) for name, value in pairs for item in (value if isinstance(value, list) else [value])]


def _spread(name: str, value: Any) -> list[tuple[str, Any]]:
    if value is None:
        return []
    if not isinstance(value, Mapping):
        raise ActionError(f"The input '{name}' has to be a mapping, not {value!r}.")
    return [(key, item) for key, item in value.items() if item is not None]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _mark(template: Any, inputs: Inputs) -> None:
    """Note what a body names, before "*" takes the rest."""
    if isinstance(template, str) and (match := _WHOLE.fullmatch(template)):
        inputs.used.add(match[1])
    elif isinstance(template, Mapping):
        for key, value in template.items():
            _mark(key, inputs)
            _mark(value if key != "+" or value == "*" else f"{{{value}}}", inputs)


def _body(template: Any, inputs: Inputs) -> Any:
    """A body from its template; a key whose value is an input that isn't given is left out."""
    if isinstance(template, str):
        match = _WHOLE.fullmatch(template)
        return template if match is None else _value(match, inputs)
    if not isinstance(template, Mapping):
        return template
    body: dict[str, Any] = {}
    for key, value in template.items():
        if key == "+":
            body |= inputs.rest() if value == "*" else dict(_spread(value, inputs.take(value)))
            continue
        name = str(_body(key, inputs))
        found = _body(value, inputs)
        is_place = isinstance(value, str) and (match := _WHOLE.fullmatch(value)) is not None and not match[3]
        if found is None and is_place:
            continue
        body[name] = found
    return body


def _value(match: re.Match[str], inputs: Inputs) -> Any:
    value = inputs.take(match[1])
    if value is None and match[4]:
        return _CONSTANTS.get(match[4], inputs.take(match[4]))
    return identity(value) if match[2] else value
