"""From names of AWX's objects to their ids."""

from __future__ import annotations

from typing import Any

from maestrale.actions.awx.client import Client
from maestrale.actions.awx.inputs import references
from maestrale.errors import ActionError

_SHOWN = 5


async def find(client: Client, kind: str, reference: Any, *, name: str, **filters: Any) -> int:
    """The id of one object of a kind (``job_templates``), given by id, name, or ``Name++Organization``.

    ``name``: the input that holds the reference. Raises InputError, ActionError if there is none or more than one, AwxError.
    """
    (wanted,) = references(name, reference)[:1]
    if isinstance(wanted, int):
        return wanted
    plain, _, organization = wanted.partition("++")
    query = {**filters, "name": plain}
    if organization:
        query["organization__name"] = organization
    found = [item async for item in client.pages(f"{kind}/", **query)]
    if not found and wanted.isdecimal():
        return int(wanted)
    noun = "inventory" if kind == "inventories" else kind.replace("_", " ").removesuffix("s")
    if not found:
        raise ActionError(f"AWX has no {noun} '{wanted}' that this user may see (input {name}).")
    if len(found) > 1:
        shown = ", ".join(_shown(item) for item in found[:_SHOWN]) + (", ..." if len(found) > _SHOWN else "")
        raise ActionError(f"AWX has {len(found)} objects of the kind {noun} '{wanted}' (input {name}); give one's id: {shown}.")
    return int(found[0]["id"])


async def find_all(client: Client, kind: str, given: Any, *, name: str, **filters: Any) -> list[int]:
    """The ids of several. Raises as ``find`` does."""
    return [await find(client, kind, one, name=name, **filters) for one in references(name, given)]


async def organization_filter(client: Client, organization: Any) -> dict[str, Any]:
    """The filter of a list for an organization given by name or id; empty without one."""
    if organization is None:
        return {}
    return {"organization": await find(client, "organizations", organization, name="organization")}


def _shown(item: dict[str, Any]) -> str:
    of = ((item.get("summary_fields") or {}).get("organization") or {}).get("name")
    return f"{item['id']} ({of})" if of else str(item["id"])
