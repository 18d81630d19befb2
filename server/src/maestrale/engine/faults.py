"""Named instants at which a test may end the process. In service the hook does nothing."""

from __future__ import annotations

from collections.abc import Callable

Faults = Callable[[str], None]

BEFORE_COMMIT = "before-commit"
AFTER_COMMIT = "after-commit"
BEFORE_DISPATCH = "before-dispatch"
AFTER_DISPATCH = "after-dispatch"
BEFORE_ANSWER = "before-answer"
RESULT_IN_HAND = "result-in-hand"
BEFORE_CLAIM = "before-claim"
AFTER_CLAIM = "after-claim"

ALL = (BEFORE_COMMIT, AFTER_COMMIT, BEFORE_DISPATCH, AFTER_DISPATCH, BEFORE_ANSWER, RESULT_IN_HAND, BEFORE_CLAIM, AFTER_CLAIM)


def no_faults(point: str) -> None:
    """The hook of a service."""
    del point
