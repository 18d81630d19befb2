"""Mistral's names whose inputs are more than names for parts of one request: what the Python clients did by hand."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

from maestrale.actions.openstack.failures import RefusedError
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
        "networks": _networks(inputs.take("nics")),
    })
    if disks := inputs.take("block_device_mapping_v2"):
        server["block_device_mapping_v2"] = _disks(server["imageRef"], disks)
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


def _disks(image: str, disks: list[Any]) -> list[Any]:
    """With an image besides, the image is the disk to start from."""
    first = {"uuid": image, "source_type": "image", "destination_type": "local", "boot_index": 0, "delete_on_termination": True}
    return [first, *disks] if image else disks


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


def rebuild_server(wire: Wire, inputs: Inputs) -> Any:
    """The server. Raises ActionError for files, which newer services don't take any more."""
    server = segment(identity(inputs.take("server")))
    if inputs.take("files"):
        raise ActionError("The input 'files' is no longer taken by the compute service; use userdata.")
    password, kept = inputs.take("password"), inputs.take("preserve_ephemeral")
    body = {"imageRef": identity(inputs.take("image"))} | _present({
        "adminPass": password, "OS-DCF:diskConfig": inputs.take("disk_config"), "name": inputs.take("name"),
        "metadata": inputs.take("meta"), "description": inputs.take("description"), "key_name": inputs.take("key_name"),
        "trusted_image_certificates": inputs.take("trusted_image_certificates"), "hostname": inputs.take("hostname"),
    })
    if kept is not False:
        body["preserve_ephemeral"] = kept
    if userdata := inputs.take("userdata"):
        body["user_data"] = base64.b64encode(str(userdata).encode()).decode()
    return wire.send(Filled("POST", f"servers/{server}/action", body={"rebuild": body}, has_body=True))["server"]


def attach_interface(wire: Wire, inputs: Inputs) -> Any:
    """By a port, or by a network and an address in it."""
    server, address = segment(identity(inputs.take("server"))), inputs.take("fixed_ip")
    body = _present({name: identity(inputs.take(name)) for name in ("port_id", "net_id", "tag")})
    if address:
        body["fixed_ips"] = [{"ip_address": address}]
    return _post(wire, f"servers/{server}/os-interface", "interfaceAttachment", body)


def get_password(wire: Wire, inputs: Inputs) -> Any:
    """The password as the service has it, encrypted. Raises ActionError for a key to decrypt it with: that would be a file here."""
    if inputs.take("private_key"):
        raise ActionError("The input 'private_key' names a file of the server; decrypt the result yourself.")
    return wire.send(Filled("GET", f"servers/{segment(identity(inputs.take('server')))}/os-server-password"))["password"]


def versions(kind: str) -> Special:
    """The API's versions, that is, the one that is used here; ``find`` compares them with the inputs."""

    def run(wire: Wire, inputs: Inputs) -> Any:
        wanted = {name: value for name, value in inputs.rest().items() if name != "action_region"}
        found = [one for one in [current_version(wire, inputs)] if all(one.get(name) == value for name, value in wanted.items())]
        if kind == "find" and not found:
            raise RefusedError(f"No version matching {wanted}. (HTTP 404)", 404)
        return found[0] if kind == "find" else found

    return run


def create_image(wire: Wire, inputs: Inputs) -> Any:
    """The new image's id."""
    server = segment(identity(inputs.take("server")))
    body = {"createImage": {"name": inputs.take("image_name"), "metadata": inputs.take("metadata") or {}}}
    return wire.send(Filled("POST", f"servers/{server}/action", body=body, has_body=True))["image_id"]


def set_meta_item(wire: Wire, inputs: Inputs) -> Any:
    """The item in its envelope, as the client gives it."""
    server, key = segment(identity(inputs.take("server"))), str(inputs.take("key"))
    body = {"meta": {key: inputs.take("value")}}
    return wire.send(Filled("PUT", f"servers/{server}/metadata/{segment(key)}", body=body, has_body=True))


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
        inputs.take(ignored)  # the client takes and doesn't send them
    hints = inputs.take("scheduler_hints")
    body = {"volume": volume} | ({"OS-SCH-HNT:scheduler_hints": hints} if hints else {})
    return wire.send(Filled("POST", "volumes", body=body, has_body=True))["volume"]


