"""The process of one playbook run: ``python -m maestrale.actions.playbook_process``.

It reads its job as one line of JSON from standard input, and answers on standard output with lines of JSON: ``{"events": [...]}``
as they come, and at last ``{"result": {...}}``, or ``{"problem": text}`` if there is none. A further line on standard input, ``cancel``
or ``timeout``, ends the run; so does its end, since that means that the server is gone. However a run ends, the
private directory is removed. Told to end, it sends SIGTERM to ansible-playbook, which stops its workers; what is left after a
grace is killed, orphans included, for which this process is the subreaper.

The job: ``directory`` (private, mode 0700), ``ident``, ``environment`` (complete but for the paths of sockets), ``arguments``
(for ansible-runner), ``files`` (relative path -> text, written with mode 0600), ``pipes`` (name -> text, read once), ``ssh_key``,
``masked`` (texts), ``timeout``, ``idle_timeout``, ``grace``, ``limits``, ``modes`` (part of the result), ``sandboxed``, ``container``
(its ``name``, ``image`` and ``memory`` in bytes; None without one), ``listed`` (a file whose JSON is part of the result),
``inventory_cache`` (a ``folder`` whose files are handed on as ``{"inventory_cache": {...}}`` up to ``size_max`` bytes).
Imports only the standard library and ansible-runner, for a fast start.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ansible_runner
import pexpect  # type: ignore[import-untyped]

from maestrale.actions import playbook_directory, playbook_pipes, podman, process_tree
from maestrale.actions.playbook_ending import Ending, OfContainer, OfProcesses
from maestrale.actions.playbook_leavings import text_of, texts_in
from maestrale.actions.playbook_mask import Masker
from maestrale.actions.playbook_report import Report

_BATCH = 100
_BATCH_SECONDS = 0.25
_STATUS = {"cancel": "canceled", "timeout": "timeout", "idle": "timeout", "orphaned": "canceled", "processes": "failed"}
_COUNTING_SECONDS = 0.2
_PODMAN_FAILED = frozenset({125, 126, 127})
_KILLED = 128 + signal.SIGKILL
_COLLECTED_MAX = 256 * 1024**2


class QuickSpawn(pexpect.spawn):  # type: ignore[misc]
    """A spawned program whose pid is known to all, and that is not waited for after its end as pexpect would (0.1 s)."""

    spawned: int | None = None
    cpu_max: int | None = None

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"preexec_fn": self._limit, **options})
        QuickSpawn.spawned = self.pid
        self.ptyproc.delayafterclose = 0

    def _limit(self) -> None:
        """In the new process: bound its processor time and that of all it starts."""
        if self.cpu_max is not None:
            resource.setrlimit(resource.RLIMIT_CPU, (self.cpu_max, self.cpu_max))


class Output:
    """Lines of JSON to the server, from any thread; events in batches."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._pending: list[Any] = []
        self._flushed = time.monotonic()

    def event(self, event: Any) -> None:
        """Hand on an event soon."""
        with self._lock:
            self._pending.append(event)
            due = len(self._pending) >= _BATCH or time.monotonic() - self._flushed >= _BATCH_SECONDS
        if due:
            self.flush()

    def flush(self) -> None:
        """Hand on the events that wait."""
        with self._lock:
            pending, self._pending = self._pending, []
            self._flushed = time.monotonic()
            if pending:
                self._write({"events": pending})

    def last(self, message: Any) -> None:
        """Hand on what is the end."""
        self.flush()
        with self._lock:
            self._write(message)

    def _write(self, message: Any) -> None:
        data = json.dumps(message, default=str).encode() + b"\n"
        with contextlib.suppress(BrokenPipeError):  # the end of standard input tells the same
            while data:
                data = data[os.write(self._descriptor, data):]


