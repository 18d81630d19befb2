"""Mistral's names whose inputs are more than names for parts of one request: what the Python clients did by hand."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

from maestrale.actions.openstack.filling import Filled, Inputs, identity, segment
from maestrale.actions.openstack.wire import Wire
from maestrale.errors import ActionError

Special = Callable[[Wire, Inputs], Any]


def _present(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _post(wire: Wire, path: str, key: str, values: Mapping[str, Any]) -> Any:
    answer = wire.send(Filled("POST", path, body={key: dict(values)}, has_body=True))
    return answer[key] if isinstance(answer, Mapping) and key in answer else answer


# ---- compute


def create_flavor(wire: Wire, inputs: Inputs) -> Any:
    """``flavorid`` "auto" leaves the choice of the id to the service."""
    wanted = inputs.take("flavorid")
    return _post(wire, "flavors", "flavor", _present({
        "name": inputs.take("name"), "ram": inputs.take("ram"), "vcpus": inputs.take("vcpus"), "disk": inputs.take("disk"),
        "swap": inputs.take("swap"), "rxtx_factor": inputs.take("rxtx_factor"), "description": inputs.take("description"),
        "OS-FLV-EXT-DATA:ephemeral": inputs.take("ephemeral"), "os-flavor-access:is_public": inputs.take("is_public"),
    }) | {"id": None if wanted == "auto" else wanted})


def create_server(wire: Wire, inputs: Inputs) -> Any:
    """Raises ActionError for what newer services don't take any more."""
    for gone in ("files", "block_device_mapping"):
        if inputs.take(gone):
            raise ActionError(f"The input '{gone}' is no longer taken by the compute service; use userdata or block_device_mapping_v2.")
    server = _present({
        "name": inputs.take("name"), "imageRef": identity(inputs.take("image")) or "", "flavorRef": str(identity(inputs.take("flavor"))),
        "metadata": inputs.take("meta"), "min_count": inputs.take("min_count"), "max_count": inputs.take("max_count"),
        "key_name": inputs.take("key_name"), "availability_zone": inputs.take("availability_zone"),
        "config_drive": inputs.take("config_drive"), "OS-DCF:diskConfig": inputs.take("disk_config"),
        "adminPass": inputs.take("admin_pass"), "accessIPv4": inputs.take("access_ip_v4"), "accessIPv6": inputs.take("access_ip_v6"),
        "description": inputs.take("description"), "tags": inputs.take("tags"), "host": inputs.take("host"),
        "trusted_image_certificates": inputs.take("trusted_image_certificates"),
        "hypervisor_hostname": inputs.take("hypervisor_hostname"), "hostname": inputs.take("hostname"),
        "block_device_mapping_v2": inputs.take("block_device_mapping_v2"), "networks": _networks(inputs.take("nics")),
    })
    if inputs.take("reservation_id"):
        server["return_reservation_id"] = True
    if userdata := inputs.take("userdata"):
        server["user_data"] = base64.b64encode(str(userdata).encode()).decode()
    if groups := inputs.take("security_groups"):
        server["security_groups"] = [{"name": identity(group)} for group in groups]
    hints = inputs.take("scheduler_hints")
    body = {"server": server} | ({"os:scheduler_hints": hints} if hints else {})
    answer = wire.send(Filled("POST", "servers", body=body, has_body=True))
    return answer.get("server", answer)


def _networks(nics: Any) -> Any:
    """A list in the service's terms. Raises ActionError where there is none: the service wants to be told."""
    if not nics:
        raise ActionError("The input 'nics' is missing: a list of networks or ports, or \"auto\" or \"none\".")
    if isinstance(nics, str):
        return nics
    names = {"net-id": "uuid", "v4-fixed-ip": "fixed_ip", "v6-fixed-ip": "fixed_ip", "port-id": "port", "tag": "tag"}
    unknown = sorted({key for nic in nics for key in nic} - set(names))
    if unknown:
        raise ActionError(f"Unknown keys in 'nics': {', '.join(unknown)}; known are {', '.join(names)}.")
    return [{names[key]: value for key, value in nic.items() if value} for nic in nics]


def create_image(wire: Wire, inputs: Inputs) -> Any:
    """The new image's id."""
    server = segment(identity(inputs.take("server")))
    body = {"createImage": {"name": inputs.take("image_name"), "metadata": inputs.take("metadata") or {}}}
    return wire.send(Filled("POST", f"servers/{server}/action", body=body, has_body=True))["image_id"]


