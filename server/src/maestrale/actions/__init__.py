"""What can be run: the ``Action`` interface, the registry of actions, and the runner that runs them.

Knows neither workflows nor the database nor the API. ``protocol`` is the interface for authors of actions. Names are
fetched when they are asked for, since the process that runs a playbook lives in this package and must start fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maestrale.actions.egress import EgressError, EgressPolicy
    from maestrale.actions.playbook import remove_remains
    from maestrale.actions.project_source import ProjectSource, ProjectSources
    from maestrale.actions.protocol import Action, ActionContext, Secrets
    from maestrale.actions.registry import Registry
    from maestrale.actions.runner import Leftover, Load, Runner, RunRequest
    from maestrale.actions.settings import ActionSettings, AwxController, AwxSettings, OpenStackSettings, PlaybookSettings
    from maestrale.actions.standard import standard_registry
    from maestrale.core.ports import Result

__all__ = [
    "Action", "ActionContext", "ActionSettings", "AwxController", "AwxSettings", "EgressError", "EgressPolicy", "Leftover", "Load",
    "OpenStackSettings", "PlaybookSettings", "ProjectSource", "ProjectSources", "Registry",
    "Result", "RunRequest", "Runner", "Secrets", "remove_remains", "standard_registry",
]

_HOMES = {
    "EgressError": "maestrale.actions.egress",
    "EgressPolicy": "maestrale.actions.egress",
    "Action": "maestrale.actions.protocol",
    "ActionContext": "maestrale.actions.protocol",
    "Secrets": "maestrale.actions.protocol",
    "remove_remains": "maestrale.actions.playbook",
    "ProjectSource": "maestrale.actions.project_source",
    "ProjectSources": "maestrale.actions.project_source",
    "Registry": "maestrale.actions.registry",
    "Leftover": "maestrale.actions.runner",
    "Load": "maestrale.actions.runner",
    "Runner": "maestrale.actions.runner",
    "RunRequest": "maestrale.actions.runner",
    "ActionSettings": "maestrale.actions.settings",
    "AwxController": "maestrale.actions.settings",
    "AwxSettings": "maestrale.actions.settings",
    "OpenStackSettings": "maestrale.actions.settings",
    "PlaybookSettings": "maestrale.actions.settings",
    "standard_registry": "maestrale.actions.standard",
    "Result": "maestrale.core.ports",
}


def __getattr__(name: str) -> Any:
    """A public name, from the module where it lives."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
