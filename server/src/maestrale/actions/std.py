"""The small standard actions (4.2): noop, async_noop, echo, fail, sleep, test_dict.

``pure`` answers what has no effect outside, so that a decision can take the result at once.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from typing import Any, NoReturn

from maestrale.actions.protocol import Action, ActionContext
from maestrale.core.ports import Result
from maestrale.errors import ActionError

_MISTRAL = "mistral.actions.std_actions."
LARGEST_TEST_DICT = 1_000_000
FAIL_TEXT = "Fail action expected exception."


class FailActionError(ActionError):
    """What ``std.fail`` raises. ``action`` is how the action names itself in the text of the failure (L378)."""

    action = "Fail action"


def _seconds(value: Any, kind: type[int | float]) -> float:
    """A span as Mistral reads it: what isn't a number counts as 0, and so does what is below 0 (L379)."""
    try:
        seconds = float(kind(value))
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return max(0.0, seconds) if math.isfinite(seconds) else 0.0


def _pure_noop(inputs: Mapping[str, Any]) -> Result:  # noqa: ARG001 - the port's signature
    return Result()


def _pure_echo(inputs: Mapping[str, Any]) -> Result | None:
    return None if _seconds(inputs.get("delay", 0), float) else Result(data=inputs.get("output"))


def _pure_fail(inputs: Mapping[str, Any]) -> Result:
    if error_data := inputs.get("error_data"):
        return Result(failed=True, error=error_data)
    return _raise_failure()


def _raise_failure() -> NoReturn:
    raise FailActionError(FAIL_TEXT)


def _pure_test_dict(inputs: Mapping[str, Any]) -> Result:
    prefix, val, size = inputs.get("key_prefix", ""), inputs.get("val", ""), int(inputs.get("size", 0))
    if size > LARGEST_TEST_DICT:
        raise ActionError(f"A mapping of {size} keys is too large (limit={LARGEST_TEST_DICT}).")
    return Result(data={f"{prefix}{i}": val for i in range(size)})


class NoopAction(Action):
    """Do nothing."""

    name = "std.noop"
    class_name = _MISTRAL + "NoOpAction"
    idempotent = True
    pure = _pure_noop

    async def run(self, context: ActionContext) -> None:
        """Nothing, at once."""


class AsyncNoopAction(Action):
    """Do nothing and wait to be completed from outside."""

    name = "std.async_noop"
    class_name = _MISTRAL + "AsyncNoOpAction"
    is_sync = False
    idempotent = True
    inert = True

    async def run(self, context: ActionContext) -> None:
        """Nothing; the result comes through the API (L393)."""


class EchoAction(Action):
    """Return a value as it was given, after ``delay`` seconds."""

    name = "std.echo"
    class_name = _MISTRAL + "EchoAction"
    idempotent = True
    pure = _pure_echo

    def __init__(self, output: Any, delay: Any = 0) -> None:
        self.output = output
        self.delay = _seconds(delay, float)

    async def run(self, context: ActionContext) -> Any:  # noqa: ARG002 - the protocol's signature
        """``output`` (L377)."""
        if self.delay:
            await asyncio.sleep(self.delay)
        return self.output


class FailAction(Action):
    """Fail, for tests: with ``error_data`` as the error where it is given, else by an exception."""

    name = "std.fail"
    class_name = _MISTRAL + "FailAction"
    idempotent = True
    pure = _pure_fail

    def __init__(self, error_data: Any = None) -> None:
        self.error_data = error_data

    async def run(self, context: ActionContext) -> Result:  # noqa: ARG002 - the protocol's signature
        """A failure (L378)."""
        return _pure_fail({"error_data": self.error_data})

    def __repr__(self) -> str:
        return FailActionError.action


class SleepAction(Action):
    """Wait for some seconds."""

    name = "std.sleep"
    class_name = _MISTRAL + "SleepAction"
    idempotent = True

    def __init__(self, seconds: Any = 1) -> None:
        self.seconds = _seconds(seconds, int)

    async def run(self, context: ActionContext) -> None:  # noqa: ARG002 - the protocol's signature
        """Null, after the time (L379)."""
        await asyncio.sleep(self.seconds)


class TestDictAction(Action):
    """Build a mapping of ``size`` keys, for tests."""

    name = "std.test_dict"
    class_name = _MISTRAL + "TestDictAction"
    idempotent = True
    pure = _pure_test_dict

    def __init__(self, size: int = 0, key_prefix: str = "", val: Any = "") -> None:
        self.inputs = {"size": size, "key_prefix": key_prefix, "val": val}

    async def run(self, context: ActionContext) -> Result:  # noqa: ARG002 - the protocol's signature
        """The mapping (L380)."""
        return _pure_test_dict(self.inputs)
