"""``ansible.playbook``: a playbook as an action. Starts a process for each run and follows it; see ``playbook_process``."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from abc import abstractmethod
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any, ClassVar

from maestrale.actions import playbook_sandbox, podman, process_tree
from maestrale.actions.inventory_cache import InventoryCache, age_of, give_plugins, plugins_key
from maestrale.actions.playbook_credentials import fetched
from maestrale.actions.playbook_directory import MARK, private_directory, remove_dead
from maestrale.actions.playbook_image import have_image
from maestrale.actions.playbook_inputs import Inputs, is_empty_limit, modes_of
from maestrale.actions.playbook_isolation import Isolation, isolation_of
from maestrale.actions.playbook_job import job_of
from maestrale.actions.playbook_mask import Masker
from maestrale.actions.playbook_policy import PlaybookPolicy
from maestrale.actions.playbook_report import Report, failed_hosts
from maestrale.actions.playbook_subjects import subjects_of
from maestrale.actions.playbook_verdict import begun, judged, tolerance_of
from maestrale.actions.project_checkout import checkout_of
from maestrale.actions.protocol import Action, ActionContext
from maestrale.actions.settings import PlaybookSettings
from maestrale.core.ports import Result
from maestrale.errors import ActionError
from maestrale.lang.specs import REQUIRED, Parameter

_PACKAGE_HOME = str(Path(__file__).parents[2])
_LATE = 30.0


class AnsibleAction(Action):
    """What all actions that run ansible share: slots, a process for each run, results."""

    slot = "playbook"
    extra_grace = 30.0
    modes: ClassVar[tuple[str, ...]] = ("check", "diff")
    remainder: ClassVar[Callable[[Any], Mapping[str, Any] | None] | None] = failed_hosts
    subjects: ClassVar[Callable[[Mapping[str, Any]], Iterable[str]] | None] = subjects_of

    def __init__(self, settings: PlaybookSettings, cache: InventoryCache, /, **inputs: Any) -> None:
        self.settings = settings
        self.cache = cache
        self.inputs = self.inputs_from(inputs)

    @abstractmethod
    def inputs_from(self, given: Mapping[str, Any]) -> Inputs:
        """The inputs of the playbook that is run. Raises TypeError for what is no parameter."""

    def job(self, inputs: Inputs, policy: PlaybookPolicy, *, ident: str, directory: str) -> dict[str, Any]:
        """The job of the process. Raises InputError, PlaybookRefusedError."""
        return job_of(inputs, policy, ident=ident, directory=directory)

    async def answer(self, job: dict[str, Any], inputs: Inputs, context: ActionContext, lock: int) -> dict[str, Any]:
        """The run's result. ``lock`` as in ``_Run.follow``. Raises ActionError if there is none."""
        run = _Run(job, context)
        age = age_of(inputs, self.settings.inventory_cache)
        if age is None:
            return await run.follow(lock)
        key = await asyncio.to_thread(plugins_key, inputs, job, [context.project_id, context.is_admin])
        kept = self.cache.get(key, age)
        if age:
            give_plugins(job, kept or {}, self.settings.inventory_cache_max)
        else:
            self.cache.forget(key)
        answer = await run.follow(lock)
        if run.plugins_keep and not kept:
            self.cache.put(key, run.plugins_keep)
        return answer

    def shown(self, value: dict[str, Any]) -> dict[str, Any]:
        """The result as it is handed back, from the run's."""
        return value

    async def run(self, context: ActionContext) -> Result:
        """The result's mapping, as data or as error."""
        policy = PlaybookPolicy(self.settings, context.project_id, is_admin=context.is_admin)
        tolerance = tolerance_of(self.inputs)
        if is_empty_limit(self.inputs.limit):
            nothing = Report(Masker(())).result("successful", 0, 0.0, {}) | modes_of(self.inputs) | {"log_ref": None}
            return Result(data=self.shown(judged(nothing, tolerance)))
        await self._ready(policy)
        inputs = await asyncio.to_thread(fetched, self.inputs, context)
        with private_directory(self.settings.work_dir, context.action_execution_id) as (directory, lock):
            checkout = await checkout_of(inputs.project, policy, context, directory)
            job = self.job(inputs, replace(policy, checkout=checkout), ident=context.action_execution_id, directory=directory)
            answer = begun(await self.answer(job, inputs, context, lock), inputs.start_at_task)
            answer = self.shown(judged(answer, tolerance))
        if checkout is not None:
            answer["project"] = checkout.shown()
        if answer["status"] == "successful":
            return Result(data=answer)
        return Result(error=answer, failed=answer["status"] != "canceled", cancelled=answer["status"] == "canceled")

    async def _ready(self, policy: PlaybookPolicy) -> None:
        """See first that the run may be where it has to, and that what it needs is there. Raises InputError, ActionError as well."""
        isolation = isolation_of(self.inputs.isolation, self.inputs.execution_environment, policy)
        _check_installed(self.settings, isolation)
        if isolation.image is not None:
            await have_image(isolation.image, self.settings)


