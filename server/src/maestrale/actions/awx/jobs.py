"""``awx.job``, ``awx.workflow_job``, ``awx.project_update``, ``awx.inventory_update``, ``awx.ad_hoc``."""

from __future__ import annotations

import asyncio
import contextlib
import json
from abc import abstractmethod
from collections.abc import Coroutine, Mapping
from typing import Any, ClassVar

from maestrale.actions.awx.client import Client
from maestrale.actions.awx.connection import Connection, connection_of
from maestrale.actions.awx.following import Follower
from maestrale.actions.awx.inputs import (
    AdHoc,
    Common,
    InventoryUpdate,
    JobLaunch,
    ProjectUpdate,
    WorkflowJobLaunch,
    comma_text,
    parameters_of,
)
from maestrale.actions.awx.launch import MARK, Job, Launch, Launcher
from maestrale.actions.awx.lookup import find, organization_filter
from maestrale.actions.awx.outcome import Outcome
from maestrale.actions.awx.template import launch_of
from maestrale.actions.awx.watching import Watch
from maestrale.actions.protocol import Action, ActionContext
from maestrale.core.ports import Result
from maestrale.errors import ActionError
from maestrale.lang.specs import Parameter

_SOON = 10.0
_FIRST_PAUSE = 1.0


class AwxAction(Action):
    """What all have in common: launch once, follow, cancel, hand back."""

    idempotent = True
    extra_grace = 300.0
    takes: ClassVar[type[Common]] = Common

    def __init__(self, **inputs: Any) -> None:
        self.inputs = self.takes(**inputs)
        self.inputs.check()

    @classmethod
    def parameters(cls) -> tuple[tuple[Parameter, ...], bool]:
        """The fields of the inputs, and no others."""
        return parameters_of(cls.takes), False

    @abstractmethod
    async def launch(self, client: Client, context: ActionContext) -> Launch:
        """What to start. Raises InputError, ActionError, AwxError."""

    async def run(self, context: ActionContext) -> Result:
        """The result's mapping, as data or as error."""
        run = _Run(self, context, await asyncio.to_thread(connection_of, self.inputs, context))
        try:
            return await run.whole()
        except asyncio.CancelledError:
            if context.ending == "stop" or not self.inputs.cancel_on_cancel:
                run.forget()
                raise
            return await run.broken_off()


