"""Every move of a task in any of these tests has to be one of its table."""

from __future__ import annotations

from typing import Any

import pytest

from maestrale.core import states
from maestrale.core.model import Task
from maestrale.core.turn import Turn


@pytest.fixture(autouse=True)
def _legal_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    set_task = Turn.set_task

    def checked(self: Turn, task: Task, state: str, info: str | None = None, **values: Any) -> None:
        assert states.may_move(states.TASK, task.state, state), f"{task.name}: {task.state} -> {state}"
        set_task(self, task, state, info, **values)

    monkeypatch.setattr(Turn, "set_task", checked)
