"""What Mistral's names are and how each is served: reads the two data files beside it. Pure but for reading them.

The outcome is made of plain values, so that it can be kept in a file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

Row = dict[str, Any]
_ENTRY = re.compile(r"(?P<name>[\w.]+)\((?P<inputs>.*)\)(?: (?P<method>\w+))?")
_INPUT = re.compile(r"(\*\*\w+|\w+)(?:=(\"[^\"]*\"|\{\}|[^,]+))?(?:, |$)")
_VERBS = ("findall", "find", "list", "get", "show", "create", "update", "delete")
HELPER = "convert_into_with_meta"
WITHOUT_REGION = frozenset({
    "keystone", "baremetal_introspection", "swift", "swiftservice", "zaqar", "mistral", "magnum", "zun", "manila"})


@dataclass(frozen=True, slots=True)
class Name:
    """One of Mistral's names: its inputs with their defaults (``...`` for none), whether it takes others, the SDK's method."""

    namespace: str
    name: str
    signature: str
    inputs: tuple[tuple[str, Any], ...]
    is_open: bool
    method: str | None

    @property
    def full(self) -> str:
        """As workflows write it."""
        return f"{self.namespace}.{self.name}"


def data_file(name: str) -> str:
    """The text of a data file."""
    return (files(__package__) / name).read_text(encoding="utf-8")


@cache
def tables() -> tuple[dict[str, Any], dict[str, Any]]:
    """Both data files, parsed."""
    inventory, requests = _parsed("inventory.yaml"), _parsed("requests.yaml")
    return inventory, {key: value for key, value in requests.items() if key != "unavailable"}


@cache
def _parsed(name: str) -> dict[str, Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found: dict[str, Any] = yaml.load(data_file(name), Loader=loader)  # noqa: S506 - safe loaders
    return found


@cache
def _unavailable() -> dict[str, str]:
    """Names that nothing serves, to the reason."""
    return {name: why for why, names in _parsed("requests.yaml")["unavailable"].items() for name in names}


def names() -> list[Name]:
    """All of Mistral's names, in its order."""
    inventory, _ = tables()
    return [_name(namespace, text) for namespace, entries in inventory.items() for text in entries]


def _name(namespace: str, text: str) -> Name:
    match = _ENTRY.fullmatch(text)
    if match is None:
        raise ValueError(f"inventory.yaml: {text!r} can't be read")
    found = [(one, json.loads(default) if default else ...) for one, default in _INPUT.findall(match["inputs"])]
    is_open = any(one.startswith("**") for one, _ in found)
    inputs = [(one, default) for one, default in found if not one.startswith("**")]
    if namespace not in WITHOUT_REGION:
        inputs.append(("action_region", ""))
    return Name(namespace, match["name"], match["inputs"], tuple(inputs), is_open, match["method"])


def served(name: Name) -> tuple[list[Row], str]:
    """The alternatives that serve a name, first fitting one first, and the reason where there are none."""
    _, requests = tables()
    group = requests.get(name.namespace)
    if name.name.endswith(HELPER):
        return [], "a helper of the Python client that takes its objects; no workflow can call it"
    if reason := _unavailable().get(name.full):
        return [], reason
    if group is None:
        return [], f"no request is known for the service of '{name.namespace}'"
    if name.name in group["calls"]:
        given = group["calls"][name.name]
        if given == "special":
            return [{"special": f"{name.namespace}.{name.name}"}], ""
        alternatives = given if isinstance(given, list) and not _is_short(given) else [given]
        return [_row(one) for one in alternatives], ""
    row = _by_rule(name, group)
    return ([row], "") if row else ([], "no request is known that does the same")


def _is_short(given: list[Any]) -> bool:
    return isinstance(given[0], str) and given[0].isupper()


def _row(given: Any) -> Row:
    """A row in its long form."""
    if isinstance(given, str):
        verb, path, *key = given.split(" ")
        return {"verb": verb, "path": path, "key": key[0] if key else None}
    if isinstance(given, list):
        return {"verb": given[0], "path": given[1], "body": given[2], "key": given[3] if len(given) > 3 else None}
    return {"verb": "GET", "key": None, **given}


def _by_rule(name: Name, group: Mapping[str, Any]) -> Row | None:
    """The row that follows from the resource which a name is about."""
    if group.get("verbs_first"):
        verb, _, subject = name.name.partition("_")
        for manager, resource in group["resources"].items():
            if subject == (manager if verb == "list" else resource["key"]):
                return _neutron(verb, resource, name)
        return None
    for verb in _VERBS:
        manager = name.name.removesuffix(f"_{verb}")
        if manager != name.name and manager in group["resources"]:
            return _rule(verb, group["resources"][manager], name, group)
    return None


def _neutron(verb: str, resource: Mapping[str, Any], name: Name) -> Row | None:
    """Envelopes are kept, bodies go as they are (4.4)."""
    path = resource["path"]
    if verb == "list":
        envelope = resource.get("many") or path.rpartition("/")[2].replace("-", "_")
        return {"verb": "GET", "path": path, "query": "*", "pages": True, "envelope": envelope}
    if verb == "create":
        return {"verb": "POST", "path": path, "body": "{body}"}
    one = f"{path}/{{{name.inputs[0][0]}}}"
    rows: dict[str, Row] = {
        "show": {"verb": "GET", "path": one, "query": "*"}, "delete": {"verb": "DELETE", "path": one},
        "update": {"verb": "PUT", "path": one, "body": "{body}", "revision": True},
    }
    return rows.get(verb)


def _rule(  # noqa: PLR0911 - one answer for each verb
    verb: str, resource: Mapping[str, Any], name: Name, group: Mapping[str, Any],
) -> Row | None:
    path, key = resource["path"], None if resource.get("flat") else resource.get("key")
    many = resource.get("many") or f"{resource['key']}s"
    listing: Row = {"verb": "GET", "path": path, "query": "*", "key": many, "pages": True}
    if resource.get("detail"):
        listing["detail"] = True
    if resource.get("nested"):
        listing["nested"] = resource["key"]
    if verb in {"find", "findall"}:
        return {
            **listing, "verb": "FIND", "all": verb == "findall", "subject": resource.get("key") or many,
            "search": resource.get("find", group.get("find")),
        }
    if verb == "list":
        return listing
    whole = resource.get("flat") or resource.get("flat_body")
    spread = {"+": "values" if any(one == "values" for one, _ in name.inputs) else "*"}
    if verb == "create":
        return {"verb": "POST", "path": path, "key": key, "body": spread if whole else {resource["key"]: spread}}
    if not name.inputs:
        return None
    one = f"{path}/{{{name.inputs[0][0]}}}"
    if verb in {"get", "show"}:
        return {"verb": "GET", "path": one, "key": key, **({"query": "*"} if len(name.inputs) > 1 else {})}
    if verb == "delete":
        return {"verb": "DELETE", "path": one}
    return {
        "verb": resource.get("update") or ("PATCH" if group.get("patch") else "PUT"), "path": one, "key": key,
        "body": spread if whole else {resource["key"]: spread},
    }