class _Run:
    """One action's way through AWX."""

    def __init__(self, action: AwxAction, context: ActionContext, connection: Connection) -> None:
        settings = context.settings
        self._action = action
        self._inputs = action.inputs
        self._context = context
        pause = min(action.inputs.poll_seconds, _FIRST_PAUSE)
        self._client = Client(
            context.http, connection, timeout=settings.http_default_timeout, limit=settings.http_response_max,
            patience=settings.awx.outage_max, pause=pause)
        self._soon = self._client.with_patience(min(_SOON, settings.awx.outage_max))
        self._follower = Follower(self._client, action.inputs.poll_seconds)
        self._outcome = Outcome(self._client, self._follower, tail=settings.playbooks.stdout_tail, text_max=settings.playbooks.text_max)
        self._launcher = Launcher(self._client, context.action_execution_id, context.created_at)
        self._launching: asyncio.Task[Job] | None = None
        self._job: Job | None = None

    async def whole(self) -> Result:
        """From the launch to the result."""
        launch = await self._action.launch(self._soon, self._context)
        job = await self._started(self._launcher.launch(launch, repeated=self._context.repeated))
        if job.ignored and getattr(self._inputs, "strict_prompts", True):
            return await self._refused(job)
        shown = await self._follow(job)
        not_again = ""
        if self._may_retry(job, shown):
            try:
                job = await self._started(self._launcher.relaunch(job, launch))
            except ActionError as error:
                not_again = f"It was not tried again on the hosts that failed. {error}"
            else:
                shown = await self._follow(job)
        value = await self._outcome.of(job, shown)
        value["explanation"] = " ".join(text for text in (value["explanation"], not_again) if text)
        return Result(data=value) if shown.get("status") == "successful" else Result(failed=True, error=value)

    async def broken_off(self) -> Result:
        """Cancel what was started, and wait until it has ended. Raises CancelledError if nothing was."""
        self._launcher.give_up()
        if self._launching is not None:
            with contextlib.suppress(ActionError):
                self._job = await self._launching
        if self._job is None:
            raise asyncio.CancelledError
        try:
            await self._follower.cancel(self._job)
            shown = await self._follower.end_of(self._job)
            return Result(cancelled=True, error=await self._outcome.of(self._job, shown))
        except ActionError as error:
            return Result(cancelled=True, error=str(error))

    async def _started(self, launching: Coroutine[Any, Any, Job]) -> Job:
        """The job of a launch, which goes on to its end though this is cancelled."""
        self._launching = asyncio.ensure_future(launching)
        self._job = await asyncio.shield(self._launching)
        return self._job

    async def _follow(self, job: Job) -> dict[str, Any]:
        approvals = getattr(self._inputs, "approvals", "wait")
        watch = Watch(self._client, job, events=self._inputs.events, approvals=approvals, tell=self._context.emit)
        if self._inputs.events != "none":
            await asyncio.to_thread(watch.remember, self._context.told())
        shown = await self._follower.end_of(job, watch.look)
        for part in await self._outcome.parts(job) if self._inputs.events != "none" and job.kind == "workflow_job" else ():
            await self._follower.end_of(part)
        await watch.look_last()
        return shown

    def _may_retry(self, job: Job, shown: Mapping[str, Any]) -> bool:
        wanted = isinstance(self._inputs, JobLaunch) and self._inputs.retry == "failed_hosts"
        return wanted and job.kind == "job" and not job.relaunched and shown.get("status") == "failed"

    def forget(self) -> None:
        """Break off a launch that is under way; whoever goes on with the action finds what came of it."""
        if self._launching is not None:
            self._launching.cancel()

    async def _refused(self, job: Job) -> Result:
        """AWX started the job without something that was asked for: end it, and say what."""
        said = f"AWX ignored what the template doesn't ask for on launch: {', '.join(_names(job.ignored))}."
        try:
            await self._follower.cancel(job)
            shown = await self._follower.end_of(job)
        except ActionError as error:
            raise ActionError(f"{said} {error}") from None
        raise ActionError(
            f"{said} The {job.name} was cancelled (status: {shown.get('status')}); open the prompts in AWX, or give strict_prompts: false.")


def _names(ignored: Mapping[str, Any]) -> list[str]:
    """What was ignored; variables one by one."""
    names = []
    for name, value in ignored.items():
        own = [one for one in value if one != MARK] if name == "extra_vars" and isinstance(value, Mapping) else []
        names += [f"{name}.{one}" for one in own] or [name]
    return names


class JobAction(AwxAction):
    """Launch a job template of AWX, follow the job, and hand back what it did.

    template: name, id, or Name++Organization; organization: name or id. extra_vars: mapping (a survey's answers are among them).
    inventory, execution_environment: name or id; credentials, labels, instance_groups: lists of them. limit, tags, skip_tags: text or list.
    job_type: run or check. verbosity, forks, slices, timeout (seconds): numbers. diff_mode: true or false. scm_branch: text.
    credential_passwords: mapping of what AWX asks for (ssh_password, become_password, ...) to the name of a secret.
    strict_prompts: true (default) starts nothing that AWX would run without a given value. retry: no, or failed_hosts for one relaunch,
    whose result it then is; a sliced job is not relaunched.
    controller: one of the server's configuration; or url, with token, or username and password (token, password: names of secrets), verify.
    poll_seconds: longest pause between two looks. events: none, failed or all, shown live. cancel_on_cancel: true.

    The result has the keys job_id, type, url, status, elapsed, changed, message, explanation, artifacts, host_summaries,
    failed_hosts, failed_tasks, stdout_tail, ignored_fields; a job that didn't end well has the same mapping as its error.
    """

    name = "awx.job"
    takes = JobLaunch

    async def launch(self, client: Client, context: ActionContext) -> Launch:
        """The template's launch."""
        assert isinstance(self.inputs, JobLaunch)
        return await launch_of(client, self.inputs, context)


