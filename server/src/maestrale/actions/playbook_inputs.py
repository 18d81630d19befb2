"""The inputs of ``ansible.playbook`` and its kin: their names, and which values they take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from maestrale.errors import InputError


@dataclass(slots=True)
class Inputs:
    """The inputs of ``ansible.playbook`` as written, see ``PlaybookAction``; those that name secrets, with their values in the end."""

    playbook: Any
    inventory: Any = None
    extra_vars: Mapping[str, Any] | None = None
    limit: Any = None
    tags: Any = None
    skip_tags: Any = None
    start_at_task: str | None = None
    check: bool = False
    diff: bool = False
    forks: int | None = None
    remote_user: str | None = None
    connection_timeout: int | None = None
    become: bool = False
    become_method: str | None = None
    become_user: str | None = None
    flush_cache: bool = False
    verbosity: int = 0
    environment: Mapping[str, Any] | None = None
    ansible_config: str | None = None
    timeout: float | None = None
    idle_timeout: float | None = None
    on_unreachable: str | None = None
    ignore_failed_hosts: bool = False
    max_fail_percentage: float | None = None
    inventory_cache: float | None = None
    project: Any = None
    secrets: Mapping[str, str] = field(default_factory=dict)
    vault_passwords: Any = None
    ssh_key: str | None = None
    ssh_key_passphrase: str | None = None
    become_password: str | None = None
    connection_password: str | None = None
    isolation: str | None = None
    execution_environment: str | None = None
    facts: Any = None
    registered: Sequence[str] | None = None
    artifacts: Mapping[str, Any] | None = None


def is_empty_limit(limit: Any) -> bool:
    """Whether a limit names no host at all, which is not the same as having none."""
    return isinstance(limit, list | tuple) and not limit


def modes_of(inputs: Inputs) -> dict[str, bool]:
    """The modes that a run is in, as its result shows them."""
    return {"check": bool(inputs.check), "diff": bool(inputs.diff)}


def as_mapping(name: str, value: Any) -> dict[str, Any]:
    """A mapping with texts as keys. Raises InputError."""
    if not isinstance(value, Mapping):
        raise InputError(f"{name} must be a mapping.")
    return {str(key): item for key, item in value.items()}


def as_texts(name: str, value: Any) -> list[str]:
    """A list of texts, or one text with commas. Raises InputError."""
    if value is None:
        return []
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, list | tuple) or not all(isinstance(item, str | int) for item in items):
        raise InputError(f"{name} must be text or a list of texts.")
    return [str(item).strip() for item in items if str(item).strip()]


def as_text(name: str, value: Any) -> str | None:
    """One line of text, or None. Raises InputError."""
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise InputError(f"{name} must be a line of text.")
    return value


def as_flag(name: str, value: Any) -> bool:
    """True or false; None is false. Raises InputError."""
    if value is None or isinstance(value, bool):
        return bool(value)
    raise InputError(f"{name} must be true or false.")


def as_whole(name: str, value: Any, least: int, most: int) -> int:
    """A whole number within bounds. Raises InputError."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InputError(f"{name} must be a whole number from {least} to {most}.")
    return value


def as_seconds(name: str, value: Any) -> float | None:
    """Seconds above 0, or None. Raises InputError."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise InputError(f"{name} must be a number of seconds above 0.")
    return float(value)