def encryption_types(kind: str) -> Special:
    """Of every volume type that has one; ``find`` and ``findall`` compare with the inputs."""

    def run(wire: Wire, inputs: Inputs) -> Any:
        inputs.take("search_opts")
        wanted = inputs.rest()
        types = wire.pages(Filled("GET", "types", query=[("is_public", "None")]), "volume_types", {"pages": True})
        found = [wire.send(Filled("GET", f"types/{segment(one['id'])}/encryption")) for one in types]
        matching = [one for one in found if one and all(one.get(name) == value for name, value in wanted.items())]
        if kind != "find":
            return matching
        if len(matching) != 1:
            raise RefusedError(f"{len(matching)} encryption types match {wanted}.", 409 if matching else 404)
        return matching[0]

    return run


# ---- network


def extension(verb: str) -> Special:
    """A resource that the client has no call for: by its path, with ``%s`` for the id. Raises ActionError for odd paths."""

    def run(wire: Wire, inputs: Inputs) -> Any:
        path, ident = str(inputs.take("path")), inputs.take("id")
        if "?" in path or "#" in path or ".." in path.split("/"):
            raise ActionError(f"{path!r} is no path of a resource.")
        place = path.lstrip("/").replace("%s", segment(ident)) if ident is not None else path.lstrip("/")
        if verb in {"POST", "PUT"}:
            return wire.send(Filled(verb, place, body=inputs.take("body"), has_body=True))
        if verb == "LIST":
            key = str(inputs.take("collection"))
            query = [(name, str(value)) for name, value in inputs.rest().items()]
            return {key: wire.pages(Filled("GET", place, query=query), key, {"pages": inputs.take("retrieve_all") is not False})}
        return wire.send(Filled(verb, place))

    return run


# ---- identity


def get_project(wire: Wire, inputs: Inputs) -> Any:
    """Relatives are asked for by the mere presence of a key."""
    project = segment(identity(inputs.take("project")))
    names = ("subtree_as_list", "parents_as_list", "subtree_as_ids", "parents_as_ids")
    query = [(name, "") for name in names if inputs.take(name)]
    return wire.send(Filled("GET", f"projects/{project}", query=query))["project"]


def change_password(wire: Wire, inputs: Inputs) -> None:
    """One's own."""
    user = {"password": inputs.take("new_password"), "original_password": inputs.take("old_password")}
    wire.send(Filled("POST", f"users/{segment(wire.user_id())}/password", body={"user": user}, has_body=True))


def authorize_request(wire: Wire, inputs: Inputs) -> Any:
    """The verifier for a request token, for roles by id."""
    place = f"OS-OAUTH1/authorize/{segment(inputs.take('request_token'))}"
    roles = [{"id": identity(one)} for one in inputs.take("roles") or ()]
    return wire.send(Filled("PUT", place, body={"roles": roles}, has_body=True))["token"]


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
    query += [(flag, "True") for flag in ("effective", "include_names", "include_subtree") if inputs.take(flag)]
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
    "nova.servers_rebuild": rebuild_server, "nova.servers_interface_attach": attach_interface, "nova.servers_get_password": get_password,
    "nova.versions_list": versions("list"), "nova.versions_find": versions("find"), "nova.versions_findall": versions("findall"),
    "cinder.volume_encryption_types_list": encryption_types("list"), "cinder.volume_encryption_types_find": encryption_types("find"),
    "cinder.volume_encryption_types_findall": encryption_types("findall"),
    "neutron.list_ext": extension("LIST"), "neutron.show_ext": extension("GET"), "neutron.create_ext": extension("POST"),
    "neutron.update_ext": extension("PUT"), "neutron.delete_ext": extension("DELETE"),
    "keystone.projects_get": get_project, "keystone.users_update_password": change_password,
    "keystone.oauth1.request_tokens_authorize": authorize_request,
    "nova.flavors_create": create_flavor, "nova.servers_create": create_server, "nova.servers_create_image": create_image,
    "nova.servers_delete_meta": delete_each("servers", "server"), "nova.servers_set_meta_item": set_meta_item,
    "nova.versions_get_current": current_version,
    "cinder.volumes_create": create_volume, "cinder.volumes_delete_metadata": delete_each("volumes", "volume"),
    "cinder.volume_snapshots_delete_metadata": delete_each("snapshots", "snapshot"),
    "cinder.volumes_delete_image_metadata": delete_image_metadata,
    "keystone.regions_create": create_region, "keystone.users_create": create_user, "keystone.users_update": update_user,
    "keystone.role_assignments_list": list_role_assignments, "keystone.roles_grant": role_request("PUT"),
    "keystone.roles_check": role_request("HEAD"), "keystone.roles_revoke": role_request("DELETE"), "keystone.roles_list": list_roles,
    "keystone.trusts_create": create_trust, "mistral.executions_create": create_execution,
}