def set_meta_item(wire: Wire, inputs: Inputs) -> Any:
    """The item."""
    server, key = segment(identity(inputs.take("server"))), str(inputs.take("key"))
    body = {"meta": {key: inputs.take("value")}}
    return wire.send(Filled("PUT", f"servers/{server}/metadata/{segment(key)}", body=body, has_body=True))["meta"]


def delete_each(path: str, owner: str) -> Special:
    """Deletes ``keys`` one by one below the path of their owner."""

    def run(wire: Wire, inputs: Inputs) -> None:
        place = segment(identity(inputs.take(owner)))
        for key in inputs.take("keys") or ():
            wire.send(Filled("DELETE", f"{path}/{place}/metadata/{segment(key)}"))

    return run


def delete_image_metadata(wire: Wire, inputs: Inputs) -> None:
    """Unset ``keys`` of a volume's image."""
    volume = segment(identity(inputs.take("volume")))
    for key in inputs.take("keys") or ():
        wire.send(Filled("POST", f"volumes/{volume}/action", body={"os-unset_image_metadata": {"key": key}}, has_body=True))


def current_version(wire: Wire, inputs: Inputs) -> Any:  # noqa: ARG001 - one form for all
    """The compute API's version, whose ``version`` is the newest microversion (4.6)."""
    found = wire.send(Filled("GET", ""))
    return found["version"] if isinstance(found, Mapping) and "version" in found else found


# ---- block storage


def create_volume(wire: Wire, inputs: Inputs) -> Any:
    """Scheduler hints go beside the volume."""
    names = (
        "size", "consistencygroup_id", "group_id", "snapshot_id", "source_volid", "name", "description", "volume_type",
        "availability_zone", "metadata", "imageRef", "backup_id")
    volume = _present({name: identity(inputs.take(name)) if name != "metadata" else inputs.take(name) for name in names})
    for ignored in ("user_id", "project_id"):
        if inputs.take(ignored):
            raise ActionError(f"The input '{ignored}' is not taken: a volume belongs to whom the action runs for.")
    hints = inputs.take("scheduler_hints")
    body = {"volume": volume} | ({"OS-SCH-HNT:scheduler_hints": hints} if hints else {})
    return wire.send(Filled("POST", "volumes", body=body, has_body=True))["volume"]


# ---- images


def list_images(wire: Wire, inputs: Inputs) -> Any:
    """``filters`` are part of the query; ``limit`` is the most that come back."""
    rest = inputs.rest()
    filters, limit, size = rest.pop("filters", None) or {}, rest.pop("limit", None), rest.pop("page_size", None)
    query = [(key, str(value)) for key, value in {**rest, **filters}.items() if value is not None]
    if size or limit:
        query.append(("limit", str(size or limit)))
    found = wire.pages(Filled("GET", "images", query=query), "images", {"pages": True})
    return found[:int(limit)] if limit else found


def update_image(wire: Wire, inputs: Inputs) -> Any:
    """Properties are set one by one in a JSON patch; those of ``remove_props`` are removed."""
    image, removed = segment(identity(inputs.take("image_id"))), inputs.take("remove_props") or []
    current = wire.send(Filled("GET", f"images/{image}"))
    patch: list[dict[str, Any]] = [
        {"op": "remove", "path": f"/{_pointer(name)}"} for name in removed if name in current
    ]
    patch += [
        {"op": "replace" if name in current else "add", "path": f"/{_pointer(name)}", "value": value}
        for name, value in inputs.rest().items()
    ]
    row = {"content_type": "application/openstack-images-v2.1-json-patch"}
    return wire.send(Filled("PATCH", f"images/{image}", body=patch, has_body=True), row=row)


