"""The operator's options as the actions take them, and what follows from them: what is open by default, and to whom."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

from maestrale import actions, config, config_of_actions
from maestrale.actions.openstack import mapping
from maestrale.actions.settings import DynamicSettings
from maestrale.config import Settings
from maestrale.config_groups import Group


def action_settings_of(settings: Settings) -> actions.ActionSettings:
    """The operator's options as the actions take them. What runs code is open by default only where nobody else can ask for it."""
    given = settings.playbooks
    is_private = settings.auth == "none"
    playbooks = _taken_over(actions.PlaybookSettings, given) | {
        "any_path": is_private if given.any_path is None else given.any_path,
        "inline": is_private if given.inline is None else given.inline,
        "closed": not is_private if given.closed is None else given.closed,
        "any_url": is_private,
        "execution_environments": _images(given, is_private=is_private),
        "projects": {name: tuple(allowed) for name, allowed in given.projects.items()},
    }
    return actions.ActionSettings(
        **_taken_over(actions.ActionSettings, settings.actions),
        http_denied_cidrs=tuple(settings.http_denied_cidrs), http_allowed_hosts=tuple(settings.http_allowed_hosts),
        playbooks=actions.PlaybookSettings(**playbooks), openstack=_openstack_settings(settings), awx=_awx_settings(settings),
        dynamic=DynamicSettings(**_taken_over(DynamicSettings, settings.dynamic_actions)),
    )


def _images(given: config_of_actions.PlaybookSettings, *, is_private: bool) -> tuple[str, ...]:
    if given.execution_environments is None:
        return ("*",) if is_private else ()
    return tuple(given.execution_environments)


def _openstack_settings(settings: Settings) -> actions.OpenStackSettings:
    """The operator's options for OpenStack actions, with the identity service that callers' tokens are of."""
    given, keystone = settings.openstack, settings.keystone
    url = (keystone.auth_url or "").rstrip("/")
    return actions.OpenStackSettings(**_taken_over(actions.OpenStackSettings, given) | {
        "callers": settings.auth == "keystone", "any_cloud": settings.auth == "none" if given.any_cloud is None else given.any_cloud,
        "projects": {name: tuple(allowed) for name, allowed in given.projects.items()},
        "auth_url": url if url.endswith("/v3") else f"{url}/v3", "username": keystone.username or "",
        "password": keystone.password.get_secret_value() if keystone.password else "", "user_domain_name": keystone.user_domain_name,
        "region": given.region or keystone.region_name, "cafile": str(keystone.cafile) if keystone.cafile else None,
        "insecure": keystone.insecure, "offered": None if given.mapping_path is None else _mapping(given.mapping_path),
    })


def _mapping(path: Path) -> dict[str, str]:
    try:
        return mapping.read(path)
    except (OSError, ValueError) as error:
        raise config.ConfigurationError(f"openstack.mapping_path: {path}: {error}") from error


def _awx_settings(settings: Settings) -> actions.AwxSettings:
    """The operator's AWX controllers; open by default only where nobody else can ask for them."""
    given = settings.awx
    controllers = {
        name: actions.AwxController(
            url=one.url, token=one.token.get_secret_value() if one.token else None, username=one.username,
            password=one.password.get_secret_value() if one.password else None, verify=one.verify, ca_file=one.ca_file)
        for name, one in given.controllers.items()
    }
    return actions.AwxSettings(
        controllers=controllers, projects={name: tuple(allowed) for name, allowed in given.projects.items()},
        any_controller=settings.auth == "none" if given.any_controller is None else given.any_controller, outage_max=given.outage_max)


def _taken_over(kind: Any, group: Group) -> dict[str, Any]:
    """The options that a settings class has under the same name; lists as tuples, paths as text."""
    values = {}
    for one in fields(kind):
        if one.name in type(group).model_fields:
            value = getattr(group, one.name)
            values[one.name] = tuple(value) if isinstance(value, list) else str(value) if isinstance(value, Path) else value
    return values
