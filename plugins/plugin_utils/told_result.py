# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0
"""What a play that runs elsewhere came to, under the names that the result of the action ``ansible.playbook`` has."""

from __future__ import annotations

import json

TEXT_LENGTH = 2000
FAILURES = 100
RECAP = {
    "ok": "ok",
    "changed": "changed",
    "unreachable": "dark",
    "failed": "failures",
    "skipped": "skipped",
    "rescued": "rescued",
    "ignored": "ignored",
}
HIDDEN = "(hidden by no_log)"


class ToldResult:
    """Collects failures while the play runs, and makes the result of them and the recap."""

    def __init__(self):
        self._failures = []

    def note(self, failure, key, is_item=False):
        """A task failed on a host; ``key`` tells the task's runs apart. Failed items stand for the loop's own failure, which follows."""
        if not is_item and self._items(key):
            for item in self._items(key):
                item["is_item"] = False
            return
        self._failures.append({"key": key, "is_item": is_item, "shown": failure})

    def forget_items(self, key):
        """The loop's failure is ignored, and so are its items'."""
        dropped = self._items(key)
        self._failures = [one for one in self._failures if one not in dropped]

    def ended(self, stats):
        """The result of a play that reached its recap; ``stats`` is what ansible-core counted."""
        recap = {
            host: {name: getattr(stats, column, {}).get(host, 0) for name, column in RECAP.items()} for host in sorted(stats.processed)
        }
        failed, rescued = self._counting(recap)
        has_failed = any(counts["failed"] or counts["unreachable"] for counts in recap.values())
        result = _result("failed" if has_failed else "successful", recap, failed if has_failed else [], rescued)
        result["artifacts"] = _plain(stats.custom.get("_run", {}))
        result["host_artifacts"] = _plain({host: values for host, values in stats.custom.items() if host != "_run"})
        if has_failed and failed:
            result["message"] = f"{failed[0]['host']} failed in task {failed[0]['task']}: {failed[0]['msg']}"
        return result

    def broken_off(self, message):
        """The result of a play that ended without one."""
        failed = [one["shown"] for one in self._failures]
        result = _result("failed", {}, failed, [])
        result["hosts"]["failed"] = sorted({one["host"] for one in failed if not one["unreachable"]})
        result["hosts"]["unreachable"] = sorted({one["host"] for one in failed if one["unreachable"]})
        result["message"] = message
        return result

    def _items(self, key):
        return [one for one in self._failures if one["is_item"] and one["key"] == key]

    def _counting(self, recap):
        """Failures that count, and those that were rescued. A host's rescued ones come first: one that counts ends its play."""
        rescues = {host: counts["rescued"] for host, counts in recap.items()}
        failed, rescued, runs = [], [], {}
        for one in self._failures:
            if one["key"] not in runs:
                host, is_unreachable = one["shown"]["host"], one["shown"]["unreachable"]
                runs[one["key"]] = not is_unreachable and rescues.get(host, 0) > 0
                rescues[host] = rescues.get(host, 0) - runs[one["key"]]
            (rescued if runs[one["key"]] else failed).append(one["shown"])
        return failed, rescued


def failure_of(host, task, values, is_unreachable=False):
    """One failed task on a host, as the result shows it; what ``no_log`` hides is hidden."""
    hidden = values.get("_ansible_no_log") or task.no_log
    role = getattr(task, "_role", None)
    failure = {
        "host": host.get_name(),
        "role": role.get_name() if role else None,
        "task": task.get_name(),
        "module": task.action,
        "msg": HIDDEN if hidden else str(values.get("msg") or values.get("reason") or "")[:TEXT_LENGTH],
        "rc": None if hidden else values.get("rc"),
        "stderr": "" if hidden else str(values.get("stderr") or "")[:TEXT_LENGTH],
        "unreachable": is_unreachable,
    }
    if "ansible_loop_var" in values and not hidden:
        failure["item"] = str(values.get("_ansible_item_label", values.get(values["ansible_loop_var"])))[:TEXT_LENGTH]
    return failure


def _result(status, recap, failed, rescued):
    return {
        "status": status,
        "changed": any(counts["changed"] for counts in recap.values()),
        "message": "",
        "stats": recap,
        "hosts": {
            "ok": [host for host, counts in recap.items() if not counts["failed"] and not counts["unreachable"]],
            **{name: [host for host, counts in recap.items() if counts[name]] for name in ("changed", "failed", "unreachable", "skipped")},
        },
        "artifacts": {},
        "host_artifacts": {},
        "failed_tasks": failed[:FAILURES],
        "rescued_tasks": rescued[:FAILURES],
    }


def _plain(value):
    """Data without the types of ansible-core, whatever it holds."""
    return json.loads(json.dumps(value, default=str))
