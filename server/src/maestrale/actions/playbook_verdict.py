"""Whether a playbook run was a success: hosts that failed may be let pass, and nothing may have been run by mistake. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from maestrale.actions.playbook_inputs import Inputs, as_flag
from maestrale.errors import InputError

_OF_HOSTS = frozenset({2, 4, 6})
"""The exit statuses of ansible-playbook that say that hosts failed, were unreachable, or both."""

_ON_UNREACHABLE = ("fail", "ignore")


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What is let pass: any hosts that failed, any that were unreachable, of the others up to a percentage of all hosts."""

    failed: bool = False
    unreachable: bool = False
    percentage: float = 0.0


def tolerance_of(inputs: Inputs) -> Tolerance:
    """What the inputs let pass. Raises InputError."""
    if inputs.on_unreachable not in {None, *_ON_UNREACHABLE}:
        raise InputError(f"on_unreachable must be one of {', '.join(_ON_UNREACHABLE)}.")
    percentage = inputs.max_fail_percentage
    if percentage is None:
        percentage = 0.0
    elif isinstance(percentage, bool) or not isinstance(percentage, int | float) or not 0 <= percentage <= 100:
        raise InputError("max_fail_percentage must be a number from 0 to 100.")
    return Tolerance(as_flag("ignore_failed_hosts", inputs.ignore_failed_hosts), inputs.on_unreachable == "ignore", float(percentage))


def judged(result: Mapping[str, Any], tolerance: Tolerance) -> dict[str, Any]:
    """The result of a run, with the key ``tolerated``: the hosts whose failure was let pass, in which case it was successful.

    Only what went wrong on hosts is let pass, and only where the playbook got to its end: the recap says that.
    """
    hosts = result["hosts"]
    failed, unreachable = set(hosts["failed"]), set(hosts["unreachable"])
    is_of_hosts = result["status"] == "failed" and result["rc"] in _OF_HOSTS and bool(result["summary"])
    counting = (set() if tolerance.failed else failed) | (set() if tolerance.unreachable else unreachable)
    if not is_of_hosts or not failed | unreachable or 100 * len(counting) > tolerance.percentage * len(result["stats"]):
        return {**result, "tolerated": []}
    return {**result, "status": "successful", "tolerated": sorted(failed | unreachable)}


def begun(result: Mapping[str, Any], start_at_task: str | None) -> dict[str, Any]:
    """The result of a run, a failure where it was to begin at a task that there isn't: for ansible-playbook that went well."""
    if start_at_task is None or result["status"] != "successful" or result["stats"]:
        return dict(result)
    message = f"Playbook failed: nothing was run, since no task is named '{start_at_task}' (input start_at_task)."
    return {**result, "status": "failed", "message": message}
