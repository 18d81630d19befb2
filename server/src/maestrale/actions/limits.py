"""How many actions of a kind may run at once: which of the operator's limits hold for an action.

A limit is a name such as ``playbook:site.yml``, ``inventory:*`` or ``project:web`` and a number. All actions with a subject
that matches the name share its places. Counting them is the business of whoever implements ``Places``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Protocol


class Places(Protocol):
    """Lets actions in, so many at once of each limit, over all processes. Methods are called from any thread and are quick."""

    @property
    def limits(self) -> Mapping[str, int]:
        """How many may run at once, by the limit's name."""

    def wait(self, attempt_id: str, names: Sequence[str], enter: Callable[[], None]) -> None:
        """Call ``enter`` once the action has a place of each of these limits, unless it leaves before."""

    def leave(self, attempt_id: str) -> None:
        """The action has ended, or waits no more."""

    def __len__(self) -> int:
        """How many wait here."""


class NoPlaces:
    """Where nothing is limited."""

    limits: Mapping[str, int] = MappingProxyType({})

    def wait(self, attempt_id: str, names: Sequence[str], enter: Callable[[], None]) -> None:  # noqa: ARG002 - the port's signature
        """Let it in."""
        enter()

    def leave(self, attempt_id: str) -> None:
        """Nothing was held."""

    def __len__(self) -> int:
        """Nobody waits."""
        return 0


def limits_for(subjects: Iterable[str], limits: Mapping[str, int]) -> list[str]:
    """The names of the limits that hold for what an action is about, sorted."""
    about = list(subjects)
    return sorted(name for name in limits if any(fnmatchcase(subject, name) for subject in about))