class Overseer:
    """Watches standard input, signals and the time, in a thread; ends the run when told to."""

    def __init__(self, job: dict[str, Any], output: Output, *, told: bytes = b"") -> None:
        """``told``: what came after the job already."""
        self.ending: str | None = None
        self._told = told
        self.last_event = time.monotonic()
        self._job = job
        self._output = output
        self._deadline = time.monotonic() + job["timeout"] if job.get("timeout") else None
        self._wake_read, self._wake_write = os.pipe()
        self._finished = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="overseer", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: os.write(self._wake_write, b"s"))
        self._thread.start()

    def finish(self) -> None:
        """The run is over: watch no longer. Returns when an ending that was under way is through."""
        self._finished.set()
        os.write(self._wake_write, b"f")
        self._thread.join()

    def _watch(self) -> None:
        while self.ending is None and not self._finished.is_set():
            patience = 0.0 if self._told else self._patience()
            readable, _, _ = select.select([0, self._wake_read], [], [], patience)
            if self._finished.is_set():
                return
            self.ending = self._reason(readable)
            if self.ending is None:
                process_tree.reap(spare=_spared())
                self._output.flush()
        if not self._finished.is_set():
            self._end_everything()

    def _patience(self) -> float:
        """Seconds until something has to be looked at again."""
        now = time.monotonic()
        patience = _COUNTING_SECONDS if self._job["limits"].get("processes") else 1.0
        if self._deadline is not None:
            patience = min(patience, self._deadline - now)
        if self._job.get("idle_timeout"):
            patience = min(patience, self.last_event + self._job["idle_timeout"] - now)
        return max(0.0, patience)

    def _reason(self, readable: list[int]) -> str | None:
        now = time.monotonic()
        if 0 in readable or self._told:
            return {b"": "orphaned", b"timeout\n": "timeout"}.get(self._told or os.read(0, 64), "cancel")
        if self._wake_read in readable:
            return "cancel"
        if self._deadline is not None and now >= self._deadline:
            return "timeout"
        if self._job.get("idle_timeout") and now >= self.last_event + self._job["idle_timeout"]:
            return "idle"
        most = self._job["limits"].get("processes")
        if most and len(process_tree.descendants(os.getpid())) > most:
            return "processes"
        return None

    def _end_everything(self) -> None:
        """SIGTERM, a grace, SIGKILL to all that is left; over and over until the runner has noticed."""
        ending = _ending_of(self._job)
        deadline = time.monotonic() + self._job["grace"]
        while time.monotonic() < deadline:
            ending.ask()
            process_tree.reap(spare=_spared())
            if self._finished.wait(0.05):
                break
        ending.force()
        while not self._finished.wait(0.1):
            ending.force()


def _ending_of(job: dict[str, Any]) -> Ending:
    def spawned() -> int | None:
        return QuickSpawn.spawned

    return OfContainer(job["container"]["name"], spawned) if job["container"] else OfProcesses(spawned)


def _spared() -> tuple[int, ...]:
    return (QuickSpawn.spawned,) if QuickSpawn.spawned is not None else ()


def main() -> None:
    """Run the job that comes on standard input."""
    out = os.dup(1)
    os.set_inheritable(out, False)
    os.dup2(2, 1)
    for descriptor in _inherited():
        os.set_inheritable(descriptor, False)
    output = Output(out)
    line, rest = _read_line(0)
    job = json.loads(line)
    os.environ.clear()
    os.environ.update(job["environment"])
    overseer = Overseer(job, output, told=rest)
    try:
        process_tree.become_subreaper()
        overseer.start()
        result = _run(job, overseer, output)
        message: dict[str, Any] = {"result": result}
    except RuntimeError as error:
        message = {"problem": str(error)}
    except Exception as error:  # noqa: BLE001 - whatever went wrong has to reach the server
        message = {"problem": f"{type(error).__name__}: {error}"}
    _tidy(job["directory"])
    output.last(message)


def _inherited() -> list[int]:
    """Descriptors given by the server, such as the lock of the directory: to be held, and not to be passed on."""
    found = []
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - names are wanted
        with contextlib.suppress(OSError):
            if int(name) > 2 and os.get_inheritable(int(name)):
                found.append(int(name))
    return found


def _read_line(descriptor: int) -> tuple[bytes, bytes]:
    """The first line, and what was read after it."""
    chunks = []
    while chunk := os.read(descriptor, 65536):
        chunks.append(chunk)
        if b"\n" in chunk:
            break
    line, _, rest = b"".join(chunks).partition(b"\n")
    return line, rest


