"""What a list request asks for (1.5): the query's arguments, checked against a resource's columns.

The result is a ``Listing``: plain values that the store understands, with the link to the next page. Reads
nothing but the query text and the resource's table; asks no database.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, quote

import orjson

from maestrale.api.errors import shown
from maestrale.api.resources import Column, Kind, Resource
from maestrale.errors import RequestError

OPERATORS = frozenset({"eq", "neq", "gt", "gte", "lt", "lte", "in", "nin", "has"})
PAGING = frozenset({"marker", "limit", "sort_keys", "sort_dirs", "fields"})
MAX_ARGUMENTS = 100
TRUE = frozenset({"true", "1", "yes", "on", "t", "y"})
FALSE = frozenset({"false", "0", "no", "off", "f", "n", ""})
SAFE_IN_LINK = ":,-._~"
UUID_TEXT = re.compile(r"[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}")
LARGEST_INTEGER = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition: ``value`` is typed as the column is; a tuple for ``in`` and ``nin``, and for tags (all of them)."""

    column: str
    operator: str
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A checked list request. ``columns`` are the fields to show, ``id`` first; ``sort`` ends with ``id``.

    ``limit`` None is unlimited. ``flags`` are the resource's own options; ``arguments`` repeat the filters and
    flags in the link to the next page.
    """

    sort: tuple[tuple[str, bool], ...]
    limit: int | None
    marker: str | None = None
    columns: tuple[str, ...]
    fields_given: bool = False
    filters: tuple[Filter, ...] = ()
    nulls: tuple[str, ...] = ()
    flags: Mapping[str, bool] = field(default_factory=dict)
    arguments: tuple[tuple[str, str], ...] = ()

    def next_link(self, address: str, last_id: str) -> str:
        """The address of the page after the one that ends with ``last_id`` (A048, A049)."""
        parts = [
            "sort_keys=" + ",".join(key for key, _ in self.sort),
            "sort_dirs=" + ",".join("desc" if descending else "asc" for _, descending in self.sort),
        ]
        parts += [f"{name}={quote(value, safe=SAFE_IN_LINK)}" for name, value in self.arguments]
        parts += [f"limit={self.limit}", f"marker={quote(last_id, safe=SAFE_IN_LINK)}"]
        if self.fields_given:
            parts.append("fields=" + ",".join(self.columns))
        return f"{address}?{'&'.join(parts)}"


class Query:
    """The arguments of a request's query, in order, decoded."""

    __slots__ = ("_last", "pairs")

    def __init__(self, text: bytes) -> None:
        """``text`` is the raw query. Raises RequestError for broken percent-encoding, NUL or too many arguments."""
        self.pairs: list[tuple[str, str]] = []
        if text:
            try:
                self.pairs = parse_qsl(text.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_ARGUMENTS)
            except ValueError as error:
                raise RequestError(f"The query can't be read: {error}") from None
            if any("\0" in name or "\0" in value for name, value in self.pairs):
                raise RequestError("The query contains a NUL character.")
        self._last = dict(self.pairs)

    def __iter__(self) -> Iterator[str]:
        return iter(self._last)

    def get(self, name: str) -> str | None:
        """The argument's value; the last one where it is repeated (A073)."""
        return self._last.get(name)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """A boolean argument; the empty text is false (A074). Raises RequestError for other words."""
        value = self._last.get(name)
        return default if value is None else parse_flag(name, value)

    def integer(self, name: str, *, default: int) -> int:
        """An integer argument. Raises RequestError if it is none."""
        value = self._last.get(name)
        return default if value is None else parse_integer(name, value)

    def allow_only(self, *names: str) -> None:
        """Raises RequestError naming the first argument that is none of ``names`` (A063)."""
        for name in self._last:
            if name not in names:
                raise unknown_argument(name)

    def repeated(self, name: str) -> bool:
        """Whether the argument was given more than once."""
        return sum(1 for given, _ in self.pairs if given == name) > 1


def unknown_argument(name: str) -> RequestError:
    """The refusal of an argument that the endpoint doesn't have."""
    return RequestError(f'Unknown argument: "{shown(name)}"')


def parse_flag(name: str, value: str) -> bool:
    """A boolean as clients write it. Raises RequestError."""
    word = value.strip().lower()
    if word in TRUE:
        return True
    if word in FALSE:
        return False
    raise RequestError(f"Invalid input for field/attribute {name}. Value: '{shown(value)}'. Expected true or false.")


def parse_integer(name: str, value: str) -> int:
    """A small integer in decimal digits. Raises RequestError."""
    text = value.strip()
    if not re.fullmatch(r"[+-]?[0-9]{1,10}", text) or abs(int(text)) > LARGEST_INTEGER:
        raise RequestError(
            f"Invalid input for field/attribute {name}. Value: '{shown(value)}'. unable to convert to int."
        )
    return int(text)


def parse_time(name: str, value: str) -> datetime:
    """A time as a naive UTC datetime, from any ISO form with blank or T. Raises RequestError (A075)."""
    try:
        time = datetime.fromisoformat(value.strip())
        return time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time
    except (ValueError, OverflowError):
        raise RequestError(
            f"Invalid input for field/attribute {name}. Value: '{shown(value)}'. Expected a time, e.g. 2026-01-31 12:00:00."
        ) from None


def parse_uuid(name: str, value: str) -> str:
    """A UUID in lower case with dashes; 32 hexadecimal digits stay as they are (A071). Raises RequestError."""
    if not UUID_TEXT.fullmatch(value):
        raise RequestError(
            f"Invalid input for field/attribute {name}. Value: '{shown(value)}'. Value should be UUID format."
        )
    return value.lower()


