"""Policies of a task and of ``task-defaults``: literals are normalised, ``0`` and ``false`` build none (L125)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from maestrale.lang.flaw import Flaw, require, require_syntax
from maestrale.lang.inline import parse_parameters
from maestrale.lang.rules import POLICIES, RETRY_SCHEMA
from maestrale.lang.schema import shown
from maestrale.lang.specs import NO_POLICIES, Policies, RetrySpec
from maestrale.lang.yaml_text import Path


def parse_policies(data: Mapping[str, Any], path: Path) -> Policies:
    """The policies that are written in ``data``."""
    if POLICIES.keys().isdisjoint(data):
        return NO_POLICIES
    return Policies(
        pause_before=_built(data, "pause-before"),
        wait_before=_built(data, "wait-before"),
        wait_after=_built(data, "wait-after"),
        fail_on=_built(data, "fail-on"),
        retry=_retry(data.get("retry"), (*path, "retry")),
        timeout=_built(data, "timeout"),
        concurrency=_built(data, "concurrency"),
    )


def fold_policies(own: Policies, default: Policies) -> Policies:
    """The default where the task has none (L124)."""
    if default is NO_POLICIES:
        return own
    if own is NO_POLICIES:
        return default
    return Policies(
        pause_before=own.pause_before or default.pause_before,
        wait_before=own.wait_before or default.wait_before,
        wait_after=own.wait_after or default.wait_after,
        fail_on=own.fail_on or default.fail_on,
        retry=own.retry or default.retry,
        timeout=own.timeout or default.timeout,
        concurrency=own.concurrency or default.concurrency,
    )


def check_policies(data: Mapping[str, Any], path: Path) -> None:
    """Raise a Flaw for syntax errors of expressions (L055), and for a short ``retry`` that lacks parts."""
    for key in POLICIES.keys() & data.keys():
        require_syntax(data[key], (*path, key))
    retry = data.get("retry")
    if isinstance(retry, str):
        retry = parse_parameters(retry)
        require(RETRY_SCHEMA, dict(retry), (*path, "retry"), "retry")
    for key, value in (retry or {}).items():
        require_syntax(value, (*path, "retry", key))


def _built(data: Mapping[str, Any], key: str) -> Any:
    """The value, or None where it is absent, null, 0 or false."""
    value = data.get(key)
    return _whole(value) or None


def _whole(value: Any) -> Any:
    """``2.0`` is an integer to Mistral."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _retry(data: Any, path: Path) -> RetrySpec | None:
    if not data:
        return None
    values = parse_parameters(data) if isinstance(data, str) else data
    if not isinstance(values, Mapping) or not {"count", "delay"} <= values.keys():
        raise Flaw(f"Invalid DSL: {shown(data)} is not valid under any of the given schemas", path, "expected count and delay")
    return RetrySpec(_whole(values["count"]), _whole(values["delay"]), values.get("break-on"), values.get("continue-on"))