class PlaybookAction(AnsibleAction):
    """Run an Ansible playbook and hand back what it did, per host.

    playbook: a path in a project root, the full name of a collection's playbook (ns.name.playbook), plays, or their YAML text.
    project: what paths are in: the name of a project root or of a project source, or a mapping of url, ref, credential, update.
    inventory: a path, text in INI or YAML, a mapping as in YAML inventories, a text of hosts with commas ("localhost,"), or a list.
    inventory_cache: how old in seconds what inventory plugins read may be; 0 reads anew.
    extra_vars: mapping. limit: text or list of hosts; an empty list means that nothing is run. tags, skip_tags: text or list.
    check, diff, become, flush_cache: true or false. start_at_task, remote_user, become_method, become_user: text.
    forks, verbosity, connection_timeout (seconds): numbers. environment: mapping of allowed variables. ansible_config: the name of one.
    timeout: seconds for all; idle_timeout: seconds without any output; both end everything that was started.
    on_unreachable: fail, or ignore for success although hosts were unreachable; ignore_failed_hosts: true does so for hosts that
    failed; max_fail_percentage: of all hosts, how many may have failed or been unreachable.
    secrets: mapping of a variable to the name of a secret, which is ENVIRONMENT/NAME. vault_passwords: the name of a secret, or
    a mapping of vault ids to such names. ssh_key, ssh_key_passphrase, become_password, connection_password: names of secrets, too.
    Secrets are masked in everything that comes back. isolation: none, sandbox for one of bubblewrap, or container for one of podman;
    execution_environment: the image of the container.
    facts: true, or a list of facts to hand back per host. registered: list of registered variables to hand back per host.
    artifacts: mapping; events: false stores no output; stdout: bytes of the end of the output in the result.

    The result has the keys status, rc, changed, message, stats, hosts, tolerated, artifacts, host_artifacts, facts, registered,
    failed_tasks, rescued_tasks, summary, stdout_tail, log_ref, duration, events, check, diff, ansible_version, truncated, kept;
    a failed playbook has the same as its error.
    """

    name = "ansible.playbook"

    def inputs_from(self, given: Mapping[str, Any]) -> Inputs:
        """The inputs as they are."""
        return Inputs(**given)

    @classmethod
    def parameters(cls) -> tuple[tuple[Parameter, ...], bool]:
        """The fields of ``Inputs``, and no others."""
        return parameters_of(Inputs), False