def read_listing(query: Query, resource: Resource, max_limit: int, *, skip: Sequence[str] = ()) -> Listing:
    """Check a list request against a resource; ``skip`` names arguments that the path has fixed already.

    Raises RequestError for everything that 1.5 refuses.
    """
    limit = _read_limit(query, resource, max_limit)
    columns, given = _read_fields(query, resource)
    sort = _read_sort(query, resource)
    flags: dict[str, bool] = {}
    filters: list[Filter] = []
    arguments: list[tuple[str, str]] = []
    for name in query:
        value = query.get(name) or ""
        column = resource.column(name)
        if name in PAGING or name in skip:
            continue
        if name == "nulls" and resource.nullable:
            arguments.append((name, value))
        elif name in resource.flags:
            flags[name] = parse_flag(name, value)
            arguments.append((name, value))
        elif column is not None and column.filters:
            condition = read_filter(column, value)
            filters.append(condition)
            arguments.append((name, _argument_text(condition, value)))
        elif column is not None:
            raise RequestError(f"Filtering {resource.collection} by '{name}' is not possible.")
        else:
            raise unknown_argument(name)
    return Listing(
        sort=sort, limit=limit, marker=query.get("marker") or None, columns=columns, fields_given=given,
        filters=tuple(filters), nulls=_read_nulls(query, resource), flags=flags, arguments=tuple(arguments),
    )


def read_filter(column: Column, text: str) -> Filter:
    """One filter argument, ``value`` or ``operator:value`` (A064 to A069). Raises RequestError."""
    prefix, colon, rest = text.partition(":")
    operator, value = (prefix, rest) if colon and prefix in OPERATORS else ("eq", text)
    if operator in {"in", "nin"}:
        return Filter(column.name, operator, tuple(_typed(column, item) for item in value.split(",")))
    if column.kind is Kind.TAGS:
        if operator not in {"eq", "has"}:
            raise RequestError(f"Tags can be filtered by 'eq', 'has', 'in' and 'nin' only, not by '{operator}'.")
        return Filter(column.name, operator, tuple(tag.strip() for tag in value.split(",")) if operator == "eq" else value)
    if operator == "has":
        if column.kind not in {Kind.TEXT, Kind.JSON, Kind.PROJECT}:
            raise RequestError(f"'has' compares texts; '{column.name}' is none.")
        return Filter(column.name, operator, value)
    return Filter(column.name, operator, _typed(column, value))


def _typed(column: Column, value: str) -> Any:
    """The value in the column's type."""
    if column.kind is Kind.UUID:
        return parse_uuid(column.name, value)
    if column.kind is Kind.TIME:
        return parse_time(column.name, value)
    if column.kind is Kind.FLAG:
        return parse_flag(column.name, value)
    if column.kind is Kind.NUMBER:
        return parse_integer(column.name, value)
    if column.kind is Kind.JSON:
        return _compact(value)
    return value


def _compact(value: str) -> str:
    """JSON text in the form in which it is stored; what is no JSON stays as it is and matches nothing."""
    try:
        return orjson.dumps(orjson.loads(value)).decode()
    except (ValueError, TypeError):
        return value


def _argument_text(condition: Filter, value: str) -> str:
    """The filter as ``operator:value`` for the link to the next page (A049)."""
    given = value.partition(":")[0] == condition.operator and ":" in value
    return value if given else f"{condition.operator}:{value}"


def _names(text: str) -> list[str]:
    """A comma list of column names, lower-cased, each once (A057)."""
    return list(dict.fromkeys(name.strip().lower() for name in text.split(",") if name.strip()))


def _read_limit(query: Query, resource: Resource, max_limit: int) -> int | None:
    text = query.get("limit")
    if query.repeated("limit"):
        raise RequestError("Invalid input for field/attribute limit. It was given more than once.")
    if text is None or text == "":
        return None if resource.unlimited else max_limit
    limit = parse_integer("limit", text)
    if limit <= 0:
        raise RequestError("Limit must be positive.")
    return limit if resource.unlimited else min(limit, max_limit)


def _read_fields(query: Query, resource: Resource) -> tuple[tuple[str, ...], bool]:
    names = _names(query.get("fields") or "")
    known = resource.field_names
    unknown = [name for name in names if name not in known]
    if unknown:
        raise RequestError(f"Some fields do not exist  {[shown(name) for name in unknown]}, please choose from {list(known)}")
    if not names:
        return tuple(column.name for column in resource.columns if column.listed), False
    return ("id", *(name for name in names if name != "id")), True


def _read_sort(query: Query, resource: Resource) -> tuple[tuple[str, bool], ...]:
    keys = _names(query.get("sort_keys") or resource.default_sort)
    for key in keys:
        column = resource.column(key)
        if column is None or not column.sorts:
            raise RequestError(f"Unknown sort key '{shown(key)}', please choose from {list(resource.sort_names)}")
    directions = [word.strip().lower() for word in (query.get("sort_dirs") or "").split(",") if word.strip()]
    if any(word not in {"asc", "desc"} for word in directions):
        raise RequestError("Unknown sort direction, must be 'desc' or 'asc'.")
    if len(directions) > len(keys):
        raise RequestError("Length of sort_keys must be equal or greater than sort_dirs.")
    if "id" not in keys:
        keys.append("id")
    directions += ["asc"] * (len(keys) - len(directions))
    return tuple((key, word == "desc") for key, word in zip(keys, directions, strict=True))


def _read_nulls(query: Query, resource: Resource) -> tuple[str, ...]:
    names = _names(query.get("nulls") or "")
    for name in names:
        if name not in resource.nullable:
            raise RequestError(f"'{shown(name)}' can't be null; 'nulls' may name {list(resource.nullable)}")
    return tuple(names)