def _pointer(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


# ---- identity


def create_region(wire: Wire, inputs: Inputs) -> Any:
    """With an id of its own, or one that the service makes."""
    return _post(wire, "regions", "region", inputs.rest())


def _user(inputs: Inputs) -> dict[str, Any]:
    """``project`` is an old name of ``default_project``."""
    project = inputs.take("project")
    user = inputs.rest()
    if project is not None:
        user.setdefault("default_project_id", identity(project))
    return user


def create_user(wire: Wire, inputs: Inputs) -> Any:
    """The new user."""
    return _post(wire, "users", "user", _user(inputs))


def update_user(wire: Wire, inputs: Inputs) -> Any:
    """The user as it is now."""
    place = segment(identity(inputs.take("user")))
    return wire.send(Filled("PATCH", f"users/{place}", body={"user": _user(inputs)}, has_body=True))["user"]


def list_role_assignments(wire: Wire, inputs: Inputs) -> Any:
    """Flags are given by the mere presence of their key."""
    query = [(f"{kind}.id", str(identity(value))) for kind in ("user", "group", "role") if (value := inputs.take(kind)) is not None]
    query += [
        (f"scope.{scope}.id", str(identity(value))) for scope in ("project", "domain") if (value := inputs.take(scope)) is not None
    ]
    if system := inputs.take("system"):
        query.append(("scope.system", str(system)))
    if inherited := inputs.take("os_inherit_extension_inherited_to"):
        query.append(("scope.OS-INHERIT:inherited_to", str(inherited)))
    query += [(flag, "1") for flag in ("effective", "include_names", "include_subtree") if inputs.take(flag)]
    return wire.send(Filled("GET", "role_assignments", query=query))["role_assignments"]


def _assignment(inputs: Inputs) -> str:
    """The path of who has roles where. Raises ActionError for more or less than one of each."""
    actors = [(kind, value) for kind in ("user", "group") if (value := inputs.take(kind)) is not None]
    scopes = [(kind, value) for kind in ("project", "domain", "system") if (value := inputs.take(kind)) is not None]
    if len(actors) != 1 or len(scopes) != 1:
        raise ActionError("A role is of one user or one group, on one project, one domain or the system.")
    (actor, who), (scope, where) = actors[0], scopes[0]
    place = "system" if scope == "system" else f"{scope}s/{segment(identity(where))}"
    path = f"{place}/{actor}s/{segment(identity(who))}/roles"
    return f"OS-INHERIT/{path}" if inputs.take("os_inherit_extension_inherited") and scope != "system" else path


def role_request(verb: str) -> Special:
    """Grants, checks or revokes a role."""

    def run(wire: Wire, inputs: Inputs) -> Any:
        role = segment(identity(inputs.take("role")))
        path = f"{_assignment(inputs)}/{role}"
        if path.startswith("OS-INHERIT"):
            path += "/inherited_to_projects"
        wire.send(Filled(verb, path))
        return True if verb == "HEAD" else None

    return run


def list_roles(wire: Wire, inputs: Inputs) -> Any:
    """All roles, or those of a user or group on something."""
    if inputs.peek("user") is None and inputs.peek("group") is None:
        for name in ("system", "project", "os_inherit_extension_inherited"):
            inputs.take(name)
        domain = inputs.take("domain") or inputs.take("domain_id")
        query = ([("domain_id", str(identity(domain)))] if domain else []) + [(key, str(value)) for key, value in inputs.rest().items()]
        return wire.send(Filled("GET", "roles", query=query))["roles"]
    path = _assignment(inputs)
    return wire.send(Filled("GET", f"{path}/inherited_to_projects" if path.startswith("OS-INHERIT") else path))["roles"]


def create_trust(wire: Wire, inputs: Inputs) -> Any:
    """Roles by name, by id or both."""
    roles = [{"name": name} for name in inputs.take("role_names") or ()] + [{"id": one} for one in inputs.take("role_ids") or ()]
    return _post(wire, "OS-TRUST/trusts", "trust", inputs.rest() | ({"roles": roles} if roles else {}))


# ---- workflows


def create_execution(wire: Wire, inputs: Inputs) -> Any:
    """By a workflow's name or id."""
    body = _present({
        "workflow_name": inputs.take("wf_identifier") or None, "workflow_namespace": inputs.take("namespace") or None,
        "input": inputs.take("workflow_input"), "description": inputs.take("description") or None,
        "source_execution_id": inputs.take("source_execution_id"),
    })
    params = inputs.rest()
    return wire.send(Filled("POST", "executions", body=body | ({"params": params} if params else {}), has_body=True))


SPECIAL: dict[str, Special] = {
    "nova.flavors_create": create_flavor, "nova.servers_create": create_server, "nova.servers_create_image": create_image,
    "nova.servers_delete_meta": delete_each("servers", "server"), "nova.servers_set_meta_item": set_meta_item,
    "nova.versions_get_current": current_version,
    "cinder.volumes_create": create_volume, "cinder.volumes_delete_metadata": delete_each("volumes", "volume"),
    "cinder.volume_snapshots_delete_metadata": delete_each("snapshots", "snapshot"),
    "cinder.volumes_delete_image_metadata": delete_image_metadata,
    "glance.images_list": list_images, "glance.images_update": update_image,
    "keystone.regions_create": create_region, "keystone.users_create": create_user, "keystone.users_update": update_user,
    "keystone.role_assignments_list": list_role_assignments, "keystone.roles_grant": role_request("PUT"),
    "keystone.roles_check": role_request("HEAD"), "keystone.roles_revoke": role_request("DELETE"), "keystone.roles_list": list_roles,
    "keystone.trusts_create": create_trust, "mistral.executions_create": create_execution,
}
