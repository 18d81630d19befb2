"""The three state machines, as data.

A move is legal when its pair stands in the table; staying is always legal. Final states have no way out but
*rerun* (ERROR, CANCELLED) and *skip* (ERROR, tasks only). Nothing else in the core lists states: rules that
join several machines ("all tasks are final, so the execution ends") live in ``decide``. Texts are Mistral's;
DELAYED is what it calls RUNNING_DELAYED inside.

Mistral has one table for all three (3.1) and enforces it for executions and for updates from outside only;
the tables here are the moves that the engine makes, which a test walks over the whole matrix.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

IDLE: Final = "IDLE"
WAITING: Final = "WAITING"
RUNNING: Final = "RUNNING"
DELAYED: Final = "DELAYED"
PAUSED: Final = "PAUSED"
SUCCESS: Final = "SUCCESS"
ERROR: Final = "ERROR"
CANCELLED: Final = "CANCELLED"
SKIPPED: Final = "SKIPPED"

FINAL: Final = frozenset({SUCCESS, ERROR, CANCELLED, SKIPPED})

Table = Mapping[str, frozenset[str]]


def _table(rows: Mapping[str, str]) -> Table:
    return {state: frozenset(targets.split()) for state, targets in rows.items()}


EXECUTION: Final[Table] = _table({
    IDLE: "RUNNING ERROR CANCELLED",
    RUNNING: "PAUSED SUCCESS ERROR CANCELLED",
    PAUSED: "RUNNING ERROR CANCELLED",
    SUCCESS: "",
    ERROR: "RUNNING",
    CANCELLED: "RUNNING",
})

TASK: Final[Table] = _table({
    IDLE: "RUNNING ERROR CANCELLED",
    # A join that waits to run again may be completed by the action of its run before.
    WAITING: "RUNNING SUCCESS ERROR CANCELLED",
    RUNNING: "IDLE WAITING DELAYED PAUSED SUCCESS ERROR CANCELLED",
    DELAYED: "RUNNING WAITING SUCCESS ERROR CANCELLED",
    PAUSED: "RUNNING WAITING SUCCESS ERROR CANCELLED",
    # A completed task moves on when a policy delays its end, a retry or rerun repeats it, a join is triggered again, or
    # what comes at its end fails.
    SUCCESS: "DELAYED WAITING ERROR",
    ERROR: "RUNNING DELAYED WAITING SKIPPED",
    CANCELLED: "WAITING RUNNING ERROR",
    SKIPPED: "WAITING ERROR",
})

ACTION: Final[Table] = _table({
    RUNNING: "PAUSED SUCCESS ERROR CANCELLED",
    PAUSED: "RUNNING SUCCESS ERROR CANCELLED",
    SUCCESS: "",
    ERROR: "",
    CANCELLED: "",
})


def may_move(table: Table, source: str, target: str) -> bool:
    """Whether the move is legal; staying is. An unknown state has no way out."""
    return source == target or target in table.get(source, frozenset())


def is_final(state: str) -> bool:
    """Whether a state is an end."""
    return state in FINAL
