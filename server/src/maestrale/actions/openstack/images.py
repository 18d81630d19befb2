"""Glance's names whose inputs are no plain parts of a request: patches, and definitions that are replaced as a whole."""

from __future__ import annotations

from typing import Any

from maestrale.actions.openstack.filling import Filled, Inputs, identity, segment
from maestrale.actions.openstack.special import Special
from maestrale.actions.openstack.wire import Wire
from maestrale.errors import ActionError

_PATCH = {"content_type": "application/openstack-images-v2.1-json-patch"}
_OF_THE_SERVICE = frozenset({"schema", "self", "created_at", "updated_at"})


def listing(path: str, key: str) -> Special:
    """``filters`` are part of the query; ``limit`` is the most that come back, ``page_size`` the most of one request."""

    def run(wire: Wire, inputs: Inputs) -> Any:
        rest = inputs.rest()
        filters, limit, size = rest.pop("filters", None) or {}, rest.pop("limit", None), rest.pop("page_size", None)
        query = [(name, str(value)) for name, value in {**rest, **filters}.items() if value is not None]
        if size or limit:
            query.append(("limit", str(size or limit)))
        return wire.first(int(limit) if limit else None, Filled("GET", path, query=query), key)

    return run


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
    return _patch(wire, image, patch)


def _pointer(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _patch(wire: Wire, image: str, patch: list[dict[str, Any]]) -> Any:
    return wire.send(Filled("PATCH", f"images/{image}", body=patch, has_body=True), row=_PATCH)


def add_location(wire: Wire, inputs: Inputs) -> Any:
    """The image with one location more."""
    image, metadata, check = segment(inputs.take("image_id")), inputs.take("metadata"), inputs.take("validation_data")
    value = {"url": inputs.take("url"), "metadata": metadata or {}, **({"validation_data": check} if check else {})}
    return _patch(wire, image, [{"op": "add", "path": "/locations/-", "value": value}])


def _locations(wire: Wire, image: str) -> list[Any]:
    """Raises ActionError where the service doesn't show them."""
    current = wire.send(Filled("GET", f"images/{image}"))
    if "locations" not in current:
        raise ActionError("The image service shows no locations of images.")
    return list(current["locations"])


def update_location(wire: Wire, inputs: Inputs) -> Any:
    """The metadata of a location that the image has."""
    image, url = segment(inputs.take("image_id")), inputs.take("url")
    locations = _locations(wire, image)
    if url not in [one["url"] for one in locations]:
        raise ActionError(f"The image has no location '{url}'.")
    new = [{**one, "metadata": inputs.take("metadata")} if one["url"] == url else one for one in locations]
    if new != locations:
        _patch(wire, image, [{"op": "replace", "path": "/locations", "value": []}])
        return _patch(wire, image, [{"op": "replace", "path": "/locations", "value": new}])
    return wire.send(Filled("GET", f"images/{image}"))


def delete_locations(wire: Wire, inputs: Inputs) -> None:
    """All of ``url_set``, the last ones first since they go by their place."""
    image, urls = segment(inputs.take("image_id")), inputs.take("url_set") or []
    known = [one["url"] for one in _locations(wire, image)]
    if missing := [url for url in urls if url not in known]:
        raise ActionError(f"The image has no location '{missing[0]}'.")
    places = sorted((place for place, url in enumerate(known) if url in urls), reverse=True)
    _patch(wire, image, [{"op": "remove", "path": f"/locations/{place}"} for place in places])


def replace_definition(path: str, *places: str) -> Special:
    """A metadata definition as it is, with the inputs in it, is put back as a whole."""

    def run(wire: Wire, inputs: Inputs) -> Any:
        place = path.format(*(segment(inputs.take(name)) for name in places))
        current = wire.send(Filled("GET", place))
        body = {name: value for name, value in current.items() if name not in _OF_THE_SERVICE} | inputs.rest()
        return wire.send(Filled("PUT", place, body=body, has_body=True))

    return run


def list_properties(wire: Wire, inputs: Inputs) -> Any:
    """The service gives a mapping, the client a list with names."""
    found = wire.send(Filled("GET", f"metadefs/namespaces/{segment(inputs.take('namespace'))}/properties"))["properties"]
    return [{**value, "name": name} for name, value in found.items()]


def create_tags(wire: Wire, inputs: Inputs) -> Any:
    """Several by their names."""
    place = f"metadefs/namespaces/{segment(inputs.take('namespace'))}/tags"
    tags = [{"name": one} for one in inputs.take("tags") or ()]
    return wire.send(Filled("POST", place, body={"tags": tags}, has_body=True))["tags"]


_DEFINITION = "metadefs/namespaces/{}"
IMAGES: dict[str, Special] = {
    "glance.images_list": listing("images", "images"), "glance.images_update": update_image, "glance.tasks_list": listing("tasks", "tasks"),
    "glance.metadefs_namespace_list": listing("metadefs/namespaces", "namespaces"),
    "glance.images_add_location": add_location, "glance.images_update_location": update_location,
    "glance.images_delete_locations": delete_locations, "glance.metadefs_property_list": list_properties,
    "glance.metadefs_tag_create_multiple": create_tags,
    "glance.metadefs_namespace_update": replace_definition(_DEFINITION, "namespace_name"),
    "glance.metadefs_object_update": replace_definition(_DEFINITION + "/objects/{}", "namespace", "object_name"),
    "glance.metadefs_property_update": replace_definition(_DEFINITION + "/properties/{}", "namespace", "prop_name"),
    "glance.metadefs_tag_update": replace_definition(_DEFINITION + "/tags/{}", "namespace", "tag_name"),
}
