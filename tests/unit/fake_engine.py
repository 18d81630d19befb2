# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE)
# SPDX-License-Identifier: Apache-2.0

"""An engine in memory, as far as the collection's modules talk to one; it takes the place of the transport."""

from __future__ import annotations

import json
import uuid
from urllib.parse import parse_qsl, unquote, urlsplit

import yaml
from ansible_collections.maestrale.mistral.plugins.module_utils.errors import UnreachableError
from ansible_collections.maestrale.mistral.plugins.module_utils.transport import Reply

DEFINED = {"workflows": "version", "actions": "version"}
TOLD = {"event", "stdout", "play", "task", "host", "uuid"}
MOST_EVENTS = 500
FINAL = ("SUCCESS", "ERROR", "CANCELLED")


class FakeEngine:
    """``script`` holds, for an execution's id, the states that successive looks see; ``troubles`` what looks run into first."""

    def __init__(self):
        self.objects = {}
        self.script = {}
        self.troubles = []
        self.requests = []
        self.events = None
        self.lost_answers = 0
        self.leases = {}
        self.secrets = {}
        self.service = {"": {"versions": [{"id": "v2.0"}]}, "maintenance": {"status": "RUNNING"}}
        self.max_limit = 1000

    @property
    def writes(self):
        """Requests that were not just reads."""
        return [(method, path) for method, path, dummy, dummy in self.requests if method != "GET" and not path.endswith("validate")]

    def add(self, collection, **fields):
        """Put an object there."""
        item = {"id": str(uuid.uuid4()), "created_at": f"2026-01-01 00:00:{len(self.all(collection)):02d}", "updated_at": None, **fields}
        self.objects.setdefault(collection, []).append(item)
        return item

    def all(self, collection):
        """All objects of a collection."""
        return self.objects.get(collection, [])

    def send(self, method, url, headers=None, body=None, timeout=None):
        """What the transport does, without a network."""
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        text = (body or b"").decode()
        self.requests.append((method, parts.path, query, text))
        if self.troubles:
            trouble = self.troubles.pop(0)
            if trouble is None:
                raise UnreachableError("No answer")
            return Reply(trouble, {}, b'{"faultstring": "trouble"}')
        path = [unquote(part) for part in parts.path.split("/") if part]
        if path[:1] != ["v2"]:
            return self._service(path)
        if path[:2] == ["v2", "environments"] and path[3:4] == ["secrets"]:
            status, value = self._secrets(method, path[2], path[4:], text)
            return Reply(status, {}, json.dumps(value).encode() if value is not None else b"")
        if path[-1] == "lease":
            return self._lease(method, path[2], text)
        if path[-1] == "events":
            return self._events(method, path[2], query, text)
        status, value = self._answer(method, path[1:], query, headers or {}, text)
        return Reply(status, {}, json.dumps(value).encode() if value is not None else b"")

    def _events(self, method, identity, query, text):
        if self.events is None:
            return Reply(404, {}, b"Not Found")
        if method == "POST":
            told, stored = json.loads(text)["events"], self.events.setdefault(identity, [])
            if len(told) > MOST_EVENTS or any(
                set(event) - TOLD or not all(isinstance(one, str) for one in event.values()) for event in told
            ):
                return Reply(400, {}, b'{"faultstring": "An event has texts"}')
            stored.extend({**event, "counter": number} for number, event in enumerate(told, len(stored) + 1))
            if self.lost_answers:
                self.lost_answers -= 1
                raise UnreachableError("No answer")
            return Reply(201, {}, json.dumps({"last": len(stored)}).encode())
        since, limit = int(query["since"]), int(query["limit"])
        found = [event for event in self.events.get(identity, []) if event["counter"] > since][:limit]
        return Reply(200, {}, b"".join(json.dumps(event).encode() + b"\n" for event in found))

    def _lease(self, method, identity, text):
        if self.leases is None:
            return Reply(404, {}, b"Not Found")
        assert method == "PUT", "OpenStack Mistral would delete the execution"
        self.leases[identity] = json.loads(text)
        return Reply(200, {}, text.encode())

    def _secrets(self, method, environment, name, text):
        if self.secrets is None or not self._find("environments", environment, {}):
            return 404, {"faultstring": "Not Found"}
        kept = self.secrets.setdefault(environment, {})
        if method == "GET":
            return 200, {"secrets": [{"name": one} for one in kept]}
        if method == "DELETE":
            del kept[name[0]]
            return 204, None
        value, before = json.loads(text)["value"], kept.get(name[0])
        kept[name[0]] = value
        return 200, {"name": name[0], "changed": value != before}

    def _service(self, path):
        value = self.service.get("/".join(path))
        return Reply(200 if value else 404, {}, json.dumps(value).encode() if value else b"not here")

    def _answer(self, method, path, query, headers, text):
        if path[-1] == "validate":
            return 200, self._validate(text)
        if len(path) == 3:
            return self._below(method, path, query, text)
        if len(path) == 4:
            path = path[2:]
        if method == "GET":
            return self._read(path, query)
        if method == "DELETE":
            item = self._find(path[0], path[1], query)
            if item:
                self.objects[path[0]].remove(item)
            return (204, None) if item else self._missing(path[1])
        is_text = headers.get("Content-Type") == "text/plain"
        return self._define(method, path, query, text) if is_text else self._write(method, path, query, json.loads(text))

    def _validate(self, text):
        return {"valid": True} if "tasks" in text else {"valid": False, "error": "Invalid DSL: no tasks"}

    def _below(self, method, path, query, text):
        parent, child = path[1:]
        if child == "members":
            members = [item for item in self.all("members") if item["resource_id"] == parent]
            if method == "POST":
                return 201, self.add("members", resource_id=parent, status="pending", **json.loads(text))
            return 200, {"members": members}
        key = {"tasks": "workflow_execution_id", "action_executions": "task_execution_id", "workflow_executions": "task_execution_id"}[
            child
        ]
        wrapper = "executions" if child == "workflow_executions" else child
        return 200, self._page(wrapper, [item for item in self.all(wrapper) if item.get(key) == parent], query)

    def _read(self, path, query):
        if len(path) == 1:
            return 200, self._page(path[0], self.all(path[0]), query)
        item = self._find(path[0], path[1], query)
        if item is None:
            return self._missing(path[1])
        states = self.script.get(item["id"])
        if states:
            item["state"] = states.pop(0)
        return 200, item

    def _page(self, collection, items, query):
        query = dict(query)
        limit = min(int(query.pop("limit", self.max_limit)), self.max_limit)
        marker = query.pop("marker", None)
        for key in ("sort_keys", "sort_dirs", "fields", "include_output", "nulls"):
            query.pop(key, None)
        found = [item for item in items if all(_matches(item, key, value) for key, value in query.items())]
        if marker:
            found = found[[item["id"] for item in found].index(marker) + 1 :]
        page = {collection: found[:limit]}
        if len(page[collection]) == limit:
            page["next"] = "http://engine/v2/next"
        return page

    def _find(self, collection, identity, query):
        for item in self.all(collection):
            names = (item["id"], item.get("name"), item.get("member_id"))
            if identity in names and item.get("namespace", "") == query.get("namespace", item.get("namespace", "")):
                return item
        return None

    def _missing(self, identity):
        return 404, {"faultcode": "Client", "faultstring": f"{identity} is not there"}

    def _define(self, method, path, query, text):
        scope = query.get("scope", "private")
        if path[0] == "code_sources":
            if method == "PUT":
                item = self._find(path[0], path[1], query)
                item.update(content=text, scope=scope, version=item["version"] + 1)
                return 200, item
            return 201, self.add(path[0], name=query["name"], content=text, scope=scope, namespace=query.get("namespace", ""), version=1)
        document = yaml.safe_load(text)
        names = [document["name"]] if path[0] == "workbooks" else [name for name in document if name != "version"]
        items = []
        for name in names:
            definition = text if len(names) == 1 else yaml.safe_dump({"version": "2.0", name: document[name]}, sort_keys=False)
            found = self._find(path[0], name, {"namespace": query.get("namespace", "")})
            if (method == "POST") == bool(found):
                return (409 if found else 404), {"faultstring": "it is there" if found else "it is not there"}
            item = found or self.add(path[0], name=name, namespace=query.get("namespace", ""))
            item.update(definition=definition, scope=scope)
            items.append(item)
        return (201 if method == "POST" else 200), (items[0] if path[0] == "workbooks" else {path[0]: items})

    def _write(self, method, path, query, body):
        if path[0] == "executions" and method == "POST":
            return 201, self._start(body)
        if method == "POST":
            if path[0] == "action_executions":
                body = {**body, "state": "RUNNING" if body["params"]["save_result"] else "SUCCESS", "output": '{"result": 5}'}
            return 201, self.add(path[0], **_json_texts(path[0], body))
        identity = path[-1] if len(path) > 1 else body.get("id") or body["name"]
        item = self._find(path[0], identity, query)
        if item is None:
            return self._missing(identity)
        item.update(_json_texts(path[0], body))
        return 200, item

    def _start(self, body):
        existing = self._find("executions", body.get("id", ""), {})
        if existing:
            return existing
        name = body.get("workflow_name") or "by_id"
        fields = {"id": body.get("id") or str(uuid.uuid4()), "workflow_name": name, "workflow_id": "w", "state": "RUNNING"}
        texts = {"input": json.dumps(body.get("input")), "params": json.dumps(body.get("params")), "output": '{"answer": 42}'}
        return self.add("executions", **fields, **texts, description=body["description"])


def _matches(item, key, value):
    operator, dummy, operand = value.partition(":")
    if operator == "in":
        return item.get(key) in operand.split(",")
    if operator == "gte":
        return (item.get(key) or "") >= operand
    return str(item.get(key)) == value


def _json_texts(collection, body):
    fields = {"environments": ["variables"], "cron_triggers": ["workflow_input", "workflow_params"]}.get(collection, [])
    return {key: json.dumps(value) if key in fields else value for key, value in body.items()}
