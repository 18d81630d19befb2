# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0
"""State modules: compare what is there with what is wanted, and do the least that makes them equal.

A resource says how its kind is found, created, changed and removed; ``apply_state`` holds the rules that are the
same for all: idempotence, check mode, diff mode, and what comes back.
"""

from __future__ import annotations

import json

VOLATILE = ("id", "created_at", "updated_at", "project_id", "version", "checksum")


class Resource:
    """One object that a state module looks after. ``wanted`` holds only what the task names."""

    singular = ""
    kind = None

    def __init__(self, client, params):
        self.client = client
        self.params = params

    @property
    def identity(self):
        """Name or id, as the task gave it."""
        return self.params["name"]

    def query(self):
        """Query arguments of every call for this object."""
        return {"namespace": self.params.get("namespace")} if self.kind.namespaced else None

    def find(self):
        """The object as the engine has it, or None."""
        return self.client.find(self.kind, self.identity, self.query())

    def wanted(self, existing):
        """The fields that the task names, in the form of ``find``; ``existing`` may be None."""
        raise NotImplementedError

    def create(self, wanted):
        """Make the object; returns it."""
        return self.client.create(self.kind, wanted, self.query())

    def update(self, existing, changes):
        """Change fields of the object; returns it."""
        raise NotImplementedError

    def delete(self, existing):
        """Remove the object."""
        self.client.delete(self.kind, self.identity, self.query())

    def shown(self, item):
        """What a diff shows of the object: no volatile fields, no secrets."""
        return {key: value for key, value in item.items() if key not in VOLATILE}


def apply_state(module, resource):
    """Bring the resource to the state that the module's ``state`` option names; returns the module's result."""
    existing = resource.find()
    if module.params["state"] == "absent":
        if existing is not None and not module.check_mode:
            resource.delete(existing)
        return outcome(resource, existing, None)
    wanted = resource.wanted(existing)
    if existing is None:
        predicted = wanted if module.check_mode else resource.create(wanted)
        return outcome(resource, None, predicted, wanted)
    changes = {key: value for key, value in wanted.items() if existing.get(key) != value}
    if not changes:
        return outcome(resource, existing, existing)
    if module.check_mode:
        return outcome(resource, existing, {**existing, **changes}, {**existing, **changes})
    return outcome(resource, existing, resource.update(existing, changes), {**existing, **changes})


def outcome(resource, before, after, shown_after=None):
    """The result: ``changed``, the object under its singular name, and the diff."""
    is_changed = before is not after
    result = {"changed": is_changed}
    if after is not None:
        result[resource.singular] = after
    if is_changed:
        name = f"{resource.singular} {resource.identity}"
        result["diff"] = {
            "before": as_text(resource.shown(before)) if before else "",
            "after": as_text(resource.shown(shown_after or after)) if after else "",
            "before_header": name,
            "after_header": name,
        }
    return result


def as_text(value):
    """A text for a diff: texts as they are, all else as JSON in a stable order."""
    return value if isinstance(value, str) else json.dumps(value, indent=2, sort_keys=True, default=str) + "\n"
