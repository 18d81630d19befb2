"""The inputs of the AWX actions as dataclasses: their fields are the parameters that the catalogue shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields
from typing import Any

from maestrale.errors import InputError
from maestrale.lang.specs import REQUIRED, Parameter

EVENTS = ("none", "failed", "all")
RETRIES = ("no", "failed_hosts")
APPROVALS = ("wait", "approve", "deny")


@dataclass(kw_only=True, slots=True)
class Common:
    """What all take: which AWX, as whom, and how its job is followed. ``token`` and ``password`` are names of secrets."""

    controller: str | None = None
    url: str | None = None
    token: str | None = None
    username: str | None = None
    password: str | None = None
    verify: bool | str | None = None
    poll_seconds: float = 5.0
    events: str = "none"
    cancel_on_cancel: bool = True

    def check(self) -> None:
        """Raises InputError for a value of the wrong kind."""
        _one_of("events", self.events, EVENTS)
        if isinstance(self.poll_seconds, bool) or not isinstance(self.poll_seconds, int | float) or self.poll_seconds <= 0:
            raise InputError("poll_seconds must be a number above 0.")
        if not isinstance(self.cancel_on_cancel, bool):
            raise InputError("cancel_on_cancel must be true or false.")
        if self.url is not None and self.controller is not None:
            raise InputError("Only one of controller and url can be given.")
        for name in ("controller", "url", "token", "username", "password"):
            if not isinstance(getattr(self, name), str | None):
                raise InputError(f"{name} must be text.")


@dataclass(kw_only=True, slots=True)
class WorkflowLaunch(Common):
    """A launch of a template; None means not given, while 0, false and '' are sent."""

    template: Any
    organization: Any = None
    extra_vars: Any = None
    inventory: Any = None
    limit: Any = None
    tags: Any = None
    skip_tags: Any = None
    labels: Any = None
    scm_branch: str | None = None
    strict_prompts: bool = True

    def check(self) -> None:
        """As of all; and kinds of what is sent."""
        Common.check(self)
        _mapping("extra_vars", self.extra_vars)


@dataclass(kw_only=True, slots=True)
class WorkflowJobLaunch(WorkflowLaunch):
    """A launch of a workflow template, and what becomes of its nodes that ask for an approval."""

    approvals: str = "wait"

    def check(self) -> None:
        """As of a launch; and the answer."""
        WorkflowLaunch.check(self)
        _one_of("approvals", self.approvals, APPROVALS)


@dataclass(kw_only=True, slots=True)
class JobLaunch(WorkflowLaunch):
    """A launch of a job template."""

    credentials: Any = None
    credential_passwords: Mapping[str, str] | None = None
    job_type: str | None = None
    verbosity: int | None = None
    diff_mode: bool | None = None
    execution_environment: Any = None
    forks: int | None = None
    slices: int | None = None
    timeout: int | None = None
    instance_groups: Any = None
    retry: str = "no"

    def check(self) -> None:
        """As of a workflow; and the retry."""
        WorkflowLaunch.check(self)
        _mapping("credential_passwords", self.credential_passwords)
        _one_of("retry", self.retry, RETRIES)


@dataclass(kw_only=True, slots=True)
class ProjectUpdate(Common):
    """An update of a project."""

    project: Any
    organization: Any = None


@dataclass(kw_only=True, slots=True)
class InventoryUpdate(Common):
    """An update of a source of an inventory."""

    inventory_source: Any
    inventory: Any = None
    organization: Any = None


@dataclass(kw_only=True, slots=True)
class AdHoc(Common):
    """A module run on hosts of an inventory."""

    inventory: Any
    module_name: str
    organization: Any = None
    module_args: str | None = None
    credential: Any = None
    limit: Any = None
    job_type: str | None = None
    become: bool | None = None
    forks: int | None = None
    verbosity: int | None = None
    diff_mode: bool | None = None
    extra_vars: Any = None
    execution_environment: Any = None

    def check(self) -> None:
        """As of all; and kinds of what is sent."""
        Common.check(self)
        _mapping("extra_vars", self.extra_vars)


def parameters_of(kind: type[Common]) -> tuple[Parameter, ...]:
    """The fields as parameters: those that are required, its own, those that all have."""
    common = {one.name for one in fields(Common)}
    found = [Parameter(one.name, _default(one)) for one in fields(kind)]
    return tuple(sorted(found, key=lambda one: (one.default is not REQUIRED, one.name in common)))


def _default(one: Field[Any]) -> Any:
    return REQUIRED if one.default is MISSING else one.default


def _one_of(name: str, value: Any, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InputError(f"{name} must be one of {', '.join(choices)}.")


def _mapping(name: str, value: Any) -> None:
    if value is not None and not isinstance(value, Mapping):
        raise InputError(f"{name} must be a mapping.")


def comma_text(name: str, value: Any) -> str:
    """A list of texts, or text as it is, as AWX takes it: joined by commas. Raises InputError."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple) and all(isinstance(item, str | int) and not isinstance(item, bool) for item in value):
        return ",".join(str(item) for item in value)
    raise InputError(f"{name} must be text or a list of texts.")


def references(name: str, value: Any) -> list[Any]:
    """A list of names or ids, or a single one. Raises InputError."""
    items = value if isinstance(value, list | tuple) else [value]
    for item in items:
        if isinstance(item, bool) or not isinstance(item, str | int) or item == "":
            raise InputError(f"{name} must be the name or id of an object in AWX, or a list of them.")
    return list(items)
