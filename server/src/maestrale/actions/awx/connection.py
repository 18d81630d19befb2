"""Which AWX an action speaks to, and as whom. Secrets are named in inputs, and never part of them."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from maestrale.actions.awx.inputs import Common
from maestrale.actions.protocol import ActionContext
from maestrale.actions.settings import AwxController, AwxSettings
from maestrale.errors import ActionError, InputError, NotAllowedError

DEFAULT_PATH = "/api/v2"


@dataclass(frozen=True, slots=True)
class Connection:
    """``api``: the address of the API, without a slash at its end. ``authorization`` is a header's value."""

    api: str
    authorization: str = field(repr=False)
    verify: bool | str = True

    @property
    def root(self) -> str:
        """The address of the host, to which links in answers are relative."""
        parts = urlsplit(self.api)
        return f"{parts.scheme}://{parts.netloc}"


def connection_of(inputs: Common, context: ActionContext) -> Connection:
    """The connection meant by an action's inputs.

    Raises InputError, NotAllowedError for a controller that the tenant may not use, ActionError and NotFoundError for secrets.
    """
    if inputs.url is not None:
        token = _secret(inputs.token, context)
        password = _secret(inputs.password, context)
        return _connection(inputs.url, token, inputs.username, password, True if inputs.verify is None else inputs.verify)
    if any(value is not None for value in (inputs.token, inputs.username, inputs.password, inputs.verify)):
        raise InputError("token, username, password and verify go with url; a controller has its own (setting awx.controllers).")
    found = _configured(inputs.controller, context)
    return _connection(found.url, found.token, found.username, found.password, found.ca_file or found.verify)


def _configured(name: str | None, context: ActionContext) -> AwxController:
    settings = context.settings.awx
    allowed = _allowed(settings, context)
    if name is None:
        if not allowed:
            raise InputError("No AWX is named: give controller or url, or set awx.controllers (and awx.projects).")
        name = allowed[0]
    if name not in settings.controllers:
        raise InputError(f"There is no AWX controller '{name}' (setting awx.controllers).")
    if name not in allowed:
        raise NotAllowedError(f"The project '{context.project_id}' may not use the AWX controller '{name}' (setting awx.projects).")
    return settings.controllers[name]


def _allowed(settings: AwxSettings, context: ActionContext) -> tuple[str, ...]:
    """The controllers that the tenant may use, its usual one first."""
    own = settings.projects.get(context.project_id, ())
    if settings.any_controller or context.is_admin:
        return (*own, *(name for name in settings.controllers if name not in own))
    return own


def _secret(name: str | None, context: ActionContext) -> str | None:
    return None if name is None else context.secrets.get(context.project_id, name)


def _connection(url: str, token: str | None, username: str | None, password: str | None, verify: bool | str) -> Connection:
    parts = urlsplit(url)
    if parts.username is not None or parts.query or parts.fragment:
        raise InputError("The url of an AWX holds no credentials, query or fragment.")
    if token:
        authorization = f"Bearer {token}"
    elif username and password is not None:
        authorization = "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()
    else:
        raise ActionError("There is neither a token nor a username with a password for this AWX.")
    path = parts.path.rstrip("/") or DEFAULT_PATH
    return Connection(f"{parts.scheme}://{parts.netloc}{path}", authorization, verify)
