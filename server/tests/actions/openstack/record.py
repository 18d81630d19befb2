"""Notes what the Python clients of OpenStack send and return for each of Mistral's names, into ``recorded/<namespace>.yaml``.

Run in an environment of its own, since the server needs none of these packages::

    python -m venv clients; clients/bin/pip install mistral-extra pyyaml
    clients/bin/python server/tests/actions/openstack/record.py [namespace ...]

``mistral-extra`` brings the clients, and the file that says which method a name stands for. A name is called with all of its inputs
(``inputs.yaml`` has their values) through the stand-in; what it can't be called with is noted with the error.
"""

from __future__ import annotations

import copy
import functools
import importlib.resources
import inspect
import json
import logging
import signal
import sys
import types
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cinderclient.client
import designateclient.v2.client
import glanceclient
import gnocchiclient.v1.client
import heatclient.client
import ironic_inspector_client
import ironicclient.v1.client
import keystoneclient.v3.client
import magnumclient.v1.client
import manilaclient.api_versions
import manilaclient.client
import mistralclient.api.v2.client
import neutronclient.v2_0.client
import novaclient.api_versions
import novaclient.client
import requests
import swiftclient.client
import troveclient.v1.client
import yaml
import zaqarclient.queues.client
import zunclient.v1.client
from aodhclient.v2 import client as aodhclient
from cinderclient import api_versions as cinder_versions
from keystoneauth1.session import Session
from keystoneauth1.token_endpoint import Token
from mistral_extra.actions.openstack.actions import ZaqarAction
from stand_in import PROJECT, StandIn, told
from zaqarclient.queues.v2.iterator import _Iterator
from zunclient import api_versions as zun_versions

HERE = Path(__file__).parent
SECONDS = 5
INPUTS = yaml.safe_load((HERE / "inputs.yaml").read_text(encoding="utf-8"))


def clients(cloud: StandIn) -> dict[str, Callable[[], Any]]:
    """How each namespace's client is made."""

    def session(kind: str) -> Session:
        return Session(auth=Token(endpoint=cloud.endpoint(kind), token="t0"))

    def trove() -> Any:
        client = troveclient.v1.client.Client("u", "t0", project_id=PROJECT, auth_url=cloud.endpoint("database"))
        client.client.auth_token, client.client.management_url = "t0", cloud.endpoint("database")
        return client

    def inspector() -> Any:
        return ironic_inspector_client.ClientV1(api_version=1, session=session("baremetal-introspection"),
                                                inspector_url=cloud.endpoint("baremetal-introspection"))

    return {
        "nova": lambda: novaclient.client.Client("2.96", endpoint_override=cloud.endpoint("compute"), session=session("compute")),
        "glance": lambda: glanceclient.Client("2", endpoint=cloud.endpoint("image"), session=session("image")),
        "keystone": lambda: keystoneclient.v3.client.Client(endpoint=cloud.endpoint("identity"), session=session("identity")),
        "heat": lambda: heatclient.client.Client(
            "1", endpoint_override=cloud.endpoint("orchestration"), session=session("orchestration")),
        "neutron": lambda: neutronclient.v2_0.client.Client(endpoint_override=cloud.endpoint("network"), session=session("network")),
        "cinder": lambda: cinderclient.client.Client(
            cinder_versions.APIVersion("3.71"), endpoint_override=cloud.endpoint("block-storage"), session=session("block-storage")),
        "trove": trove,
        "ironic": lambda: ironicclient.v1.client.Client(
            os_ironic_api_version="1.34", endpoint_override=cloud.endpoint("baremetal"), session=session("baremetal")),
        "baremetal_introspection": inspector,
        "swift": lambda: swiftclient.client.Connection(session=session("object-store"), preauthurl=cloud.endpoint("object-store")),
        "zaqar": lambda: zaqarclient.queues.client.Client(version=2, url=cloud.endpoint("message"), session=session("message")),
        "mistral": lambda: mistralclient.api.v2.client.Client(mistral_url=cloud.endpoint("workflow")),
        "designate": lambda: designateclient.v2.client.Client(session=session("dns"), endpoint_override=f"{cloud.endpoint('dns')}/v2"),
        "magnum": lambda: magnumclient.v1.client.Client(
            magnum_url=cloud.endpoint("container-infrastructure-management"), auth_token="t0", project_id=PROJECT, auth_url=cloud.url),
        "aodh": lambda: aodhclient.Client(session=session("alarming"), endpoint_override=cloud.endpoint("alarming")),
        "gnocchi": lambda: gnocchiclient.v1.client.Client(
            adapter_options={"endpoint_override": cloud.endpoint("metric")}, session_options={"auth": session("metric").auth}),
        "zun": lambda: zunclient.v1.client.Client(
            zun_versions.APIVersion("1.40"), endpoint_override=cloud.endpoint("application-container"),
            session=session("application-container")),
        "manila": lambda: manilaclient.client.Client(
            "2.80", service_catalog_url=cloud.endpoint("shared-file-system"), session=session("shared-file-system")),
    }


