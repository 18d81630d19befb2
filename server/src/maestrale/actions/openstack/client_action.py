"""The actions with Mistral's names: its inputs in, the keys of the REST API out (4.3, 4.4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from maestrale.actions.openstack.connections import Connections, region_of
from maestrale.actions.openstack.databases import DATABASES
from maestrale.actions.openstack.failures import RefusedError
from maestrale.actions.openstack.filling import Filled, Inputs, fill, identity, needs
from maestrale.actions.openstack.images import IMAGES
from maestrale.actions.openstack.metal import METAL
from maestrale.actions.openstack.objects import OBJECTS
from maestrale.actions.openstack.shares import SHARES
from maestrale.actions.openstack.special import SPECIAL
from maestrale.actions.openstack.telemetry import TELEMETRY
from maestrale.actions.openstack.wire import Wire
from maestrale.actions.protocol import Action, ActionContext
from maestrale.errors import ActionError

SPECIALS = {**SPECIAL, **IMAGES, **OBJECTS, **DATABASES, **METAL, **SHARES, **TELEMETRY}


class ClientAction(Action):
    """A name of Mistral's. It is given the kept connections, its description as ``catalogue`` keeps it, and the namespace's options."""

    def __init__(self, connections: Connections, entry: Mapping[str, Any], group: Mapping[str, Any], /, **inputs: Any) -> None:
        self._connections, self._entry, self._group = connections, entry, group
        self._given = inputs
        defaults = {name: default for name, default in entry["inputs"] if default != "..."}
        missing = [name for name, default in entry["inputs"] if default == "..." and name not in inputs and name != "obj"]
        if missing:
            raise TypeError(f"missing inputs: {', '.join(missing)}")
        self._inputs = {**defaults, **inputs}

    def run(self, context: ActionContext) -> Any:
        """The result's value. Raises ActionError with the class and the client's method in front (4.4)."""
        try:
            connection = self._connections.get(context, region=region_of(self._inputs))
            return self._perform(Wire(connection, self._group, context))
        except ActionError as error:
            raise ActionError(f"{self._group['class']}.{self._entry['name']} failed: {error}") from error

    def _perform(self, wire: Wire) -> Any:
        row = self._row()
        inputs = Inputs(
            self._inputs, self._group.get("rename") or {}, {*(self._group.get("drop") or ()), *row.get("drop", ())},
            self._group.get("join") or ())
        inputs.used.update(name for one in self._entry["rows"] for name in one.get("when", ()))
        if "special" in row:
            return SPECIALS[row["special"]](wire, inputs)
        if row.get("find"):
            return self._one_of(wire, row)
        if row["verb"] == "FIND":
            return self._find(wire, row)
        places = {name: wire.stack(inputs.peek(name)) for name in needs(row)}
        filled = fill(row, inputs, places)
        if unused := [name for name in inputs.unused() if name in self._given]:
            raise ActionError(f"These inputs can't be passed on: {', '.join(unused)}.")
        if filled.verb == "GET" and (row.get("pages") or row.get("first")):
            return self._many(wire, filled, row)
        revision = self._inputs.get("revision_number") if row.get("revision") else None
        headers = {"If-Match": f"revision_number={revision}"} if revision else {}
        return _unwrapped(wire.send(filled, headers, row), row, filled.verb)

    def _row(self) -> Mapping[str, Any]:
        """The first alternative whose inputs are given."""
        rows: Sequence[Mapping[str, Any]] = self._entry["rows"]
        row = next((one for one in rows if all(self._inputs.get(name) for name in one.get("when", ()))), None)
        if row is None:
            raise ActionError("No form of the request fits the inputs.")
        if "refuse" in row:
            raise ActionError(row["refuse"])
        return row

    def _many(self, wire: Wire, filled: Filled, row: Mapping[str, Any]) -> Any:
        if self._inputs.get("retrieve_all") is False:
            row = {**row, "pages": False}
        if envelope := row.get("envelope"):
            return {envelope: wire.pages(filled, envelope, row)}
        found = wire.pages(filled, row["key"], row)
        if nested := row.get("nested"):
            found = [item.get(nested, item) for item in found]
        if not row.get("first"):
            return found
        if len(found) != 1:
            raise RefusedError(f"{len(found)} match.", 404)
        return found[0]

    def _find(self, wire: Wire, row: Mapping[str, Any]) -> Any:
        """By any attributes, compared here; none or several are an error of ``find``, as in the clients."""
        wanted = {name: value for name, value in self._given.items() if name != "action_region"}
        searched = ("all_tenants", "is_public") if row["path"] in {"servers", "flavors"} else ()
        search: dict[str, Any] = {name: wanted.pop(name) for name in searched if name in wanted}
        rename = self._group.get("rename") or {}
        wanted = {rename.get(name, name): identity(value) if name in rename else value for name, value in wanted.items()}
        for name, value in (row.get("search") or {}).items():
            if value == "{}":
                search |= wanted if name == "*" else {name: wanted[name]} if name in wanted else {}
            else:
                search[name] = value
        listing = {**row, "verb": "GET"}
        found = self._many(wire, fill(listing, Inputs(search, {})), {**listing, "first": False})
        matching = [item for item in found if all(name in item and item[name] == value for name, value in wanted.items())]
        if row["all"]:
            return matching
        if not matching:
            raise RefusedError(f"No {row['subject']} matching {wanted}. (HTTP 404)", 404)
        if len(matching) > 1:
            raise RefusedError(f"More than one {row['subject']} matches {wanted}.", 409)
        return matching[0]

    def _one_of(self, wire: Wire, row: Mapping[str, Any]) -> Any:
        """By id, else by name."""
        wanted = next(value for name, value in self._given.items() if name != "action_region")
        found = wire.pages(Filled("GET", row["path"]), row["key"], row)
        for attribute in row["find"]:
            matching = [item for item in found if item.get(attribute) == wanted]
            if len(matching) == 1:
                return matching[0]
            if matching:
                raise RefusedError(f"More than one has the {attribute} '{wanted}'.", 409)
        raise RefusedError(f"None has the id or name '{wanted}'. (HTTP 404)", 404)

    def __repr__(self) -> str:
        return f"{self._group['class']}.{self._entry['name']}"


def _unwrapped(answer: Any, row: Mapping[str, Any], verb: str) -> Any:
    if verb == "HEAD":
        return True
    key = row.get("key")
    if not key:
        return answer
    if not isinstance(answer, Mapping) or key not in answer:
        raise ActionError(f"The service's answer has no '{key}'.")
    found = answer[key]
    if row.get("nested") and isinstance(found, list):
        return [item.get(row["nested"], item) for item in found]
    return found
