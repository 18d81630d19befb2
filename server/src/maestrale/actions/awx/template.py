"""What a launch of a template sends, and whether the template takes it: prompts, surveys, passwords.

AWX drops what a template doesn't ask for and starts all the same; with strict prompts nothing is started then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from maestrale.actions.awx.client import Client
from maestrale.actions.awx.inputs import JobLaunch, WorkflowLaunch, comma_text
from maestrale.actions.awx.launch import MARK, Launch
from maestrale.actions.awx.lookup import find, find_all, organization_filter
from maestrale.actions.protocol import ActionContext
from maestrale.errors import ActionError

ASKED = {
    "extra_vars": "variables", "inventory": "inventory", "limit": "limit", "job_tags": "tags", "skip_tags": "skip_tags",
    "credentials": "credential", "job_type": "job_type", "verbosity": "verbosity", "diff_mode": "diff_mode", "scm_branch": "scm_branch",
    "execution_environment": "execution_environment", "labels": "labels", "forks": "forks", "job_slice_count": "job_slice_count",
    "timeout": "timeout", "instance_groups": "instance_groups",
}
"""What may be sent, and the prompt that has to be open for it (``ask_..._on_launch``)."""

_JOBS: tuple[str, tuple[str, ...]] = ("job_templates", ("job",))
_WORKFLOW_JOBS: tuple[str, tuple[str, ...]] = ("workflow_job_templates", ("workflow_job",))

_INPUT_NAMES = {"job_tags": "tags", "job_slice_count": "slices"}


async def launch_of(client: Client, inputs: WorkflowLaunch, context: ActionContext) -> Launch:
    """What is to be sent where. Raises InputError, ActionError for what the template doesn't take, AwxError."""
    templates, jobs = _JOBS if isinstance(inputs, JobLaunch) else _WORKFLOW_JOBS
    of = await organization_filter(client, inputs.organization)
    number = await find(client, templates, inputs.template, name="template", **of)
    path = f"{templates}/{number}/launch/"
    asked = await client.get(path)
    body = await _body(client, inputs)
    passwords = inputs.credential_passwords if isinstance(inputs, JobLaunch) else None
    if passwords:
        body["credential_passwords"] = {
            name: await asyncio.to_thread(context.secrets.get, context.project_id, secret) for name, secret in passwords.items()}
    if inputs.strict_prompts:
        await _check_prompts(client, f"{templates}/{number}/", asked, body)
    _check_passwords(asked, body)
    marked = bool(asked.get("ask_variables_on_launch"))
    if marked:
        body["extra_vars"] = {**body.get("extra_vars", {}), MARK: context.action_execution_id}
    if isinstance(inputs, JobLaunch) and _slices(inputs, asked) > 1:
        jobs = ("job", "workflow_job")
    return Launch(path=path, body=body, kinds=jobs, belongs={templates.removesuffix("s"): number}, marked=marked)


async def _body(client: Client, inputs: WorkflowLaunch) -> dict[str, Any]:
    """What was given, under AWX's names, with ids in place of names."""
    body: dict[str, Any] = {}
    for name in ("limit", "tags", "skip_tags"):
        if (value := getattr(inputs, name)) is not None:
            body["job_tags" if name == "tags" else name] = comma_text(name, value)
    if inputs.extra_vars is not None:
        body["extra_vars"] = dict(inputs.extra_vars)
    if inputs.scm_branch is not None:
        body["scm_branch"] = inputs.scm_branch
    if inputs.inventory is not None:
        body["inventory"] = await find(client, "inventories", inputs.inventory, name="inventory")
    if inputs.labels is not None:
        body["labels"] = await find_all(client, "labels", inputs.labels, name="labels")
    if isinstance(inputs, JobLaunch):
        body.update(await _job_body(client, inputs))
    return body


async def _job_body(client: Client, inputs: JobLaunch) -> dict[str, Any]:
    names = {"job_type": "job_type", "verbosity": "verbosity", "diff_mode": "diff_mode", "forks": "forks", "slices": "job_slice_count",
             "timeout": "timeout"}
    body = {field: value for name, field in names.items() if (value := getattr(inputs, name)) is not None}
    if inputs.execution_environment is not None:
        body["execution_environment"] = await find(
            client, "execution_environments", inputs.execution_environment, name="execution_environment")
    for name in ("credentials", "instance_groups"):
        if (value := getattr(inputs, name)) is not None:
            body[name] = await find_all(client, name, value, name=name)
    return body


async def _check_prompts(client: Client, template: str, asked: Mapping[str, Any], body: Mapping[str, Any]) -> None:
    """Raises ActionError naming what the template doesn't ask for."""
    closed = [field for field in body if field in ASKED and asked.get(f"ask_{ASKED[field]}_on_launch") is False]
    if "extra_vars" in closed and asked.get("survey_enabled"):
        closed.remove("extra_vars")
        survey = await client.get(f"{template}survey_spec/")
        questions = {question.get("variable") for question in survey.get("spec") or []}
        closed += [f"extra_vars.{name}" for name in body["extra_vars"] if name not in questions]
    if closed:
        names = ", ".join(_INPUT_NAMES.get(field, field) for field in closed)
        raise ActionError(
            f"The template doesn't ask for {names} on launch, so AWX would ignore it; nothing was started. Open the prompt in AWX, or give "
            "strict_prompts: false.")


def _check_passwords(asked: Mapping[str, Any], body: Mapping[str, Any]) -> None:
    missing = [name for name in asked.get("passwords_needed_to_start") or [] if name not in body.get("credential_passwords", {})]
    if missing:
        raise ActionError(f"The template needs passwords to start: {', '.join(missing)} (input credential_passwords).")


def _slices(inputs: JobLaunch, asked: Mapping[str, Any]) -> int:
    usual = (asked.get("defaults") or {}).get("job_slice_count")
    number = inputs.slices if inputs.slices is not None else usual
    return number if isinstance(number, int) else 1
