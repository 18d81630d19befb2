"""Ironic's and its inspector's names whose inputs are no plain parts of a request, and those that wait."""

from __future__ import annotations

from typing import Any

from maestrale import clock
from maestrale.actions.openstack.filling import Filled, Inputs, identity, segment
from maestrale.actions.openstack.special import Special
from maestrale.actions.openstack.wire import Wire
from maestrale.errors import ActionError

_TRUE = frozenset({"1", "t", "true", "on", "y", "yes"})
_FALSE = frozenset({"0", "f", "false", "off", "n", "no"})
_POWER = {"on": "power on", "off": "power off", "reboot": "rebooting"}


def _put(wire: Wire, path: str, body: dict[str, Any]) -> None:
    wire.send(Filled("PUT", path, body=body, has_body=True))


def set_maintenance(wire: Wire, inputs: Inputs) -> None:
    """On with a reason, or off. Raises ActionError for a state that is neither."""
    place, state = f"nodes/{segment(inputs.take('node_id'))}/maintenance", str(inputs.take("state")).lower()
    reason = inputs.take("maint_reason")
    if state not in _TRUE | _FALSE:
        raise ActionError(f"The input 'state' is {state!r}, which is neither true nor false.")
    if state in _TRUE:
        _put(wire, place, {"reason": reason})
    else:
        wire.send(Filled("DELETE", place))


def set_power_state(wire: Wire, inputs: Inputs) -> None:
    """``on``, ``off``, ``reboot``, the latter two also softly. Raises ActionError."""
    node, state, limit = segment(inputs.take("node_id")), str(inputs.take("state")), inputs.take("timeout")
    target = _POWER.get(state, state)
    if inputs.take("soft"):
        if state not in {"off", "reboot"}:
            raise ActionError(f"A node can't come softly to the state '{state}'.")
        target = f"soft {target}"
    _put(wire, f"nodes/{node}/states/power", {"target": target, **({"timeout": int(limit)} if limit is not None else {})})


def set_provision_state(wire: Wire, inputs: Inputs) -> None:
    """``configdrive`` is what is on it or an address, never the name of a file."""
    body: dict[str, Any] = {"target": inputs.take("state")}
    names = {"configdrive": "configdrive", "cleansteps": "clean_steps", "rescue_password": "rescue_password"}
    first = next(((key, value) for name, key in names.items() if (value := inputs.take(name))), None)
    body |= dict([first]) if first else {}
    for name, key in {"deploysteps": "deploy_steps", "servicesteps": "service_steps", "runbook": "runbook"}.items():
        if value := inputs.take(name):
            body[key] = value
    if (disable := inputs.take("disable_ramdisk")) is not None:
        body["disable_ramdisk"] = str(disable).lower() in _TRUE
    for name in names:
        inputs.take(name)
    _put(wire, f"nodes/{segment(inputs.take('node_uuid'))}/states/provision", body)


def pass_through(kind: str, name: str) -> Special:
    """A call of a vendor's driver. Raises ActionError for other than HTTP's usual methods."""

    def run(wire: Wire, inputs: Inputs) -> Any:
        verb = str(inputs.take("http_method") or "POST").upper()
        if verb not in {"POST", "PUT", "PATCH", "GET", "DELETE"}:
            raise ActionError(f"Unknown HTTP method: {verb}")
        place = f"{kind}/{segment(inputs.take(name))}/vendor_passthru/{segment(inputs.take('method'))}"
        body = inputs.take("args") or {}
        has_body = verb in {"POST", "PUT", "PATCH"}
        return wire.send(Filled(verb, place, body=body if has_body else None, has_body=has_body))

    return run


def wait_for_provision_state(wire: Wire, inputs: Inputs) -> None:
    """Ask until a node has the state. Raises ActionError when it fails on the way, and after ``timeout`` seconds (0: never)."""
    node, wanted = segment(identity(inputs.take("node_ident"))), str(inputs.take("expected_state")).lower()
    limit, pause = float(inputs.take("timeout") or 0), float(inputs.take("poll_interval") or 2)
    stops_at_stable = inputs.take("fail_on_unexpected_state") is not False
    inputs.take("poll_delay_function")
    until = clock.monotonic() + limit
    while True:
        found = wire.send(Filled("GET", f"nodes/{node}"))
        state, target = found.get("provision_state"), found.get("target_provision_state")
        if state == wanted:
            return
        if stops_at_stable and (state == "error" or str(state).endswith(" failed")):
            raise ActionError(f"The node {node} came to the state {state} instead of {wanted}: {found.get('last_error')}")
        if stops_at_stable and target is None:
            raise ActionError(f"The node {node} stays in the state {state}, it isn't on its way to {wanted}.")
        if limit and clock.monotonic() >= until:
            raise ActionError(f"The node {node} has the state {state}, not {wanted}, after {limit:g} s.")
        wire.wait(pause)


def wait_for_finish(wire: Wire, inputs: Inputs) -> Any:
    """The state of each node's introspection when all are finished. Raises ActionError after ``max_retries`` rounds."""
    nodes = inputs.take("node_ids") or inputs.take("uuids") or []
    pause, most = float(inputs.take("retry_interval") or 15), int(inputs.take("max_retries") or 3600)
    for name in ("uuids", "sleep_function"):
        inputs.take(name)
    found: dict[str, Any] = {}
    for turn in range(most):
        for node in (one for one in nodes if one not in found):
            state = wire.send(Filled("GET", f"introspection/{segment(node)}"))
            if state.get("finished"):
                found[node] = state
        if len(found) == len(nodes):
            return found
        if turn + 1 < most:
            wire.wait(pause)
    raise ActionError(f"The introspection isn't finished after {most} rounds: {', '.join(one for one in nodes if one not in found)}")


METAL: dict[str, Special] = {
    "ironic.node_set_maintenance": set_maintenance, "ironic.node_set_power_state": set_power_state,
    "ironic.node_set_provision_state": set_provision_state, "ironic.driver_vendor_passthru": pass_through("drivers", "driver_name"),
    "ironic.node_vendor_passthru": pass_through("nodes", "node_id"), "ironic.node_wait_for_provision_state": wait_for_provision_state,
    "baremetal_introspection.wait_for_finish": wait_for_finish,
}
