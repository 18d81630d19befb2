"""What a snapshot derives from its records and keeps at hand: the state of items, joins and routes.

All of it can be thrown away and is then found again from the records. It exists so that one completion costs the same
in a small workflow and in a large one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

from maestrale.core import states
from maestrale.core.model import Attempt


class ItemsState:
    """Where a with-items task stands: the accepted or running attempt of each index, and how many are in which state.

    ``rows`` are the variables of each item, ``prepared`` the items whose input is evaluated and that are to start next:
    (index, input).
    """

    __slots__ = ("by_index", "cursor", "done", "prepared", "rows", "running")

    def __init__(self) -> None:
        self.by_index: dict[int, Attempt] = {}
        self.running = 0
        self.done = 0
        self.cursor = 0
        self.rows: list[dict[str, Any]] | None = None
        self.prepared: deque[tuple[int, dict[str, Any]]] = deque()

    @classmethod
    def rebuild(cls, attempts: Iterable[Attempt]) -> ItemsState:
        """From the attempts that count: accepted, or not ended yet."""
        state = cls()
        for attempt in attempts:
            if attempt.accepted or (not states.is_final(attempt.state) and not attempt.runtime_context.get("_abandoned")):
                state.by_index[attempt.index] = attempt
        state.done = sum(1 for attempt in state.by_index.values() if states.is_final(attempt.state))
        state.running = len(state.by_index) - state.done
        return state


class JoinState:
    """What each inbound task induces for a waiting join, by name in the order of the definition, and how many do which."""

    __slots__ = ("by_name", "counts")

    def __init__(self, by_name: dict[str, str]) -> None:
        self.by_name = by_name
        self.counts = {states.RUNNING: 0, states.ERROR: 0, states.WAITING: 0}
        for state in by_name.values():
            self.counts[state] += 1

    def change(self, name: str, state: str) -> None:
        """One inbound task induces another state now."""
        self.counts[self.by_name[name]] -= 1
        self.counts[state] += 1
        self.by_name[name] = state

    def names(self, state: str) -> list[str]:
        """The inbound tasks that induce a state, in the order of the definition."""
        return [name for name, induced in self.by_name.items() if induced == state]


class Routes:
    """Which tasks without execution can't get one any more, and how far the search for an open way has come.

    ``closed``: no way leads there. ``told``: joins behind it know. ``position``: how many of a task's inbound tasks, in
    written order, are known to be no way. All of it holds until a task that was final is not final any more.
    """

    __slots__ = ("closed", "position", "told")

    def __init__(self) -> None:
        self.closed: set[str] = set()
        self.told: set[str] = set()
        self.position: dict[str, int] = {}

    def reset(self) -> bool:
        """Forget everything, since ways may be open again; True if any had been closed."""
        had_closed = bool(self.closed)
        self.closed.clear()
        self.told.clear()
        self.position.clear()
        return had_closed