class _Run:
    """One run's process, from the server's side."""

    def __init__(self, job: Mapping[str, Any], context: ActionContext) -> None:
        self._job = job
        self._context = context
        self._shows: bool = job["shows_events"]
        self._answer: dict[str, Any] | None = None
        self._problem = ""
        self._kept: dict[str, str] = {}
        self.plugins_keep: dict[str, str] = {}

    async def follow(self, lock: int) -> dict[str, Any]:
        """Start the process and wait for the result; being cancelled ends everything that runs before it returns.

        ``lock``: a descriptor that the process shall hold for as long as it lives. Raises ActionError if the process gives no result.
        """
        loop = asyncio.get_running_loop()
        process = _start(lock)
        lines = _Lines(self._take)
        transport, _ = await loop.connect_read_pipe(lambda: lines, process.stdout)
        try:
            await loop.run_in_executor(None, _write, process, json.dumps(self._job).encode() + b"\n")
            try:
                await asyncio.shield(lines.ended)
            except asyncio.CancelledError:
                _tell(process, b"timeout\n" if self._context.ending == "timeout" else b"cancel\n")
                await asyncio.wait([lines.ended], timeout=self._job["grace"] + _LATE)
        finally:
            transport.close()
            await loop.run_in_executor(None, _bury, process, self._job, self._answer is not None)
        if self._answer is None:
            reason = self._problem or f"its process ended unexpectedly (exit status {process.returncode})"
            raise ActionError(f"The playbook could not be run: {reason}")
        is_kept: bool = await asyncio.to_thread(self._context.keep, self._kept) if self._kept else False
        if is_kept:
            self._answer["kept"] = [{"name": name, "size": len(text.encode())} for name, text in sorted(self._kept.items())]
        self._answer["log_ref"] = f"{self._context.callback_url}/output" if self._shows and self._context.sink is not None else None
        return self._answer

    def _take(self, line: bytes) -> None:
        message = json.loads(line)
        if "events" in message:
            if self._shows:
                self._context.emit(message["events"])
        elif "inventory_cache" in message:
            self.plugins_keep = message["inventory_cache"]
        elif "kept" in message:
            self._kept[message["kept"]] = message["text"]
        elif "result" in message:
            self._answer = message["result"]
        else:
            self._problem = str(message.get("problem"))


class _Lines(asyncio.Protocol):
    """Hands on whole lines of a pipe; ``ended`` is done at its end."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._take = take
        self._parts: list[bytes] = []

    def data_received(self, data: bytes) -> None:
        """Some bytes of lines."""
        *whole, rest = data.split(b"\n")
        for line in whole:
            self._take(b"".join([*self._parts, line]))
            self._parts.clear()
        if rest:
            self._parts.append(rest)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's signature
        """The end."""
        if not self.ended.done():
            self.ended.set_result(None)


def _start(lock: int) -> subprocess.Popen[bytes]:
    """The process, in a session of its own, with an environment that has nothing but the way to this package."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "maestrale.actions.playbook_process"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd="/", start_new_session=True,
        bufsize=0, pass_fds=[lock], env={"PYTHONPATH": _PACKAGE_HOME, "PATH": os.defpath, "LC_ALL": "C.UTF-8"},
    )


def _write(process: subprocess.Popen[bytes], data: bytes) -> None:
    """Write the job. A process that died meanwhile shows by the end of its output."""
    with contextlib.suppress(BrokenPipeError):
        while data and process.stdin is not None:
            data = data[process.stdin.write(data) or 0:]


def _tell(process: subprocess.Popen[bytes], word: bytes) -> None:
    with contextlib.suppress(BrokenPipeError, ValueError):
        if process.stdin is not None:
            process.stdin.write(word)


def _bury(process: subprocess.Popen[bytes], job: Mapping[str, Any], is_answered: bool) -> None:
    """Wait for the process's end; where it gave no answer, end it and whatever it left behind."""
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
    try:
        process.wait(5.0 if is_answered else 1.0)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if not is_answered:
        process_tree.kill_marked(MARK, job["ident"])
        if job["container"]:
            podman.remove(job["container"]["name"])


def _check_installed(settings: PlaybookSettings, isolation: Isolation) -> None:
    folder = settings.executable or str(Path(sys.executable).parent)
    if isolation.kind == "container":
        if importlib.util.find_spec("ansible_runner") is None:
            raise ActionError("ansible-runner is not installed: install maestrale with the extra 'ansible'.")
    elif shutil.which("ansible-playbook", path=folder) is None:
        raise ActionError(f"ansible-playbook is not installed in {folder}: install maestrale with the extra 'ansible'.")
    if isolation.kind == "sandbox" and shutil.which(playbook_sandbox.TOOL) is None:
        raise ActionError("A sandbox was asked for, but bubblewrap is not installed.")


def parameters_of(kind: type[Inputs], *, without: Container[str] = ()) -> tuple[Parameter, ...]:
    """The fields of a class of inputs as parameters."""
    return tuple(
        Parameter(f.name, REQUIRED if f.default is MISSING and f.default_factory is MISSING else _default(f.default))
        for f in fields(kind) if f.name not in without
    )


def _default(default: Any) -> Any:
    return None if default is MISSING else default


def remove_remains(settings: PlaybookSettings) -> list[str]:
    """Clear up after runs whose server and process were both killed; returns the directories that were removed."""
    return remove_dead(settings.work_dir)
