"""Actions that wait because only so many of a kind may run at once, over all processes that share a database.

The runner hands an action over before it begins, and gets it back (``enter``) when it has all its places; while it waits it takes up
no thread, no slot and no connection. Who comes next is a plan that every process makes of the same rows: oldest first, where one that
still lacks a place keeps those that it could have. What a plan gives may be taken by another process meanwhile, so it
counts only once it is written. All rows are written by one thread, in ``poll``; the other methods may be called from any.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock

import structlog

from maestrale.store import ConstraintError, Database, action_places
from maestrale.store.action_places import Wish

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """What may be taken (action execution -> limit -> number), and the limits that the others lack a place of."""

    entering: Mapping[str, Mapping[str, int]]
    lacking: Mapping[str, Sequence[str]]


def plan(wishes: Sequence[Wish], limits: Mapping[str, int]) -> Plan:
    """Give the free places out, to the oldest first; see the module. A limit that isn't known here has always room."""
    used: dict[str, set[int]] = {}
    waiting: dict[tuple[datetime, str], list[str]] = {}
    for wish in wishes:
        if wish.place is None:
            waiting.setdefault((wish.since, wish.attempt_id), []).append(wish.name)
        else:
            used.setdefault(wish.name, set()).add(wish.place)
    entering: dict[str, dict[str, int]] = {}
    lacking: dict[str, list[str]] = {}
    for (_, attempt_id), names in sorted(waiting.items()):
        found = {name: _free_number(used.setdefault(name, set()), limits.get(name)) for name in names}
        for name, number in found.items():
            if number is not None:
                used[name].add(number)
        if missing := sorted(name for name, number in found.items() if number is None):
            lacking[attempt_id] = missing
        else:
            entering[attempt_id] = {name: number for name, number in found.items() if number is not None}
    return Plan(entering, lacking)


def _free_number(used: set[int], limit: int | None) -> int | None:
    number = next(number for number in range(len(used) + 1) if number not in used)
    return number if limit is None or number < limit else None


@dataclass(slots=True, eq=False)
class _Waiting:
    """One that waits here. ``is_noted``: its rows are written; ``told``: what is shown of it."""

    names: Sequence[str]
    since: datetime
    enter: Callable[[], None]
    is_noted: bool = False
    told: str | None = None


@dataclass(slots=True, kw_only=True)
class Places:
    """See the module. ``limits``: how many may run at once, by the limit's name."""

    node_id: str
    database: Database
    limits: Mapping[str, int]
    now: Callable[[], datetime]
    on_change: Callable[[], None] = lambda: None
    _waiting: dict[str, _Waiting] = field(default_factory=dict)
    _leaving: set[str] = field(default_factory=set)
    _mutex: Lock = field(default_factory=Lock)

    def __len__(self) -> int:
        return len(self._waiting)

    def wait(self, attempt_id: str, names: Sequence[str], enter: Callable[[], None]) -> None:
        """Call ``enter`` once the action has a place of each of these limits, unless it leaves before."""
        with self._mutex:
            self._waiting[attempt_id] = _Waiting(names, self.now(), enter)
        self.on_change()

    def leave(self, attempt_id: str) -> None:
        """The action has ended, or waits no more: its places are for others."""
        with self._mutex:
            self._waiting.pop(attempt_id, None)
            self._leaving.add(attempt_id)
        self.on_change()

    def poll(self) -> None:
        """Write down who came and who left, and let in whoever has a place. Costs nothing while nobody waits or leaves."""
        self._write_leaving()
        if not self._waiting:
            return
        self._write_new()
        wishes = self.database.run_read(action_places.of_the_living)
        planned = plan(wishes, self.limits)
        self._look_after({wish.attempt_id for wish in wishes if wish.owner == self.node_id}, planned)
        for attempt_id, numbers in planned.entering.items():
            self._let_in(attempt_id, numbers)
        self._tell(planned.lacking)

    def _write_leaving(self) -> None:
        with self._mutex:
            leaving, self._leaving = self._leaving, set()
        if not leaving:
            return
        try:
            self.database.run_write(lambda conn: action_places.leave(conn, self.node_id, leaving))
        except BaseException:
            with self._mutex:
                self._leaving |= leaving
            raise

    def _write_new(self) -> None:
        with self._mutex:
            new = {attempt_id: one for attempt_id, one in self._waiting.items() if not one.is_noted}
        wishes = [Wish(attempt_id, name, self.node_id, one.since) for attempt_id, one in new.items() for name in one.names]
        if wishes:
            self.database.run_write(lambda conn: action_places.ask(conn, wishes))
        for one in new.values():
            one.is_noted = True

    def _look_after(self, known: set[str], planned: Plan) -> None:
        """Those that wait here by memory but not by their rows.

        Without rows: others took this process for dead for a while. With places: they were taken by a commit whose answer was lost.
        """
        with self._mutex:
            here = list(self._waiting.items())
        for attempt_id, one in here:
            if attempt_id not in known:
                one.is_noted = False
            elif attempt_id not in planned.entering and attempt_id not in planned.lacking:
                self._enter(attempt_id)

    def _let_in(self, attempt_id: str, numbers: Mapping[str, int]) -> None:
        if attempt_id not in self._waiting:
            return
        try:
            self.database.run_write(lambda conn: action_places.take(conn, attempt_id, self.node_id, numbers))
        except ConstraintError:
            log.info("a place was taken by another process", action_execution_id=attempt_id)
        else:
            self._enter(attempt_id)

    def _enter(self, attempt_id: str) -> None:
        with self._mutex:
            one = self._waiting.pop(attempt_id, None)
        if one is not None:
            one.enter()

    def _tell(self, lacking: Mapping[str, Sequence[str]]) -> None:
        """Show of each that waits here what for; only what has changed."""
        told = {}
        for attempt_id, names in lacking.items():
            one = self._waiting.get(attempt_id)
            if one is not None and (text := self._reason(names, one.since)) != one.told:
                told[attempt_id] = one.told = text
        if told:
            self.database.run_write(lambda conn: action_places.tell(conn, self.node_id, told))

    def _reason(self, names: Sequence[str], since: datetime) -> str:
        wanted = " and ".join(f"'{name}' ({self.limits[name]} at once)" for name in names)
        return f"Waits for a place of {wanted} since {since:%Y-%m-%d %H:%M:%S}."
