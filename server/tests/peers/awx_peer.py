"""A stand-in for AWX's API, as far as its jobs go: templates with prompts and surveys, launches, jobs that take their time, pages.

A job moves on by one state each time it is looked at, so tests need no clock. ``faults`` break requests, each entry once: (method, part
of the path, what happens). What happens: a status, ``"refused"`` (not done, no answer), ``"lost"`` (done, but the answer never comes),
or a function that is called in place of an answer.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from maestrale.clock import now

TOKEN = "planted-awx-token-0815"
PATHS = {
    "jobs": "job", "workflow_jobs": "workflow_job", "project_updates": "project_update", "inventory_updates": "inventory_update",
    "ad_hoc_commands": "ad_hoc_command",
}
ORGANIZATIONS = {1: "Ops", 2: "Dev"}
ACTIVE = ("pending", "waiting", "running")
PROMPTS = (
    "variables", "inventory", "limit", "tags", "skip_tags", "credential", "job_type", "verbosity", "diff_mode", "scm_branch",
    "execution_environment", "labels", "forks", "job_slice_count", "timeout", "instance_groups",
)
FIELDS = {
    "extra_vars": "variables", "job_tags": "tags", "credentials": "credential",
    **{name: name for name in PROMPTS if name not in {"variables", "tags", "credential"}},
}


class Awx(ThreadingHTTPServer):
    """See the module. ``objects``: by kind, with ``id`` and ``name``; ``jobs``: every job, by id, newest last."""

    daemon_threads = True

    def __init__(self, prefix: str = "/api/v2") -> None:
        super().__init__(("127.0.0.2", 0), Handler)
        self.prefix = prefix
        self.url = f"http://127.0.0.2:{self.server_address[1]}"
        self.lock = threading.RLock()
        self.jobs: dict[int, dict[str, Any]] = {}
        self.events: dict[int, list[dict[str, Any]]] = {}
        self.seen: list[tuple[str, str]] = []
        self.launches: list[tuple[str, dict[str, Any]]] = []
        self.relaunches: list[dict[str, Any]] = []
        self.answers: list[tuple[int, str]] = []
        self.faults: list[tuple[str, str, Any]] = []
        self.states = list(ACTIVE)
        self.ending: dict[str, Any] = {"status": "successful"}
        self.cancel_takes = 2
        self.page_size = 2
        self.hidden_ignored: dict[str, Any] = {}
        self.lists_variables = True
        self.hold = threading.Event()
        self.hold.set()
        self.objects: dict[str, list[dict[str, Any]]] = {
            "organizations": [{"id": number, "name": name} for number, name in ORGANIZATIONS.items()],
            "inventories": [{"id": 11, "name": "staging"}, {"id": 12, "name": "prod"}],
            "credentials": [{"id": 21, "name": "ssh"}, {"id": 22, "name": "vault"}],
            "labels": [{"id": 31, "name": "night"}],
            "execution_environments": [{"id": 41, "name": "ee"}],
            "instance_groups": [{"id": 51, "name": "east"}],
            "projects": [{"id": 61, "name": "playbooks"}],
            "inventory_sources": [{"id": 71, "name": "cloud", "inventory": 12}, {"id": 72, "name": "cloud", "inventory": 11}],
            "job_templates": [
                self.template(81, "deploy"), self.template(82, "twice", organization=1), self.template(83, "twice", organization=2)],
            "workflow_job_templates": [self.template(91, "rollout")],
        }
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it."""
        self.hold.set()
        self.shutdown()
        self.server_close()
        self._thread.join()

    @staticmethod
    def template(number: int, name: str, *, closed: tuple[str, ...] = (), survey: list[str] | None = None, **more: Any) -> dict[str, Any]:
        """A template that asks for everything but ``closed``; ``survey``: variables of its questions, all of which need an answer."""
        return {"id": number, "name": name, "closed": closed, "survey": survey, "passwords": [], "slices": 1, **more}

    def made(self) -> list[dict[str, Any]]:
        """The jobs that there are."""
        return list(self.jobs.values())


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    server: Awx

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass

    def _serve(self, method: str) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        address = urlsplit(self.path)
        fault = self._fault(method, address.path)
        self.server.seen.append((method, self.path))
        if fault == "refused":
            self.close_connection = True
            return
        if isinstance(fault, int):
            headers = {"Retry-After": "0"} if fault == 429 else {}
            self._answer(fault, {"detail": f"planted {fault}"}, **headers)
            return
        if self.headers.get("Authorization") not in {f"Bearer {TOKEN}", "Basic dXNlcjpwYXNz"}:
            self._answer(401, {"detail": "Authentication credentials were not provided."})
            return
        kind, *rest = [part for part in address.path.removeprefix(self.server.prefix).split("/") if part]
        with self.server.lock:
            status, value = self._done(method, kind, rest, dict(parse_qsl(address.query)), body)
        if fault is not None:
            self.close_connection = True
            if callable(fault):
                fault()
            return
        self._answer(status, value)

    def _fault(self, method: str, path: str) -> Any:
        for entry in self.server.faults:
            if entry[0] == method and entry[1] in path:
                self.server.faults.remove(entry)
                return entry[2]
        return None

    def _done(self, method: str, kind: str, rest: list[str], query: dict[str, str], body: dict[str, Any]) -> tuple[int, Any]:
        if kind in PATHS:
            return self._on_jobs(method, kind, rest, query, body)
        if kind == "workflow_approvals":
            return self._answer_approval(int(rest[0]), rest[1])
        if not rest:
            return 200, self._page([item for item in self.server.objects.get(kind, []) if _fits(item, query)], query)
        item = next((one for one in self.server.objects[kind] if str(one["id"]) == rest[0]), None)
        return (404, {"detail": "Not found."}) if item is None else self._on_object(method, kind, item, rest, body)

    def _on_object(self, method: str, kind: str, item: dict[str, Any], rest: list[str], body: dict[str, Any]) -> tuple[int, Any]:
        if rest[1:] == ["survey_spec"]:
            return 200, {"spec": [{"variable": name} for name in item["survey"] or []]}
        if rest[1:] == ["launch"]:
            return self._launch(kind, item, body) if method == "POST" else (200, _asks(item))
        if rest[1:] == ["update"] and method == "POST":
            job = self._start("project_update" if kind == "projects" else "inventory_update", {kind.removesuffix("s"): item["id"]}, body)
            return 202, {job["type"]: job["id"], **job}
        return 200, item

    def _answer_approval(self, number: int, answer: str) -> tuple[int, Any]:
        self.server.answers.append((number, answer))
        nodes = [node for job in self.server.made() for node in job["ending"].get("workflow_nodes", []) if node.get("job") == number]
        for node in nodes:
            node["summary_fields"]["job"]["status"] = "successful" if answer == "approve" else "failed"
        return 204, {}

    def _launch(self, kind: str, item: dict[str, Any], body: dict[str, Any]) -> tuple[int, Any]:
        given = dict(body.get("extra_vars") or {})
        questions = item["survey"] or []
        missing = [name for name in questions if name not in given]
        if missing:
            return 400, {"variables_needed_to_start": [f"'{name}' value missing" for name in missing]}
        closed = [name for name, prompt in FIELDS.items() if name != "extra_vars" and prompt in item["closed"]]
        ignored = {name: body[name] for name in closed if name in body}
        if "variables" in item["closed"] and (dropped := {name: given.pop(name) for name in list(given) if name not in questions}):
            ignored["extra_vars"] = dropped
        ignored.update(self.server.hidden_ignored)
        sliced = kind == "job_templates" and int(body.get("job_slice_count") or item["slices"]) > 1
        made = "workflow_job" if sliced or kind == "workflow_job_templates" else "job"
        job = self._start(made, {kind.removesuffix("s"): item["id"]}, {**body, "extra_vars": given})
        return 201, {made: job["id"], "ignored_fields": ignored, **job}

    def _start(self, kind: str, belongs: dict[str, Any], body: dict[str, Any], launch_type: str = "manual") -> dict[str, Any]:
        number = 100 + len(self.server.jobs) + 1
        variables = body.get("extra_vars") or {}
        job = {
            "id": number, "type": kind, "url": f"/api/v2/x/{number}/", "status": "pending", "launch_type": launch_type,
            "created": now().isoformat(), "extra_vars": variables if isinstance(variables, str) else json.dumps(variables),
            "left": list(self.server.states[1:]), "ending": dict(self.server.ending), **belongs,
        }
        self.server.jobs[number] = job
        self.server.launches.append((kind, body))
        return _public(job)

    def _on_jobs(self, method: str, kind: str, rest: list[str], query: dict[str, str], body: dict[str, Any]) -> tuple[int, Any]:
        if not rest:
            if method == "POST":
                return 201, self._start(PATHS[kind], {"inventory": body["inventory"]}, body)
            jobs = [_public(job) for job in reversed(self.server.jobs.values()) if job["type"] == PATHS[kind]]
            if not self.server.lists_variables:
                jobs = [{name: value for name, value in job.items() if name != "extra_vars"} for job in jobs]
            return 200, self._page([job for job in jobs if _fits(job, query)], query)
        job = self.server.jobs.get(int(rest[0]))
        if job is None:
            return 404, {"detail": "Not found."}
        return self._on_job(method, job, rest[1] if len(rest) > 1 else "", query, body)

    def _on_job(
        self, method: str, job: dict[str, Any], what: str, query: dict[str, str], body: dict[str, Any],
    ) -> tuple[int, Any]:
        if what == "cancel" and method == "POST":
            if job["status"] not in ACTIVE:
                return 405, {"detail": "Method not allowed."}
            job["left"], job["ending"] = ["running"] * self.server.cancel_takes, {"status": "canceled"}
            return 202, {}
        if what == "relaunch" and method == "POST":
            return self._relaunch(job, body)
        if what:
            return 200, self._part(job, what, query)
        if self.server.hold.is_set() and job["status"] in ACTIVE:
            if job["left"]:
                job["status"] = job["left"].pop(0)
            else:
                job.update(job["ending"])
        return 200, _public(job)

    def _relaunch(self, job: dict[str, Any], body: dict[str, Any]) -> tuple[int, Any]:
        template = next(item for item in self.server.objects["job_templates"] if item["id"] == job["job_template"])
        missing = [name for name in template["passwords"] if name not in body.get("credential_passwords", {})]
        if missing:
            return 400, {"passwords_needed_to_start": missing}
        self.server.relaunches.append(body)
        return 201, self._start("job", {"job_template": template["id"]}, {"extra_vars": json.loads(job["extra_vars"])}, "relaunch")

    def _part(self, job: dict[str, Any], what: str, query: dict[str, str]) -> Any:
        if what == "stdout":
            return "\x1b[0;32mPLAY RECAP\x1b[0m\n" + "x" * 10_000 + "\nthe end\n"
        if what in {"job_events", "events"}:
            return self._page([event for event in self.server.events.get(job["id"], []) if _fits(event, query)], query)
        return self._page(job["ending"].get(what, []), query)

    def _page(self, items: list[Any], query: dict[str, str]) -> dict[str, Any]:
        size, number = min(self.server.page_size, int(query.get("page_size", 25))), int(query.get("page", 1))
        more = number * size < len(items)
        others = "&".join(f"{name}={value}" for name, value in query.items() if name != "page")
        path = urlsplit(self.path).path
        return {
            "count": len(items), "next": f"{path}?{others}&page={number + 1}" if more else None,
            "results": items[(number - 1) * size:number * size],
        }

    def _answer(self, status: int, value: Any, **headers: str) -> None:
        data = (value if isinstance(value, str) else json.dumps(value)).encode()
        self.send_response(status)
        for name, text in headers.items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _asks(item: dict[str, Any]) -> dict[str, Any]:
    return {
        **{f"ask_{name}_on_launch": name not in item["closed"] for name in PROMPTS}, "survey_enabled": item["survey"] is not None,
        "variables_needed_to_start": item["survey"] or [], "passwords_needed_to_start": item["passwords"],
        "defaults": {"job_slice_count": item["slices"]},
    }


def _public(job: dict[str, Any]) -> dict[str, Any]:
    hidden = {"left", "ending", "job_host_summaries", "workflow_nodes"}
    return {name: value for name, value in job.items() if name not in hidden}


def _fits(item: dict[str, Any], query: dict[str, str]) -> bool:
    """Whether an object passes the filters of a list."""
    tests: dict[str, Callable[[Any, str], bool]] = {
        "gte": lambda have, want: have >= want.replace("Z", ""), "gt": lambda have, want: have > int(want),
        "in": lambda have, want: have in want.split(","),
    }
    for name, want in query.items():
        if name in {"page", "page_size", "order_by"}:
            continue
        if name == "organization__name":
            if ORGANIZATIONS.get(item.get("organization")) != want:
                return False
            continue
        field, _, test = name.partition("__")
        have = item.get(field)
        if test in tests:
            if not tests[test](have, want):
                return False
        elif str(have).lower() != want.lower():
            return False
    return True
