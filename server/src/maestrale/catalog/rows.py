"""From parsed definitions to rows. Pure but for the identity and time that it is given."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from maestrale.caller import Caller
from maestrale.lang import check_name, describe_action_input, describe_input, describe_interface
from maestrale.lang.specs import ActionSpec, WorkflowSpec


@dataclass(frozen=True, slots=True)
class Place:
    """Where definitions are put: who owns them, who sees them, in which namespace, as part of which workbook."""

    caller: Caller
    namespace: str = ""
    scope: str = "private"
    workbook: str | None = None

    def full_name(self, name: str) -> str:
        """The name under which a definition is stored. Raises InvalidModelError for one that can't be (L011)."""
        check_name(name)
        return f"{self.workbook}.{name}" if self.workbook else name


def digest_of(raw: Mapping[str, Any]) -> str:
    """Equal for equal specifications only; the order of keys counts, since it does in a workflow."""
    return hashlib.blake2b(orjson.dumps(raw, default=str, option=orjson.OPT_NON_STR_KEYS), digest_size=24).hexdigest()


def workflow_row(spec: WorkflowSpec, definition: str, place: Place) -> dict[str, Any]:
    """The columns of a workflow that its text and place decide; ``checksum`` is null for a workbook's member (1.6)."""
    checksum = None if place.workbook else hashlib.md5(definition.encode(), usedforsecurity=False).hexdigest()
    return {
        "name": place.full_name(spec.name), "namespace": place.namespace, "scope": place.scope, "definition": definition,
        "spec": spec.raw, "spec_digest": digest_of(spec.raw), "input": describe_input(spec.input),
        "interface": describe_interface(spec), "tags": list(spec.tags), "checksum": checksum, "workbook_name": place.workbook,
    }


def action_row(spec: ActionSpec, definition: str, place: Place) -> dict[str, Any]:
    """The columns of an ad-hoc action that its text and place decide."""
    return {
        "name": place.full_name(spec.name), "namespace": place.namespace, "scope": place.scope, "definition": definition,
        "spec": spec.raw, "input": describe_action_input(spec.input), "description": spec.description or None, "tags": list(spec.tags),
        "workbook_name": place.workbook,
    }


def new_row(values: Mapping[str, Any], identifier: str, place: Place, now: datetime) -> dict[str, Any]:
    """A row to insert."""
    return {"id": identifier, "project_id": place.caller.project_id, "created_at": now, "updated_at": None, **values}
