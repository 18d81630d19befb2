# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0
"""Starting an execution, once: the body of the request, and identities that make a repeated start harmless."""

from __future__ import annotations

import uuid

from .errors import UsageError
from .kinds import EXECUTION, WORKFLOW
from .lease import lease_body

# What a start says of itself, which a repetition must not take over.
OWN_PARAMS = ("origin", "lease")
KEYS = uuid.UUID("6d1b1f0e-5b0f-5c0e-9d5f-3f3c8c9d4a61")

SUBMISSION_SPEC = {
    "workflow": {"type": "str"},
    "namespace": {"type": "str", "default": ""},
    "input": {"type": "dict", "default": {}},
    "secrets": {"type": "dict", "default": {}, "no_log": True},
    "env": {"type": "raw"},
    "params": {"type": "dict", "default": {}},
    "description": {"type": "str"},
    "execution_id": {"type": "str"},
    "idempotency_key": {"type": "str", "no_log": False},
    "source_execution_id": {"type": "str"},
}
SUBMISSION_RULES = {
    "mutually_exclusive": [("execution_id", "idempotency_key"), ("workflow", "source_execution_id")],
    "required_one_of": [("workflow", "source_execution_id", "execution_id")],
}


def execution_id_of(params):
    """The execution's id where the task chooses it: given, or derived from the key; None to let the engine choose."""
    if params["idempotency_key"] is not None:
        project = params["project_id"] or params["project"] or ""
        return str(uuid.uuid5(KEYS, f"{project}\n{params['idempotency_key']}"))
    return params["execution_id"]


def origin_text(origin):
    """A description for an execution that gets no other: which play started it, for which host, in which AWX job."""
    parts = ["Started by Ansible", *(f"{name} {origin[name]}" for name in ("play", "host") if name in origin)]
    if "awx_job_id" in origin:
        parts.append(f"AWX job {origin['awx_job_id']} of {origin.get('awx_user_name') or 'nobody'}")
    return ", ".join(parts)


def request_body(params, origin, source=None):
    """The body of the POST; ``source`` is the execution that shall be repeated, ``origin`` a mapping of who starts it.

    Input and params of the source are copied here: engines don't agree on what they take over from another execution.
    Engines ignore tags in a start, so the origin is kept among the params as well as in the description.
    """
    body = {"description": params["description"] if params["description"] is not None else origin_text(origin)}
    if source is not None:
        body["workflow_id"] = source["workflow_id"]
    elif _is_uuid(params["workflow"]):
        body["workflow_id"] = params["workflow"]
    else:
        body.update(workflow_name=params["workflow"], workflow_namespace=params["namespace"])
    body["input"] = {**((source or {}).get("input") or {}), **params["input"], **params["secrets"]}
    copied = {key: value for key, value in ((source or {}).get("params") or {}).items() if key not in OWN_PARAMS}
    own = {key: value for key, value in (("origin", origin), ("lease", lease_body(params))) if value}
    body["params"] = {**copied, **own, **params["params"]}
    if params["env"] is not None:
        if not isinstance(params["env"], (str, dict)):
            raise UsageError("env is the name of a stored environment or a mapping")
        body["params"]["env"] = params["env"]
    identity = execution_id_of(params)
    if identity:
        body["id"] = identity
    return body


def _is_uuid(text):
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def start(client, params, origin, check_mode=False):
    """Start, or find what was started before under the same identity; returns (execution, whether it was started now).

    In check mode nothing is started and the execution is a prediction without an id, or what exists already.
    """
    identity = execution_id_of(params)
    existing = client.find(EXECUTION, identity) if identity else None
    if existing is not None:
        _check_workflow(existing, params)
        return existing, False
    if not params["workflow"] and not params["source_execution_id"]:
        raise UsageError(f"There is no execution {identity}, and no workflow is named to start one")
    source = client.get(EXECUTION, params["source_execution_id"]) if params["source_execution_id"] else None
    body = request_body(params, origin, source)
    if check_mode:
        return _predicted(client, params, body, source), True
    return client.create(EXECUTION, body, may_repeat=bool(identity)), True


def _check_workflow(existing, params):
    asked = params["workflow"]
    if asked and asked not in (existing["workflow_name"], existing["workflow_id"]):
        raise UsageError(f"Execution {existing['id']} exists and is one of workflow {existing['workflow_name']}, not {asked}")


def _predicted(client, params, body, source):
    workflow = source["workflow_name"] if source else client.get(WORKFLOW, params["workflow"], {"namespace": params["namespace"]})["name"]
    return {
        "id": body.get("id"),
        "workflow_name": workflow,
        "workflow_namespace": source["workflow_namespace"] if source else params["namespace"],
        "description": body["description"],
        "state": "IDLE",
        "input": body["input"],
        "params": body["params"],
        "output": {},
    }