def _run(job: dict[str, Any], overseer: Overseer, output: Output) -> dict[str, Any]:
    directory = Path(job["directory"])
    limits = job["limits"]
    if limits.get("memory"):
        resource.setrlimit(resource.RLIMIT_AS, (limits["memory"], limits["memory"]))
    _write_files(directory, job)
    short = _short(job)
    report = Report(
        Masker(job["masked"]), text_max=limits["text"], tail_max=limits["tail"], value_max=limits["value"])
    agent = playbook_pipes.Agent(f"{short}/agent", job["ssh_key"]) if job.get("ssh_key") else None

    def handle(event: dict[str, Any]) -> bool:
        overseer.last_event = time.monotonic()
        if event.get("event") != "EOF":
            output.event(report.add(event))
        return False

    pexpect.spawn, QuickSpawn.cpu_max = QuickSpawn, limits.get("cpu")
    started = time.monotonic()
    try:
        status, rc = _played(job, handle)
    finally:
        overseer.finish()
        if job["container"]:
            podman.remove(job["container"]["name"])
        if agent is not None:
            agent.stop()
    if overseer.ending:
        status = _STATUS[overseer.ending]
    elif job["container"] and rc in _PODMAN_FAILED:
        raise RuntimeError(f"podman can't run the image {job['container']['image']}: {report.tail.strip()}")
    result = report.result(status, rc, time.monotonic() - started, _collected(f"{directory}/collected.json"))
    _hand_on(job, report, output)
    result |= job["modes"]
    if job.get("listed"):
        result["listed"] = _collected(job["listed"])
    result["message"] = _ending_text(overseer.ending, rc, job) or result["message"]
    return result


def _short(job: dict[str, Any]) -> str:
    """The private directory by a path that is short enough for sockets; the run is told, a container knows one of its own."""
    if job["sandboxed"]:
        short = playbook_directory.short_room(job["directory"])
        job["arguments"]["process_isolation_show_paths"] = [short]
    else:
        short = playbook_directory.short_path(job["directory"])
    if not job["container"]:
        os.environ.update({"TMPDIR": short, "ANSIBLE_SSH_CONTROL_PATH_DIR": f"{short}/cp"})
    return short


def _played(job: dict[str, Any], handle: Callable[[dict[str, Any]], bool]) -> tuple[str, int | None]:
    """The status as ansible-runner says it, and the exit status if there is one."""
    try:
        run = ansible_runner.run(
            private_data_dir=job["directory"], ident=job["ident"], event_handler=handle, quiet=True, fact_cache_type="memory",
            settings={"suppress_output_file": True, "suppress_ansible_output": True}, **job["arguments"],
        )
    except pexpect.exceptions.ExceptionPexpect:
        return "failed", None  # something that outlived ansible-playbook holds its terminal; all events have come before
    return str(run.status), run.rc if isinstance(run.rc, int) else None


def _hand_on(job: dict[str, Any], report: Report, output: Output) -> None:
    """Hand on what was too large for the result, one by one, and what inventory plugins keep."""
    for name, text in report.kept.items():
        output.last({"kept": name, "text": text})
    if cache := job.get("inventory_cache"):
        output.last({"inventory_cache": texts_in(cache["folder"], cache["size_max"])})


def _write_files(directory: Path, job: dict[str, Any]) -> None:
    for name, text in job["files"].items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write_private(path, text)
    playbook_pipes.offer(directory, job["pipes"])


def _write_private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


def _collected(path: str) -> dict[str, Any]:
    """The mapping in a file that ansible wrote; empty if it didn't get so far."""
    try:
        collected = json.loads(text_of(path, _COLLECTED_MAX))
    except (OSError, ValueError):
        return {}
    return collected if isinstance(collected, dict) else {}


def _ending_text(ending: str | None, rc: int | None, job: dict[str, Any]) -> str:
    """Why it was ended, if it was."""
    if ending is None:
        most = (job["container"] or {}).get("memory") if rc == _KILLED else None
        reason = f"perhaps since its container had more than {most} bytes of memory (setting playbooks.memory_max)"
        return f"Playbook was killed, {reason}." if most else ""
    if ending == "idle":
        return f"Playbook was stopped since it printed nothing for {job['idle_timeout']:g} seconds."
    if ending == "processes":
        return f"Playbook was stopped since it had more than {job['limits']['processes']} processes at once."
    if ending == "timeout":
        return f"Playbook timed out after {job['timeout']:g} seconds." if job.get("timeout") else "Playbook timed out."
    return "Playbook was cancelled."


def _tidy(directory: str) -> None:
    """Remove the directory, and end the connections that ssh keeps open with a socket in it."""
    left = process_tree.command_lines(process_tree.descendants(os.getpid()))
    process_tree.send((pid for pid, line in left.items() if directory in line), signal.SIGTERM)
    playbook_directory.remove(directory)


if __name__ == "__main__":
    main()
