"""Aodh's and Gnocchi's names whose inputs are no plain parts of a request, Zun's archives and Swift's capabilities."""

from __future__ import annotations

import base64
from typing import Any

from maestrale.actions.openstack.filling import Filled, Inputs, segment
from maestrale.actions.openstack.special import Special
from maestrale.actions.openstack.wire import Wire
from maestrale.errors import ActionError


def list_alarms(wire: Wire, inputs: Inputs) -> Any:
    """``filters`` are conditions of equality."""
    query = [(name, str(value)) for name in ("limit", "marker") if (value := inputs.take(name)) is not None]
    query += [("sort", str(one)) for one in inputs.take("sorts") or ()]
    for name, value in (inputs.take("filters") or {}).items():
        query += [("q.field", name), ("q.op", "eq"), ("q.value", str(value))]
    return wire.send(Filled("GET", "v2/alarms", query=query))


def update_alarm(wire: Wire, inputs: Inputs) -> Any:
    """The alarm as it is, with the changes in it, is put back as a whole."""
    place, changes = f"v2/alarms/{segment(inputs.take('alarm_id'))}", inputs.take("alarm_update") or {}
    current = wire.send(Filled("GET", place))
    rule = f"{changes.get('type', current.get('type'))}_rule"
    merged = {**current, **changes}
    if isinstance(changes.get(rule), dict):
        merged[rule] = {**current.get(rule, {}), **changes[rule]}
    return wire.send(Filled("PUT", place, body=merged, has_body=True))


_RANGE = ("start", "stop", "aggregation", "reaggregation", "granularity", "needed_overlap", "refresh", "resample", "fill")


def aggregate_measures(wire: Wire, inputs: Inputs) -> Any:
    """Of metrics by their ids, or of one metric's name over the resources that ``query`` finds."""
    metrics, condition, kind = inputs.take("metrics"), inputs.take("query"), inputs.take("resource_type") or "generic"
    groups = inputs.take("groupby") or []
    query = [(name, str(value)) for name in _RANGE if (value := inputs.take(name)) not in {None, False}]
    names = metrics if isinstance(metrics, list) else [metrics]
    if condition is None:
        return wire.send(Filled("GET", "v1/aggregation/metric", query=[*query, *(("metric", str(one)) for one in names)]))
    query += [("groupby", str(one)) for one in ([groups] if isinstance(groups, str) else groups)]
    place = f"v1/aggregation/resource/{segment(kind)}/metric/{segment(names[0])}"
    if isinstance(condition, str):
        return wire.send(Filled("POST", place, query=[*query, ("filter", condition)]))
    return wire.send(Filled("POST", place, query=query, body=condition, has_body=True))


def create_metric(wire: Wire, inputs: Inputs) -> Any:
    """Of its own, or below a resource, where it needs a name. Raises ActionError."""
    whole, reads_back = inputs.take("metric"), inputs.take("refetch_metric") is not False
    given = {name: inputs.take(name) for name in ("name", "archive_policy_name", "resource_id", "unit")}
    body = dict(whole) if whole else {name: value for name, value in given.items() if value is not None}
    resource = body.pop("resource_id", None)
    if resource is None:
        made = wire.send(Filled("POST", "v1/metric", body=body, has_body=True))
        return wire.send(Filled("GET", f"v1/metric/{segment(made['id'])}")) if reads_back else made
    if "name" not in body:
        raise ActionError("A metric of a resource needs a name.")
    place = f"v1/resource/generic/{segment(resource)}/metric"
    made = wire.send(Filled("POST", place, body={body["name"]: body}, has_body=True))
    return wire.send(Filled("GET", f"{place}/{segment(body['name'])}")) if reads_back else made


def get_archive(wire: Wire, inputs: Inputs) -> Any:
    """A file of a container as text."""
    place, path = f"containers/{segment(inputs.take('id'))}/get_archive", str(inputs.take("path"))
    found = wire.send(Filled("GET", place, query=[("path", path)]))
    return {**found, "data": base64.b64decode(found["data"]).decode("utf-8", "replace")}


def put_archive(wire: Wire, inputs: Inputs) -> Any:
    """Text into a container."""
    place, path, data = f"containers/{segment(inputs.take('id'))}/put_archive", str(inputs.take("path")), str(inputs.take("data"))
    body = {"data": base64.b64encode(data.encode()).decode()}
    return wire.send(Filled("POST", place, query=[("path", path)], body=body, has_body=True))


def capabilities(wire: Wire, inputs: Inputs) -> Any:
    """What the object store can do, from beside the accounts. Raises ActionError for another address than the store's."""
    if inputs.take("url"):
        raise ActionError("The input 'url' is not taken: the address comes from the catalogue.")
    return wire.beside("/info")


TELEMETRY: dict[str, Special] = {
    "aodh.alarm_list": list_alarms, "aodh.alarm_update": update_alarm, "gnocchi.measures_aggregation": aggregate_measures,
    "gnocchi.metric_create": create_metric, "zun.containers_get_archive": get_archive, "zun.containers_put_archive": put_archive,
    "swift.get_capabilities": capabilities,
}
