"""What came of a job in AWX: hosts, artifacts, failed tasks, the end of the output, the nodes of a workflow."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from maestrale.actions.awx.client import AwxError, AwxTooLargeError, Client
from maestrale.actions.awx.following import Follower
from maestrale.actions.awx.launch import Job, events_path
from maestrale.actions.awx.nodes import Node, all_nodes, nodes_of

_COUNTS = ("ok", "changed", "failures", "dark", "skipped", "rescued", "ignored")
_FAILURES = "runner_on_failed,runner_on_unreachable"
_TOO_LARGE = "Standard Output too large to display"
_MOST_FAILURES = 200
_LAST_EVENTS = 200
_HOSTS_SHOWN = 5
_ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_WITH_HOSTS = ("job", "ad_hoc_command")


class Outcome:
    """Gathers results. ``tail``: bytes of the output's end; ``text_max``: characters of a failed task's message."""

    def __init__(self, client: Client, follower: Follower, *, tail: int, text_max: int) -> None:
        self._client = client
        self._follower = follower
        self._tail = tail
        self._text_max = text_max

    async def of(self, job: Job, shown: Mapping[str, Any]) -> dict[str, Any]:
        """The result's mapping for a job that has ended. Raises AwxError."""
        hosts: dict[str, dict[str, int]] = {}
        failed: list[dict[str, Any]] = []
        artifacts = dict(shown.get("artifacts") or {})
        for part in await self.parts(job):
            if part is not job:
                # a workflow may end before what its last jobs did has been processed
                artifacts.update((await self._follower.end_of(part)).get("artifacts") or {})
            if part.kind in _WITH_HOSTS:
                counts = await self._hosts(part)
                _add(hosts, counts)
                failed += await self._failed_tasks(part, counts)
        explanation = shown.get("job_explanation") or shown.get("result_traceback") or ""
        result = {
            "job_id": job.id,
            "type": job.kind,
            "url": f"{self._client.connection.root}{shown.get('url') or ''}",
            "status": shown.get("status"),
            "elapsed": shown.get("elapsed"),
            "changed": any(counts["changed"] for counts in hosts.values()),
            "message": _message(job, str(shown.get("status")), failed, explanation),
            "explanation": explanation,
            "artifacts": artifacts,
            "host_summaries": hosts,
            "failed_hosts": [name for name, counts in hosts.items() if counts["failures"] or counts["dark"]],
            "failed_tasks": failed[:_MOST_FAILURES],
            "stdout_tail": "" if job.kind == "workflow_job" else await self._output(job),
            "ignored_fields": dict(job.ignored),
        }
        if job.kind == "workflow_job":
            result["nodes"] = [_described(node) for node in await nodes_of(self._client, job)]
        return result

    async def parts(self, job: Job) -> list[Job]:
        """The jobs that a result is about, in the order in which they were launched: a workflow's are those of all its nodes."""
        if job.kind != "workflow_job":
            return [job]
        nodes = [node async for node in all_nodes(self._client, job)]
        return sorted((node.job for node in nodes if node.job is not None and node.kind == "job"), key=lambda part: part.id)

    async def _hosts(self, job: Job) -> dict[str, dict[str, int]]:
        if job.kind == "ad_hoc_command":
            return _counted([event async for event in self._client.pages(f"{job.path}events/", order_by="counter")])
        return {
            str(summary.get("host_name")): {name: int(summary.get(name) or 0) for name in _COUNTS}
            async for summary in self._client.pages(f"{job.path}job_host_summaries/", order_by="id")
        }

    async def _failed_tasks(self, job: Job, hosts: Mapping[str, Mapping[str, int]]) -> list[dict[str, Any]]:
        """What failed, on hosts that failed by their counts: what others had was rescued."""
        failed: list[dict[str, Any]] = []
        async for event in self._client.pages(events_path(job), event__in=_FAILURES, order_by="counter"):
            data = event.get("event_data") or {}
            if event.get("event") not in _FAILURES.split(",") or data.get("ignore_errors"):
                continue
            task = self._failed_task(event, data)
            counts = hosts.get(str(task["host"]))
            if counts is not None and not counts["failures"] and not counts["dark"]:
                continue
            failed.append(task)
            if len(failed) >= _MOST_FAILURES:
                break
        return failed

    def _failed_task(self, event: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
        res = data.get("res") or {}
        message = str(res.get("msg") or res.get("stderr") or event.get("stdout") or "")
        return {
            "host": event.get("host_name") or data.get("host") or "", "play": event.get("play") or data.get("play") or "",
            "role": event.get("role") or data.get("role") or "", "task": event.get("task") or data.get("task") or "",
            "module": data.get("task_action") or "", "message": message[:self._text_max],
            "unreachable": event.get("event") == "runner_on_unreachable",
        }

    async def _output(self, job: Job) -> str:
        """The end of the output; by the last events where the whole is too large to be shown or read."""
        try:
            text = await self._client.text(f"{job.path}stdout/", format="txt")
        except AwxTooLargeError:
            text = _TOO_LARGE
        except AwxError as error:
            if error.status not in {404, 405}:
                raise
            return ""
        if text.startswith(_TOO_LARGE):
            text = await self._last_lines(job)
        return tail_of(_ESCAPES.sub("", text).replace("\r\n", "\n"), self._tail)

    async def _last_lines(self, job: Job) -> str:
        lines: list[str] = []
        number = 0
        async for event in self._client.pages(events_path(job), order_by="-counter"):
            number += 1
            if text := str(event.get("stdout") or ""):
                lines.append(text)
            if number >= _LAST_EVENTS:
                break
        return "\n".join(reversed(lines))


def _described(node: Node) -> dict[str, Any]:
    return {
        "identifier": node.identifier, "job_id": node.job_id, "type": node.kind, "name": node.job_name, "status": node.status,
        "do_not_run": node.do_not_run,
    }


def _message(job: Job, status: str, failed: list[dict[str, Any]], explanation: str) -> str:
    """One sentence on what went wrong, "" after success."""
    if status == "successful":
        return ""
    if not failed or status == "canceled":
        return f"The {job.name} ended as '{status}'" + (f": {explanation}" if explanation else ".")
    first = failed[0]
    what = "was not reached" if first["unreachable"] else "failed"
    text = f"The {job.name} failed: host {first['host']} {what} in task '{first['task']}': {first['message']}"
    others = sorted({task["host"] for task in failed} - {first["host"]})
    if others:
        text += f" [failed on {len(others)} more: {', '.join(others[:_HOSTS_SHOWN])}{', ...' if len(others) > _HOSTS_SHOWN else ''}]"
    return text


def tail_of(text: str, size: int) -> str:
    """The last bytes of a text, without half a character."""
    return text.encode()[-size:].decode("utf-8", "ignore") if size else ""


def _add(hosts: dict[str, dict[str, int]], more: Mapping[str, Mapping[str, int]]) -> None:
    for name, counts in more.items():
        sums = hosts.setdefault(name, dict.fromkeys(_COUNTS, 0))
        for count, number in counts.items():
            sums[count] += number


def _counted(events: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    """Counts by host of an ad-hoc command, for which AWX keeps no summaries."""
    kinds = {"runner_on_ok": "ok", "runner_on_failed": "failures", "runner_on_unreachable": "dark", "runner_on_skipped": "skipped"}
    hosts: dict[str, dict[str, int]] = {}
    for event in events:
        kind, name = kinds.get(str(event.get("event"))), event.get("host_name")
        if kind is None or not name:
            continue
        counts = hosts.setdefault(str(name), dict.fromkeys(_COUNTS, 0))
        counts[kind] += 1
        counts["changed"] += bool(event.get("changed"))
    return hosts
