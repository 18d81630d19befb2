# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0
"""Sealed secrets of an environment: names and values are sent, only names come back."""

from __future__ import annotations

from .errors import EngineError, NotFoundError, UsageError
from .kinds import secrets_of


def check_values(secrets):
    """Raises UsageError for a value that isn't a text; null, which removes a secret, is none."""
    wrong = sorted(name for name, value in secrets.items() if value is not None and not (isinstance(value, str) and value))
    if wrong:
        raise UsageError(f"The values of sealed_secrets must be texts that are not empty; wrong: {', '.join(wrong)}")


def stored_names(client, environment):
    """The names of an environment's secrets. Raises EngineError if the engine keeps none."""
    try:
        return {item["name"] for item in client.list(secrets_of(environment))}
    except NotFoundError as error:
        raise EngineError(
            f"There are no sealed secrets at {client.endpoint}; OpenStack Mistral has none.", status=error.status, body=error.body
        ) from error


def plan(before, secrets, merge):
    """The names to store and the names to remove, each in order."""
    stored = sorted(name for name, value in secrets.items() if value is not None)
    kept = set(stored) | ({name for name in before if name not in secrets} if merge else set())
    return stored, sorted(before - kept)


def store(client, environment, secrets, stored, removed):
    """Store and remove; the names whose value is another than before."""
    kind = secrets_of(environment)
    changed = [name for name in stored if client.update(kind, name, {"value": secrets[name]})["changed"]]
    for name in removed:
        client.delete(kind, name)
    return changed