def inputs_of(name: str, method: Any, version: str) -> dict[str, Any]:
    """All inputs of a name with values: by its own entry, by the inputs' names, by their defaults."""
    given = INPUTS["calls"].get(name)
    found: dict[str, Any] = {}
    for parameter in inspect.signature(_underlying(method, version)).parameters.values():
        if parameter.name in {"self", "client"} or parameter.kind in {parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL}:
            continue
        if parameter.name in INPUTS["left_out"]:
            continue
        key, default = parameter.name, parameter.default
        if key in INPUTS["values"]:
            found[key] = copy.deepcopy(INPUTS["values"][key])
        elif isinstance(default, bool):
            found[key] = not default
        elif isinstance(default, int | float):
            found[key] = 3
        elif key.startswith(("is_", "has_")):
            found[key] = True
        else:
            found[key] = f"{key}1"
    if given is None:
        given = INPUTS["find"] if name.endswith(("_find", "_findall")) else {}
    found |= given
    return {key: value for key, value in found.items() if value != "$none"}


def _underlying(method: Any, version: str) -> Any:
    """The function behind one that exists for several microversions."""
    function = getattr(method, "__func__", getattr(method, "func", method))
    for module, number in ((novaclient.api_versions, "2.96"), (manilaclient.api_versions, "2.80"), (cinder_versions, "3.71")):
        if function.__module__.split(".")[0] != module.__name__.split(".")[0]:
            continue
        ident = getattr(function, "__id__", None) or f"{function.__module__}.{function.__qualname__}"
        methods = module._SUBSTITUTIONS if hasattr(module, "_SUBSTITUTIONS") else module._VERSIONED_METHOD_MAP
        fitting = [one for one in methods.get(ident, []) if one.start_version <= module.APIVersion(number) <= one.end_version]
        if fitting:
            return max(fitting, key=lambda one: one.start_version).func
    return function


def plain(value: Any) -> Any:  # noqa: C901, PLR0911 - one answer for each kind of value
    """A result as a workflow saw it, without the clients' own attributes."""
    if isinstance(value, types.GeneratorType):
        return [plain(one) for one in value]
    if isinstance(value, tuple) and value and isinstance(value[0], requests.Response):
        return plain(value[1]) if len(value) > 1 else None
    if isinstance(value, requests.Response):
        return None
    if hasattr(value, "_info"):
        return plain(value._info["keypair"] if set(value._info) == {"keypair"} else value._info)
    if isinstance(value, _Iterator):
        return [{name: plain(one) for name, one in vars(message).items() if name in {"href", "ttl", "age", "body"}} for message in value]
    if hasattr(value, "_data") and isinstance(value._data, dict):
        return plain(value._data)
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(one) for one in value]
    if isinstance(value, bytes):
        return value.decode()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if hasattr(value, "wrapped"):
        return plain(value.wrapped)
    return {key: plain(one) for key, one in vars(value).items() if not key.startswith("_") and key != "manager"} \
        if hasattr(value, "__dict__") else str(value)


def record(cloud: StandIn, namespace: str, make: Callable[[], Any], methods: Mapping[str, str]) -> dict[str, Any]:
    """The records of one namespace."""
    found: dict[str, Any] = {}
    for name, path in sorted(methods.items()):
        if name.endswith("convert_into_with_meta") or name == "_comment":
            continue
        method: Any = make()
        try:
            for part in path.split("."):
                method = functools.partial(getattr(ZaqarAction, part), method) if namespace == "zaqar" else getattr(method, part)
            inputs = inputs_of(f"{namespace}.{name}", method, "")
        except Exception as error:  # noqa: BLE001 - what the client raises is noted
            found[name] = {"error": f"{type(error).__name__}: {error}"}
            continue
        cloud.seen.clear()
        entry: dict[str, Any] = {"in": json.loads(json.dumps(inputs, default=lambda one: one.isoformat()))}
        signal.alarm(SECONDS)
        try:
            result = plain(method(**inputs))
            entry["sent"] = [told(one) for one in cloud.seen]
            entry["gives"] = result
        except Exception as error:  # noqa: BLE001 - the same
            entry["sent"] = [told(one) for one in cloud.seen]
            entry["error"] = f"{type(error).__name__}: {error}"[:300].replace(cloud.url, "")
        signal.alarm(0)
        found[name] = entry
    return found


def _too_long(*_: Any) -> None:
    raise TimeoutError(f"no answer in {SECONDS} s")


def main() -> None:
    """All namespaces, or those that are named."""
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, _too_long)
    logging.disable()
    mapping = json.loads((importlib.resources.files("mistral_extra") / "actions/openstack/mapping.json").read_text())
    cloud = StandIn()
    cloud.serve()
    (HERE / "recorded").mkdir(exist_ok=True)
    for namespace, make in clients(cloud).items():
        if sys.argv[1:] and namespace not in sys.argv[1:]:
            continue
        found = record(cloud, namespace, make, mapping[namespace])
        lines = [f"{name}: {json.dumps(entry).replace(cloud.url, 'http://cloud')}" for name, entry in found.items()]
        (HERE / "recorded" / f"{namespace}.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
        bad = {name: entry for name, entry in found.items() if "error" in entry}
        lines = [f"{namespace}: {len(found)} recorded, {len(bad)} with an error"]
        lines += [f"    {name} {json.dumps(entry)[:400]}" for name, entry in bad.items()]
        sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
