"""The secrets of a playbook run: from the names in its inputs to their values, which never become part of an input that is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives import serialization

from maestrale.actions.playbook_inputs import Inputs
from maestrale.actions.protocol import ActionContext
from maestrale.errors import ActionError, InputError

_SSH_FORM = "-----BEGIN OPENSSH PRIVATE KEY-----"


def fetched(inputs: Inputs, context: ActionContext) -> Inputs:
    """The inputs with values in place of the names of secrets; asks the store of secrets, so it may wait.

    Raises InputError for what is no name, NotFoundError, ActionError.
    """

    def one(what: str, name: Any) -> str:
        if not isinstance(name, str):
            raise InputError(f"{what} must be the name of a secret, as ENVIRONMENT/NAME.")
        return context.secrets.get(context.project_id, name)

    def many(what: str, names: Any) -> dict[str, str]:
        if not isinstance(names, Mapping):
            raise InputError(f"{what} must be a mapping to names of secrets.")
        return {str(key): one(f"{what}.{key}", name) for key, name in names.items()}

    vault = inputs.vault_passwords
    values: dict[str, Any] = {
        "secrets": many("secrets", inputs.secrets or {}),
        "vault_passwords": {"default": one("vault_passwords", vault)} if isinstance(vault, str) else many("vault_passwords", vault or {}),
    }
    for name in ("ssh_key", "ssh_key_passphrase", "become_password", "connection_password"):
        given = getattr(inputs, name)
        values[name] = None if given is None else one(name, given)
    if values["ssh_key"] is not None:
        values["ssh_key"] = _plain_key(values["ssh_key"], values["ssh_key_passphrase"])
    return replace(inputs, **values)


def _plain_key(text: str, passphrase: str | None) -> str:
    """The private key without a passphrase, so that an agent takes it without asking. Raises ActionError."""
    if passphrase is None:
        return text.strip() + "\n"
    load = serialization.load_ssh_private_key if _SSH_FORM in text else serialization.load_pem_private_key
    try:
        key = load(text.strip().encode() + b"\n", passphrase.encode())
    except (ValueError, TypeError) as error:
        raise ActionError("The SSH key can't be opened with its passphrase.") from error
    form = serialization.PrivateFormat.OpenSSH
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()
