"""The list of actions that ship with the engine."""

from __future__ import annotations

from maestrale.actions.awx.jobs import AWX
from maestrale.actions.http_action import HttpAction, MistralHttpAction
from maestrale.actions.inventory_cache import InventoryCache
from maestrale.actions.javascript import JavaScriptAction, JsAction
from maestrale.actions.mail import EmailAction
from maestrale.actions.openstack.family import NAMESPACES, LazyFamily
from maestrale.actions.playbook import AnsibleAction, PlaybookAction
from maestrale.actions.playbook_kin import InventoryAction, ModuleAction, RoleAction
from maestrale.actions.project_action import ProjectAction
from maestrale.actions.protocol import Action
from maestrale.actions.registry import Registry
from maestrale.actions.settings import ActionSettings
from maestrale.actions.ssh import SshAction, SshProxiedAction, WaitSshAction
from maestrale.actions.std import AsyncNoopAction, EchoAction, FailAction, NoopAction, SleepAction, TestDictAction

STANDARD: tuple[type[Action], ...] = (
    NoopAction, AsyncNoopAction, EchoAction, FailAction, SleepAction, TestDictAction, HttpAction, MistralHttpAction, EmailAction,
    SshAction, SshProxiedAction, WaitSshAction, JavaScriptAction, JsAction, *AWX,
)

ANSIBLE: tuple[type[AnsibleAction], ...] = (PlaybookAction, RoleAction, ModuleAction, InventoryAction)


def standard_registry(settings: ActionSettings, *, plugins: bool = True) -> Registry:
    """A registry of everything built in, and of installed packages unless ``plugins`` is False."""
    registry = Registry(plugins=plugins)
    for action in STANDARD:
        registry.add(action)
    cache = InventoryCache(settings.playbooks.inventory_cache_max)
    for runs in ANSIBLE:
        registry.add(runs, settings.playbooks, cache)
    registry.add(ProjectAction, settings.playbooks)
    registry.add_family(LazyFamily(settings.openstack.cache_dir, settings.openstack.offered), NAMESPACES)
    return registry
