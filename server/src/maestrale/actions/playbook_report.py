"""From the events of a playbook run to its result (``ansible.playbook``). Pure, and standard library only.

The result is the same mapping for success and failure::

    status        successful, failed, timeout or canceled
    rc            exit status of ansible-playbook, None if a signal ended it
    changed       whether any host was changed
    message       one sentence on what failed, "" after success
    stats         host -> {ok, changed, unreachable, failed, skipped, rescued, ignored}, as the recap counts tasks
    hosts         {ok, changed, failed, unreachable, skipped} -> sorted hosts; ``ok`` neither failed nor was unreachable,
                  ``changed`` and ``skipped`` have at least one such task
    artifacts     what ``set_stats`` set for the whole run
    host_artifacts  host -> what ``set_stats: per_host`` set
    facts         host -> facts, those that were asked for
    registered    host -> registered variables that were asked for
    failed_tasks  [{host, role, task, module, item, msg, rc, stderr, unreachable}], in order; those that count
    rescued_tasks the same for failures that a ``rescue`` section took care of
    summary       the recap as text
    stdout_tail   the end of the output
    duration      seconds
    events        how many there were
    check, diff   whether it ran in check mode, which changes nothing, and whether it showed differences
    ansible_version  ansible-core's, None if the playbook didn't get to its recap
    tolerated     hosts whose failure the inputs let pass; filled by ``playbook_verdict``
    log_ref       where the whole output is, as a path of the API, None if it isn't stored; filled by the server
    truncated     names of the keys above that were too large and are left empty
    kept          [{name, size}] of the artifacts that have those whole; filled by the server, from ``Report.kept``
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from maestrale.actions.playbook_mask import Masker

_RECAP = {
    "ok": "ok", "changed": "changed", "dark": "unreachable", "failures": "failed", "skipped": "skipped", "rescued": "rescued",
    "ignored": "ignored",
}
_COPIED = ("uuid", "parent_uuid", "counter", "event", "created", "stdout", "start_line", "end_line")
_COPIED_DATA = ("play", "role", "task", "host", "duration")
_COUNTS_FROM = {
    "runner_on_ok": "ok", "runner_on_failed": "failures", "runner_on_unreachable": "dark", "runner_on_skipped": "skipped",
}


class Report:
    """What is known of a run so far. ``text_max`` cuts messages, ``tail_max`` the output, ``value_max`` values handed on (bytes)."""

    def __init__(self, mask: Masker, *, text_max: int = 4096, tail_max: int = 8192, value_max: int = 1024 * 1024) -> None:
        self._mask = mask
        self._text_max = text_max
        self._tail_max = tail_max
        self._value_max = value_max
        self.kept: dict[str, str] = {}
        self.tail = ""
        self._failures: list[dict[str, Any]] = []
        self._stats: dict[str, Any] | None = None
        self._counted: dict[str, dict[str, int]] = {}
        self._errors: list[str] = []
        self._summary = ""
        self.events = 0

    def add(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Take in an event; returns the part of it that is shown live."""
        self.events += 1
        kind = str(event.get("event", ""))
        data: Mapping[str, Any] = event.get("event_data") or {}
        stdout = self._mask(str(event.get("stdout") or "").replace("\r\n", "\n").lstrip("\r"))
        if stdout:
            self.tail = (self.tail + stdout + "\n")[-self._tail_max:]
        self._note(kind, data, stdout)
        shown = {key: event[key] for key in _COPIED if key in event}
        shown["stdout"] = stdout
        shown.update((key, self._mask(data[key])) for key in _COPIED_DATA if data.get(key) is not None)
        if data.get("task_action"):
            shown["module"] = data["task_action"]
        res = data.get("res")
        if isinstance(res, Mapping):
            shown["changed"] = bool(res.get("changed"))
        return shown

    def result(self, status: str, rc: int | None, duration: float, collected: Mapping[str, Any]) -> dict[str, Any]:
        """The result as in the module's docstring; ``collected`` is what the callback plugin wrote."""
        recap = self._recap()
        failed, rescued = self._counting_failures(recap)
        stats = self._stats or {}
        result: dict[str, Any] = {
            "status": status,
            "rc": rc,
            "changed": any(counts["changed"] for counts in recap.values()),
            "message": "",
            "stats": recap,
            "hosts": _host_sets(recap),
            "artifacts": self._mask(stats.get("artifact_data") or {}),
            "host_artifacts": self._mask(collected.get("custom") or {}),
            "facts": self._mask(collected.get("facts") or {}),
            "registered": self._mask(collected.get("registered") or {}),
            "failed_tasks": failed,
            "rescued_tasks": rescued,
            "summary": self._summary,
            "stdout_tail": self.tail,
            "duration": round(duration, 3),
            "events": self.events,
            "ansible_version": collected.get("ansible_version"),
        }
        if status == "failed":
            result["message"] = self._message(failed, rc)
        result["truncated"] = self._cut(result)
        result["kept"] = []
        return result

    def _note(self, kind: str, data: Mapping[str, Any], stdout: str) -> None:
        host = data.get("host")
        if kind == "playbook_on_stats":
            self._stats = dict(data)
            self._summary = stdout.strip("\n")
        elif kind in {"runner_on_failed", "runner_on_unreachable", "runner_item_on_failed"} and host:
            self._note_failure(kind, str(host), data)
        elif kind in {"error", "verbose"} and "ERROR" in stdout:
            self._errors.append(stdout.strip())
        elif self._errors and kind in {"error", "verbose"} and len(self._errors) < 40:
            self._errors.append(stdout.rstrip())
        if kind in _COUNTS_FROM and host and not data.get("ignore_errors"):
            counts = self._counted.setdefault(str(host), dict.fromkeys(_RECAP, 0))
            counts[_COUNTS_FROM[kind]] += 1
            if kind == "runner_on_ok" and (data.get("res") or {}).get("changed"):
                counts["changed"] += 1

    def _note_failure(self, kind: str, host: str, data: Mapping[str, Any]) -> None:
        """Remember a failure; the failed items of a loop stand for the loop's own, which comes after them."""
        key = (host, data.get("task_uuid"))
        items = [failure for failure in self._failures if failure["key"] == key and failure["is_item"]]
        if kind == "runner_on_failed":
            if data.get("ignore_errors"):
                self._failures = [failure for failure in self._failures if failure not in items]
                return
            for item in items:
                item["is_item"] = False
            if items:
                return
        res: Mapping[str, Any] = data.get("res") or {}
        shown: dict[str, Any] = {
            "host": host,
            "role": data.get("role"),
            "task": data.get("task") or "",
            "module": data.get("task_action") or "",
            "msg": self._text(res.get("msg") or res.get("reason") or res.get("censored") or res.get("stderr") or res.get("module_stderr")
                              or "failed"),
            "rc": res.get("rc"),
            "stderr": self._text(res.get("stderr") or res.get("module_stderr") or ""),
            "unreachable": kind == "runner_on_unreachable",
        }
        if kind == "runner_item_on_failed":
            label = res.get("_ansible_item_label", res.get("item"))
            shown["item"] = self._text(label) if isinstance(label, str) else self._mask(label)
        self._failures.append({"key": key, "is_item": kind == "runner_item_on_failed", "shown": shown})

    def _text(self, value: Any) -> str:
        text = value if isinstance(value, str) else json.dumps(value, default=str)
        text = str(self._mask(text))
        return text if len(text) <= self._text_max else text[: self._text_max] + "..."

    def _recap(self) -> dict[str, dict[str, int]]:
        stats = self._stats
        if stats is None:
            return {host: {_RECAP[key]: count for key, count in counts.items()} for host, counts in sorted(self._counted.items())}
        hosts = sorted(stats.get("processed") or {})
        return {host: {name: int((stats.get(key) or {}).get(host, 0)) for key, name in _RECAP.items()} for host in hosts}

    def _counting_failures(self, recap: Mapping[str, Mapping[str, int]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Failures that count, and those that were rescued. A host's rescued ones come first: one that counts ends its play."""
        failed: list[dict[str, Any]] = []
        rescued: list[dict[str, Any]] = []
        rescues = {host: counts["rescued"] for host, counts in recap.items()}
        last_key: Any = None
        is_rescued = False
        for failure in self._failures:
            host = failure["shown"]["host"]
            if failure["shown"]["unreachable"]:
                if not recap.get(host, {}).get("unreachable"):
                    continue
                is_rescued = False
            elif failure["key"] != last_key or failure["key"][1] is None:
                is_rescued = rescues.get(host, 0) > 0
                if is_rescued:
                    rescues[host] -= 1
            last_key = failure["key"]
            (rescued if is_rescued else failed).append(failure["shown"])
        return failed, rescued

    def _message(self, failed: list[dict[str, Any]], rc: int | None) -> str:
        """What state_info says."""
        if not failed:
            reason = "\n".join(self._errors).strip()[: self._text_max] or f"exit status {rc}"
            return f"Playbook failed: {reason}"
        first = failed[0]
        place = f"task '{first['role']} : {first['task']}'" if first["role"] else f"task '{first['task']}'"
        if first["unreachable"]:
            text = f"Playbook failed: host {first['host']} is unreachable in {place}: {first['msg']}"
        else:
            text = f"Playbook failed on host {first['host']} in {place}: {first['msg']}"
            if first["stderr"] and first["stderr"] != first["msg"]:
                text += f" ({first['stderr'].strip().splitlines()[-1][:300]})"
        others = sorted({failure["host"] for failure in failed} - {first["host"]})
        if others:
            text += f" [failed on {len(others)} more: {', '.join(others[:5])}{', ...' if len(others) > 5 else ''}]"
        return text

    def _cut(self, result: dict[str, Any]) -> list[str]:
        """Empty the values that are too large; returns their names."""
        cut = []
        for key in ("artifacts", "host_artifacts", "facts", "registered", "failed_tasks", "rescued_tasks"):
            if result[key] and len(json.dumps(result[key], default=str)) > self._value_max:
                self.kept[f"{key}.json"] = json.dumps(result[key], default=str)
                result[key] = result[key][:20] if isinstance(result[key], list) else {}
                cut.append(key)
        return cut


def failed_hosts(result: Any) -> dict[str, Any] | None:
    """From a result the input that limits another run to the hosts that failed or were not reached; None if there are none."""
    hosts = result.get("hosts") if isinstance(result, Mapping) else None
    if not isinstance(hosts, Mapping):
        return None
    failed = [*hosts.get("failed", ()), *hosts.get("unreachable", ())]
    return {"limit": failed} if failed else None


def _host_sets(recap: Mapping[str, Mapping[str, int]]) -> dict[str, list[str]]:
    return {
        "ok": [host for host, counts in recap.items() if not counts["failed"] and not counts["unreachable"]],
        "changed": [host for host, counts in recap.items() if counts["changed"]],
        "failed": [host for host, counts in recap.items() if counts["failed"]],
        "unreachable": [host for host, counts in recap.items() if counts["unreachable"]],
        "skipped": [host for host, counts in recap.items() if counts["skipped"]],
    }
