"""What can be run: the ``Action`` interface, the registry of actions, and the runner that runs them.

Knows neither workflows nor the database nor the API. ``protocol`` is the interface for authors of actions.
"""

from maestrale.actions.egress import EgressError, EgressPolicy
from maestrale.actions.protocol import Action, ActionContext, Secrets
from maestrale.actions.registry import Registry
from maestrale.actions.runner import Leftover, Load, Runner, RunRequest
from maestrale.actions.settings import ActionSettings, PlaybookSettings
from maestrale.actions.standard import standard_registry
from maestrale.core.ports import Result

__all__ = [
    "Action", "ActionContext", "ActionSettings", "EgressError", "EgressPolicy", "Leftover", "Load", "PlaybookSettings",
    "Registry", "Result", "RunRequest", "Runner", "Secrets", "standard_registry",
]