class WorkflowJobAction(AwxAction):
    """Launch a workflow job template of AWX, follow the workflow, and hand back what it did.

    Inputs are those of awx.job, as far as a workflow takes them; approvals: wait (default) for somebody in AWX, approve or deny. The result
    is as well, with nodes: a list of identifier, job_id, type, name, status, do_not_run. Artifacts, hosts and failed tasks are those of the
    jobs of all nodes together, also of workflows among them; what a later job set wins.
    """

    name = "awx.workflow_job"
    takes = WorkflowJobLaunch

    async def launch(self, client: Client, context: ActionContext) -> Launch:
        """The template's launch."""
        assert isinstance(self.inputs, WorkflowJobLaunch)
        return await launch_of(client, self.inputs, context)


class ProjectUpdateAction(AwxAction):
    """Update a project of AWX from its source control, and wait until it is done.

    project: name or id; organization: name or id. All others, and the result, are those of awx.job.
    """

    name = "awx.project_update"
    takes = ProjectUpdate

    async def launch(self, client: Client, context: ActionContext) -> Launch:  # noqa: ARG002 - the port's signature
        """The project's update."""
        assert isinstance(self.inputs, ProjectUpdate)
        of = await organization_filter(client, self.inputs.organization)
        number = await find(client, "projects", self.inputs.project, name="project", **of)
        return Launch(
            path=f"projects/{number}/update/", body={}, kinds=("project_update",), belongs={"project": number}, marked=False,
            any_will_do=True)


class InventoryUpdateAction(AwxAction):
    """Update a source of an inventory in AWX, and wait until it is done.

    inventory_source: name or id; inventory: the name or id of the inventory that it belongs to. All others, and the result, are those
    of awx.job.
    """

    name = "awx.inventory_update"
    takes = InventoryUpdate

    async def launch(self, client: Client, context: ActionContext) -> Launch:  # noqa: ARG002 - the port's signature
        """The source's update."""
        assert isinstance(self.inputs, InventoryUpdate)
        filters = {}
        if self.inputs.inventory is not None:
            of = await organization_filter(client, self.inputs.organization)
            filters["inventory"] = await find(client, "inventories", self.inputs.inventory, name="inventory", **of)
        number = await find(client, "inventory_sources", self.inputs.inventory_source, name="inventory_source", **filters)
        return Launch(
            path=f"inventory_sources/{number}/update/", body={}, kinds=("inventory_update",), belongs={"inventory_source": number},
            marked=False, any_will_do=True)


class AdHocAction(AwxAction):
    """Run a module on hosts of an inventory of AWX.

    inventory, credential, execution_environment: name or id. module_name, module_args: texts. limit: text or list. become: true or false.
    job_type, forks, verbosity, diff_mode, extra_vars, all others, and the result, are those of awx.job.
    """

    name = "awx.ad_hoc"
    takes = AdHoc

    async def launch(self, client: Client, context: ActionContext) -> Launch:
        """The command."""
        inputs = self.inputs
        assert isinstance(inputs, AdHoc)
        of = await organization_filter(client, inputs.organization)
        inventory = await find(client, "inventories", inputs.inventory, name="inventory", **of)
        given = {
            "module_args": inputs.module_args, "job_type": inputs.job_type, "become_enabled": inputs.become, "forks": inputs.forks,
            "verbosity": inputs.verbosity, "diff_mode": inputs.diff_mode,
            "limit": None if inputs.limit is None else comma_text("limit", inputs.limit),
        }
        body = {name: value for name, value in given.items() if value is not None}
        for name, kind in (("credential", "credentials"), ("execution_environment", "execution_environments")):
            if (reference := getattr(inputs, name)) is not None:
                body[name] = await find(client, kind, reference, name=name)
        body |= {
            "inventory": inventory, "module_name": inputs.module_name,
            "extra_vars": json.dumps({**(inputs.extra_vars or {}), MARK: context.action_execution_id}),
        }
        return Launch(path="ad_hoc_commands/", body=body, kinds=("ad_hoc_command",), belongs={"inventory": inventory}, marked=True)


AWX: tuple[type[AwxAction], ...] = (JobAction, WorkflowJobAction, ProjectUpdateAction, InventoryUpdateAction, AdHocAction)
