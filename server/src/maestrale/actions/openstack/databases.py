"""Trove's names whose inputs are no plain parts of a request."""

from __future__ import annotations

import json
from typing import Any

from maestrale.actions.openstack.filling import Filled, Inputs, identity, segment
from maestrale.actions.openstack.special import Special
from maestrale.actions.openstack.wire import Wire
from maestrale.errors import ActionError


def _given(inputs: Inputs, *names: str) -> dict[str, Any]:
    """The inputs of those names that say something, ids where objects are given."""
    return {name: identity(value) for name in names if (value := inputs.take(name))}


def _datastore(inputs: Inputs) -> dict[str, Any]:
    names = {"datastore": "type", "datastore_version": "version", "datastore_version_number": "version_number"}
    found = {key: value for name, key in names.items() if (value := inputs.take(name))}
    return {"datastore": found} if found else {}


def _values(inputs: Inputs) -> dict[str, Any]:
    """JSON text as the client takes it, or a mapping. Raises ActionError."""
    values = inputs.take("values")
    if isinstance(values, str):
        try:
            values = json.loads(values)
        except ValueError as error:
            raise ActionError(f"The input 'values' is no JSON: {error}") from error
    return {"values": values or {}}


def _made(wire: Wire, path: str, key: str, values: dict[str, Any]) -> Any:
    return wire.send(Filled("POST", path, body={key: values}, has_body=True))[key]


def create_backup(wire: Wire, inputs: Inputs) -> Any:
    """Of an instance, or from data that lies elsewhere."""
    body = {"name": inputs.take("name")}
    elsewhere, version, size = inputs.take("restore_from"), inputs.take("restore_ds_version"), inputs.take("restore_size")
    own = _given(inputs, "instance", "description", "parent_id", "storage_driver", "swift_container")
    incremental = inputs.take("incremental")
    if elsewhere:
        body["restore_from"] = {"remote_location": elsewhere, "local_datastore_version_id": version, "size": size}
    else:
        body |= own | ({"incremental": 1} if incremental else {})
    return _made(wire, "backups", "backup", body)


def create_cluster(wire: Wire, inputs: Inputs) -> Any:
    """With its instances."""
    store = _datastore(inputs)
    return _made(wire, "clusters", "cluster", {"name": inputs.take("name"), **store, **_given(
        inputs, "instances", "locality", "extended_properties", "configuration")})


def create_configuration(wire: Wire, inputs: Inputs) -> Any:
    """A group of options for a datastore."""
    body = {"name": inputs.take("name"), **_values(inputs), **_datastore(inputs), **_given(inputs, "description")}
    return _made(wire, "configurations", "configuration", body)


def change_configuration(verb: str) -> Special:
    """PUT replaces the options, PATCH changes some."""

    def run(wire: Wire, inputs: Inputs) -> None:
        place = segment(identity(inputs.take("configuration")))
        body = {**_values(inputs), **_given(inputs, "name", "description")}
        wire.send(Filled(verb, f"configurations/{place}", body={"configuration": body}, has_body=True))

    return run


def create_instance(wire: Wire, inputs: Inputs) -> Any:
    """``access`` goes before ``is_public`` and ``allowed_cidrs``, as in the client."""
    body = {"name": inputs.take("name"), **_datastore(inputs)}
    if flavor := inputs.take("flavor_id"):
        body["flavorRef"] = str(identity(flavor))
    body |= _given(inputs, "volume", "databases", "users", "restorePoint", "availability_zone", "nics", "configuration", "locality",
                   "region_name", "access")
    source, count = inputs.take("replica_of"), inputs.take("replica_count")
    if source:
        body["replica_of"] = identity(source)
    if source or (count or 1) > 1:
        body["replica_count"] = count or 1
    if modules := inputs.take("modules"):
        body["modules"] = [one if isinstance(one, dict) else {"id": one} for one in modules]
    inputs.take("allowed_cidrs")
    return _made(wire, "instances", "instance", body)


def update_instance(wire: Wire, inputs: Inputs) -> None:
    """Raises ActionError for attaching and detaching a configuration at once."""
    place, remove = segment(identity(inputs.take("instance"))), inputs.take("remove_configuration")
    body = _given(inputs, "configuration", "name")
    if remove and "configuration" in body:
        raise ActionError("A configuration can't be attached and detached at once.")
    if remove:
        body["configuration"] = None
    if inputs.take("detach_replica_source"):
        body["replica_of"] = None
    public, networks = inputs.take("is_public"), inputs.take("allowed_cidrs")
    access = {**({"is_public": public} if public is not None else {}), **({"allowed_cidrs": networks} if networks is not None else {})}
    if access:
        body["access"] = access
    wire.send(Filled("PUT", f"instances/{place}", body={"instance": body}, has_body=True))


def create_root(owner: str, *, has_password: bool = True) -> Special:
    """The name and the password of the account."""

    def run(wire: Wire, inputs: Inputs) -> Any:
        place = f"{owner}s/{segment(identity(inputs.take(owner)))}/root"
        password = inputs.take("root_password") if has_password else None
        request = Filled("POST", place, body={"password": password}, has_body=True) if password else Filled("POST", place)
        user = wire.send(request)["user"]
        return [user["name"], user["password"]]

    return run


def user_request(verb: str, below: str = "", key: str | None = None) -> Special:
    """About an account of an instance, which is named with its host where it has one."""

    def run(wire: Wire, inputs: Inputs) -> Any:
        host, name = inputs.take("hostname"), inputs.take("username")
        place = f"instances/{segment(identity(inputs.take('instance')))}/users/{segment(f'{name}@{host}' if host else name)}{below}"
        if databases := inputs.take("databases"):
            body: Any = {"databases": [{"name": one} for one in databases]}
        elif attributes := inputs.take("newuserattr"):
            body = {"user": attributes}
        else:
            body = None
        if database := inputs.take("database"):
            place = f"{place}/{segment(database)}"
        answer = wire.send(Filled(verb, place, body=body, has_body=body is not None))
        return answer[key] if key else None

    return run


DATABASES: dict[str, Special] = {
    "trove.backups_create": create_backup, "trove.clusters_create": create_cluster, "trove.configurations_create": create_configuration,
    "trove.configurations_edit": change_configuration("PATCH"), "trove.configurations_update": change_configuration("PUT"),
    "trove.instances_create": create_instance, "trove.instances_update": update_instance,
    "trove.root_create": create_root("instance", has_password=False), "trove.root_create_instance_root": create_root("instance"),
    "trove.root_create_cluster_root": create_root("cluster"),
    "trove.users_delete": user_request("DELETE"), "trove.users_get": user_request("GET", key="user"),
    "trove.users_grant": user_request("PUT", "/databases"), "trove.users_revoke": user_request("DELETE", "/databases"),
    "trove.users_list_access": user_request("GET", "/databases", "databases"), "trove.users_update_attributes": user_request("PUT"),
}
