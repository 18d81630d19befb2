"""The list of actions that ship with the engine."""

from __future__ import annotations

from maestrale.actions.http_action import HttpAction, MistralHttpAction
from maestrale.actions.playbook import PlaybookAction
from maestrale.actions.registry import Registry
from maestrale.actions.settings import ActionSettings
from maestrale.actions.std import AsyncNoopAction, EchoAction, FailAction, NoopAction, SleepAction, TestDictAction


def standard_registry(settings: ActionSettings, *, plugins: bool = True) -> Registry:
    """A registry of everything built in, and of installed packages unless ``plugins`` is False."""
    registry = Registry(plugins=plugins)
    for action in (NoopAction, AsyncNoopAction, EchoAction, FailAction, SleepAction, TestDictAction, HttpAction, MistralHttpAction):
        registry.add(action)
    registry.add(PlaybookAction, settings.playbooks)
    return registry
