"""Conditions, order and pages of list queries (1.5).

Values may come typed or as the text of a query; what can't be read as the field's kind is refused, so that no
database error can come from a request. Times are compared by the second when they are given by the second,
since that is what clients are shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection

from maestrale.errors import RequestError
from maestrale.store.encoding import clean_text, dumps, loads
from maestrale.store.payloads import PayloadCache, PayloadWriter
from maestrale.store.resources import FLAG, JSON, NUMBER, TAGS, TIME, Field, Resource

OPERATORS = ("eq", "neq", "gt", "gte", "lt", "lte", "in", "nin", "has")
PLAIN_OPERATORS = frozenset(OPERATORS) - {"has"}
TRUE = frozenset({"true", "1", "yes", "on"})
FALSE = frozenset({"false", "0", "no", "off", ""})
SECOND = timedelta(seconds=1)
LARGEST = 2**63 - 1
LAST_YEAR = 9999


class Filter(Protocol):
    """One condition: a field, one of ``OPERATORS``, and a value or, for ``in``, ``nin`` and tags, several."""

    @property
    def column(self) -> str:
        """The field's name."""

    @property
    def operator(self) -> str:
        """What to do with the value."""

    @property
    def value(self) -> Any:
        """What to compare with; None is null."""


@dataclass(frozen=True, slots=True)
class Where:
    """A ``Filter`` for callers that have none of their own."""

    column: str
    operator: str
    value: Any


def conditions(resource: Resource, filters: Iterable[Filter], nulls: Iterable[str], conn: Connection) -> list[ColumnElement[bool]]:
    """The conditions of a list query. Raises RequestError for unknown fields and operators and for senseless values."""
    found = [_condition(field_of(resource, one.column), one, conn) for one in filters]
    found += [field_of(resource, name).column.is_(None) for name in nulls]
    return found


def parameters(resource: Resource, filters: Iterable[Filter]) -> dict[str, Any] | None:
    """The values of filters for the conditions of ``plain_conditions``; None if one needs a condition made from its value.

    Raises RequestError as ``conditions`` does.
    """
    found: dict[str, Any] = {}
    for number, one in enumerate(filters):
        field = field_of(resource, one.column)
        if field.kind in {TAGS, TIME} or one.operator not in PLAIN_OPERATORS:
            return None
        if one.operator in {"in", "nin"}:
            found[_parameter(number)] = [_typed(field, value, one.column) for value in _several(one.value)]
        else:
            value = _typed(field, one.value, one.column)
            if value is None:
                return None
            found[_parameter(number)] = value
    return found


def plain_conditions(resource: Resource, shape: Iterable[tuple[str, str]]) -> list[ColumnElement[bool]]:
    """The conditions of filters of these fields and operators, with ``parameters`` for their values."""
    found: list[ColumnElement[bool]] = []
    for number, (name, operator) in enumerate(shape):
        column = field_of(resource, name).column
        several = operator in {"in", "nin"}
        parameter = sa.bindparam(_parameter(number), type_=column.type, expanding=several)
        if several:
            found.append(column.in_(parameter) if operator == "in" else column.not_in(parameter))
        else:
            found.append(_comparison(column, operator, parameter))
    return found


def _parameter(number: int) -> str:
    return f"filter_{number}"


def field_of(resource: Resource, name: str) -> Field:
    """The field of that name. Raises RequestError naming those that exist."""
    field = resource.fields.get(name)
    if field is None:
        raise RequestError(f"Some fields do not exist  ['{name}'], please choose from {sorted(resource.fields)}")
    return field


def _condition(field: Field, one: Filter, conn: Connection) -> ColumnElement[bool]:
    if one.operator not in OPERATORS:
        raise RequestError(f"Unknown filter operator '{one.operator}', please choose from {list(OPERATORS)}")
    if field.kind == TAGS:
        return _tags(field, one, conn)
    if one.operator == "has":
        return contains(field.column, _text(one.value), conn)
    if one.operator in {"in", "nin"}:
        return _among(field, one)
    value = _typed(field, one.value, one.column)
    if value is None:
        return _null(field, one)
    if field.kind == TIME and value.microsecond == 0:
        return _by_second(field.column, one.operator, value)
    return _compared(field.column, one.operator, value)


def _literal(column: ColumnElement[Any], value: Any) -> ColumnElement[Any]:
    """A value as a parameter of the column's type, so that bools too can be ordered."""
    return sa.literal(value, column.type)


def _compared(column: ColumnElement[Any], operator: str, given: Any) -> ColumnElement[bool]:
    return _comparison(column, operator, _literal(column, given))


def _comparison(column: ColumnElement[Any], operator: str, value: ColumnElement[Any]) -> ColumnElement[bool]:
    comparisons: Mapping[str, ColumnElement[bool]] = {
        "eq": column == value, "neq": column != value, "gt": column > value, "gte": column >= value, "lt": column < value,
        "lte": column <= value,
    }
    return comparisons[operator]


def _by_second(column: ColumnElement[Any], operator: str, value: datetime) -> ColumnElement[bool]:
    following = value + SECOND if value.year < LAST_YEAR else value
    comparisons: Mapping[str, ColumnElement[bool]] = {
        "eq": sa.and_(column >= value, column < following), "neq": sa.or_(column < value, column >= following),
        "gt": column >= following, "gte": column >= value, "lt": column < value, "lte": column < following,
    }
    return comparisons[operator]


def _null(field: Field, one: Filter) -> ColumnElement[bool]:
    if one.operator == "eq":
        return field.column.is_(None)
    if one.operator == "neq":
        return field.column.is_not(None)
    raise RequestError(f"'{one.column}' can't be compared with null by '{one.operator}'")


