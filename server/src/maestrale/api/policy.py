"""Who may do what: the rules of section 2.4 with their defaults.

The defaults are decided here, in two lines; an operator's policy file is oslo.policy's affair and is loaded
by ``policy_file`` only where one is configured, since that library costs a third of a second to import.
The target of every check is the caller's own project, as in the reference: ownership is the store's affair.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from maestrale.caller import Caller

ADMIN_ONLY = "rule:admin_only"
ADMIN_OR_OWNER = "rule:admin_or_owner"

BASE_RULES: Mapping[str, str] = MappingProxyType({
    "admin_only": "is_admin:True",
    "admin_or_owner": "is_admin:True or project_id:%(project_id)s",
})

_CRUD = ("create", "delete", "get", "list", "update")

_RESOURCES: Mapping[str, tuple[tuple[str, ...], str]] = MappingProxyType({
    "actions": (_CRUD, ADMIN_OR_OWNER),
    "action_executions": (_CRUD, ADMIN_OR_OWNER),
    "code_sources": (_CRUD, ADMIN_ONLY),
    "cron_triggers": (("create", "delete", "get", "list"), ADMIN_OR_OWNER),
    "dynamic_actions": (_CRUD, ADMIN_ONLY),
    "environments": (_CRUD, ADMIN_OR_OWNER),
    "event_triggers": (_CRUD, ADMIN_OR_OWNER),
    "executions": (_CRUD, ADMIN_OR_OWNER),
    "members": (_CRUD, ADMIN_OR_OWNER),
    "project_sources": (_CRUD, ADMIN_OR_OWNER),
    "services": (("list",), ADMIN_OR_OWNER),
    "tasks": (("get", "list", "update"), ADMIN_OR_OWNER),
    "workbooks": (_CRUD, ADMIN_OR_OWNER),
    "workflows": (_CRUD, ADMIN_OR_OWNER),
    "maintenance": (("get",), ADMIN_OR_OWNER),
})

_FOR_ADMINS = (
    "actions:publicize", "code_sources:publicize", "cron_triggers:list:all_projects", "cron_triggers:publicize",
    "dynamic_actions:publicize", "environments:publicize", "event_triggers:list:all_projects", "event_triggers:publicize",
    "executions:list:all_projects", "maintenance:update", "project_sources:list:all_projects",
    "project_sources:publicize", "workbooks:publicize", "workflows:list:all_projects",
    "workflows:publicize",
)

DEFAULT_RULES: Mapping[str, str] = MappingProxyType({
    **{f"{resource}:{verb}": check for resource, (verbs, check) in _RESOURCES.items() for verb in verbs},
    **dict.fromkeys(_FOR_ADMINS, ADMIN_ONLY),
})
"""Every rule and its default (A294). ``maintenance`` has none in the reference; there anyone may pause the service."""


class Policy(Protocol):
    """Decides which caller may use a rule."""

    def allows(self, rule: str, caller: Caller) -> bool:
        """Whether the rule lets the caller through."""


class DefaultPolicy:
    """The defaults: owners may do everything but what is for administrators."""

    def allows(self, rule: str, caller: Caller) -> bool:
        """Whether the default of the rule lets the caller through. Raises KeyError for a rule that doesn't exist."""
        return caller.is_admin or DEFAULT_RULES[rule] == ADMIN_OR_OWNER


def sample() -> str:
    """A policy.yaml with every rule and its default, all commented out (``maestrale policy sample``)."""
    lines = ["# Rules of oslo.policy. Remove the '#' in front of a rule to change it.", ""]
    lines += [f'#"{name}": "{check}"' for name, check in {**BASE_RULES, **dict(sorted(DEFAULT_RULES.items()))}.items()]
    return "\n".join(lines) + "\n"
