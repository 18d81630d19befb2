"""Manila's names whose inputs are no plain parts of a request."""

from __future__ import annotations

from typing import Any

from maestrale.actions.openstack.filling import Filled, Inputs, identity, segment
from maestrale.actions.openstack.special import Special
from maestrale.actions.openstack.wire import Wire


def _present(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _made(wire: Wire, path: str, key: str, values: dict[str, Any]) -> Any:
    return wire.send(Filled("POST", path, body={key: values}, has_body=True))[key]


def _action(wire: Wire, share: str, values: dict[str, Any]) -> Any:
    return wire.send(Filled("POST", f"shares/{share}/action", body=values, has_body=True))


def listing(path: str, key: str, *, publics: bool = False) -> Special:
    """``search_opts`` are the query; ``detailed`` asks for the long form. With ``publics`` other projects' public ones belong to it."""

    def run(wire: Wire, inputs: Inputs) -> Any:
        search = {**({"is_public": True} if publics else {}), **(inputs.take("search_opts") or {})}
        for name in ("sort_key", "sort_dir"):
            search[name] = inputs.take(name)
        inputs.take("return_raw")
        place = path if inputs.take("detailed") in {False, None} else f"{path}/detail"
        query = [(name, str(value)) for name, value in _present(search).items()]
        return wire.pages(Filled("GET", place, query=query), key, {"pages": True})

    return run


def types(path: str, key: str) -> Special:
    """Private ones too, unless ``show_all`` is false."""

    def run(wire: Wire, inputs: Inputs) -> Any:
        search = {**(inputs.take("search_opts") or {}), **({"is_public": "all"} if inputs.take("show_all") else {})}
        return wire.pages(Filled("GET", path, query=[(name, str(value)) for name, value in search.items()]), key, {"pages": True})

    return run


def create_share(wire: Wire, inputs: Inputs) -> Any:
    """Objects may stand for the ids of networks and types."""
    inputs.take("return_raw")
    names = ("size", "snapshot_id", "name", "description", "availability_zone", "share_group_id", "scheduler_hints", "mount_point_name",
             "encryption_key_ref")
    body = _present({name: inputs.take(name) for name in names})
    body |= {"share_proto": inputs.take("share_proto"), "metadata": inputs.take("metadata") or {},
             "is_public": bool(inputs.take("is_public"))}
    return _made(wire, "shares", "share", body | _present({
        "share_network_id": identity(inputs.take("share_network")), "share_type": identity(inputs.take("share_type"))}))


def manage_share(wire: Wire, inputs: Inputs) -> Any:
    """Takes over a share that is on the storage already."""
    names = ("service_host", "protocol", "export_path", "name", "description", "share_server_id")
    body = _present({name: inputs.take(name) for name in names})
    return _made(wire, "shares/manage", "share", body | {
        "driver_options": inputs.take("driver_options") or {}, "share_type": identity(inputs.take("share_type")),
        "is_public": bool(inputs.take("is_public"))})


def extend_share(wire: Wire, inputs: Inputs) -> Any:
    """``force`` goes past the scheduler; the service takes it as text."""
    share, size, force = segment(identity(inputs.take("share"))), inputs.take("new_size"), inputs.take("force")
    return _action(wire, share, {"extend": {"new_size": size, **({"force": "true"} if force else {})}})


def start_migration(wire: Wire, inputs: Inputs) -> Any:
    """To another host, with what has to be kept."""
    share = segment(identity(inputs.take("share")))
    return _action(wire, share, {"migration_start": _present(inputs.rest())})


def delete_metadata(wire: Wire, inputs: Inputs) -> None:
    """The ``keys`` one by one."""
    inputs.take("subresource")
    share = segment(identity(inputs.take("resource")))
    for key in inputs.take("keys") or ():
        wire.send(Filled("DELETE", f"shares/{share}/metadata/{segment(key)}"))


def create_type(wire: Wire, inputs: Inputs) -> Any:
    """The two specifications that every type has are inputs of their own."""
    specs = dict(inputs.take("extra_specs") or {}) | _present({
        "driver_handles_share_servers": inputs.take("spec_driver_handles_share_servers"),
        "snapshot_support": inputs.take("spec_snapshot_support")})
    is_public, description = inputs.take("is_public"), inputs.take("description")
    return _made(wire, "types", "share_type", {
        "name": inputs.take("name"), "share_type_access:is_public": is_public is not False, "extra_specs": specs,
        **({"description": description} if description else {})})


def create_group(wire: Wire, inputs: Inputs) -> Any:
    """Of types, or from a snapshot of another group."""
    body = _present({name: inputs.take(name) for name in ("name", "description", "availability_zone")})
    body |= _present({
        "share_group_type_id": identity(inputs.take("share_group_type")), "share_network_id": identity(inputs.take("share_network")),
        "source_share_group_snapshot_id": identity(inputs.take("source_share_group_snapshot"))})
    if kinds := inputs.take("share_types"):
        body["share_types"] = [identity(one) for one in kinds]
    return _made(wire, "share-groups", "share_group", body)


SHARES: dict[str, Special] = {
    "manila.security_services_list": listing("security-services", "security_services"),
    "manila.share_networks_list": listing("share-networks", "share_networks"),
    "manila.shares_list": listing("shares", "shares", publics=True), "manila.shares_do_list": listing("shares", "shares", publics=True),
    "manila.share_types_list": types("types", "share_types"),
    "manila.share_group_types_list": types("share-group-types", "share_group_types"),
    "manila.shares_create": create_share, "manila.shares_manage": manage_share, "manila.shares_extend": extend_share,
    "manila.shares_migration_start": start_migration, "manila.shares_delete_metadata": delete_metadata,
    "manila.share_types_create": create_type, "manila.share_groups_create": create_group,
}