def _among(field: Field, one: Filter) -> ColumnElement[bool]:
    values = [_typed(field, value, one.column) for value in _several(one.value)]
    if field.kind == TIME:
        times = [_by_second(field.column, "eq", value) if value.microsecond == 0 else field.column == value for value in values]
        inside = sa.or_(sa.false(), *times)
        return inside if one.operator == "in" else sa.not_(inside)
    return field.column.in_(values) if one.operator == "in" else field.column.not_in(values)


def _tags(field: Field, one: Filter, conn: Connection) -> ColumnElement[bool]:
    """Tags are stored as a JSON list, in which a quoted tag can be found as text."""
    if one.operator == "has":
        return contains(field.column, _text(one.value), conn)
    parts = [contains(field.column, dumps(_text(tag)), conn) for tag in _several(one.value)]
    if one.operator == "eq":
        return sa.and_(sa.true(), *parts)
    if one.operator == "neq":
        return sa.not_(sa.and_(sa.true(), *parts))
    if one.operator in {"in", "nin"}:
        some = sa.or_(sa.false(), *parts)
        return some if one.operator == "in" else sa.not_(some)
    raise RequestError(f"Tags can't be compared by '{one.operator}'")


def contains(column: ColumnElement[Any], text: str, conn: Connection) -> ColumnElement[bool]:
    """Whether a column holds a text, by code point: LIKE would take wildcards, and ignore case on SQLite."""
    position = sa.func.strpos if conn.dialect.name == "postgresql" else sa.func.instr
    result: ColumnElement[bool] = position(column, text) > 0
    return result


def _several(value: Any) -> list[Any]:
    if isinstance(value, str):
        return value.split(",")
    return list(value) if isinstance(value, list | tuple | set | frozenset) else [value]


def _text(value: Any) -> str:
    return clean_text(str(value)) or ""


def _typed(field: Field, value: Any, name: str) -> Any:
    """The value in the field's type. Raises RequestError."""
    if value is None:
        return None
    try:
        if field.kind == TIME:
            return value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip()).replace(tzinfo=None)
        if field.kind == NUMBER:
            number = int(value)
            return max(-LARGEST, min(LARGEST, number))
        if field.kind == FLAG:
            return _flag(value)
    except (ValueError, TypeError) as error:
        raise RequestError(f"Invalid input for field/attribute {name}. Value: '{value}'. {error}") from error
    if field.kind == JSON:
        return _json(field, value)
    return _text(value)


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text in TRUE:
        return True
    if text in FALSE:
        return False
    raise ValueError("Expected true or false.")


def _json(field: Field, value: Any) -> str:
    """The text as which the value would be stored; what is no JSON stays as it is and matches nothing."""
    try:
        parsed = loads(value.strip()) if isinstance(value, str) else value
    except ValueError:
        return _text(value)
    if field.payload and isinstance(parsed, dict):
        return PayloadWriter(PayloadCache(max_entries=0)).encode("", parsed) or ""
    return dumps(parsed)


def order(resource: Resource, sort: Sequence[tuple[str, bool]]) -> list[tuple[Field, bool]]:
    """The sort fields with their direction (True: descending), made total by the id. Raises RequestError."""
    found: list[tuple[Field, bool]] = []
    names: list[str] = []
    for name, descending in (*sort, ("id", False)):
        if name in names:
            continue
        names.append(name)
        field = resource.fields.get(name)
        if field is None or not field.sorts:
            allowed = sorted(one for one, candidate in resource.fields.items() if candidate.sorts)
            raise RequestError(f"Unknown sort key '{name}', please choose from {allowed}")
        found.append((field, descending))
    return found


def order_by(fields: Sequence[tuple[Field, bool]]) -> list[ColumnElement[Any]]:
    """The ORDER BY list; nulls come last going up, first going down, on every database."""
    parts: list[ColumnElement[Any]] = []
    for field, descending in fields:
        if field.nullable:
            empty = sa.case((field.column.is_(None), 1), else_=0)
            parts.append(empty.desc() if descending else empty)
        parts.append(field.column.desc() if descending else field.column)
    return parts


def after(fields: Sequence[tuple[Field, bool]], values: Sequence[Any], *, rows: bool) -> ColumnElement[bool]:
    """The condition that a row comes after the one with these sort values. ``rows``: row values compare by index."""
    directions = {descending for _, descending in fields}
    if rows and len(directions) == 1 and not any(field.nullable for field, _ in fields):
        left = sa.tuple_(*(field.column for field, _ in fields))
        right = sa.tuple_(*(_literal(field.column, value) for (field, _), value in zip(fields, values, strict=True)))
        compared: ColumnElement[bool] = left < right if directions == {True} else left > right
        return compared
    found: ColumnElement[bool] = sa.false()
    for (field, descending), value in reversed(list(zip(fields, values, strict=True))):
        found = sa.or_(_beyond(field, value, descending=descending), sa.and_(_same(field, value), found))
    first, descending = fields[0]
    if not first.nullable:
        # says again what follows from the rest, in the form that an index can use
        limit = _literal(first.column, values[0])
        bound: ColumnElement[bool] = first.column <= limit if descending else first.column >= limit
        found = sa.and_(bound, found)
    return found


def _same(field: Field, value: Any) -> ColumnElement[bool]:
    same: ColumnElement[bool] = field.column.is_(None) if value is None else field.column == _literal(field.column, value)
    return same


def _beyond(field: Field, value: Any, *, descending: bool) -> ColumnElement[bool]:
    """Strictly after ``value`` in this field, null being the greatest."""
    if value is None:
        return field.column.is_not(None) if descending else sa.false()
    limit = _literal(field.column, value)
    beyond: ColumnElement[bool] = field.column < limit if descending else field.column > limit
    return sa.or_(beyond, field.column.is_(None)) if field.nullable and not descending else beyond
