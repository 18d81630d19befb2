"""What running workflows writes: statements, rows and bytes a task. Counts, so that they can't creep up unnoticed."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest


@dataclass
class Bill:
    """What commits sent: how many there were, their statements, rows and bytes of parameters."""

    commits: int = 0
    statements: int = 0
    rows: int = 0
    size: int = 0


@pytest.fixture
def bill(process, monkeypatch):
    found = Bill()
    executions = process.service.executions
    commit = executions.commit

    def counted(batch):
        plan = executions.plan(batch)
        if plan.statements:
            found.commits += 1
            found.statements += len(plan.statements)
            found.rows += sum(len(one.rows) for one in plan.statements)
            found.size += sum(len(str(row)) for one in plan.statements for row in one.rows)
        commit(batch)

    monkeypatch.setattr(executions, "commit", counted)
    return found


def chain(n):
    tasks = {f"t{i}": {"action": "std.noop", **({"on-success": f"t{i + 1}"} if i < n else {})} for i in range(1, n + 1)}
    return {"tasks": tasks}


def fan(n):
    return {"tasks": {**{f"t{i}": {"on-success": "end"} for i in range(n - 1)}, "end": {"join": "all"}}}


def items(n):
    return {"tasks": {"each": {"with-items": f"i in <% range({n}) %>", "action": "std.echo output=<% $.i %>"}}}


def run(process, body, **fields):
    process.catalog.create_workflows(process.caller, json.dumps({"version": "2.0", "w": body}))
    ident = process.start("w", **fields).id
    assert process.state(ident) == "SUCCESS"


def test_a_workflow_of_one_pure_task_takes_one_commit_of_four_statements(process, bill):
    run(process, chain(1))

    assert (bill.commits, bill.statements, bill.rows) == (1, 4, 4)  # specification, execution, task, action


@pytest.mark.parametrize(("shape", "most_rows"), [(chain, 2.2), (fan, 2.6), (items, 1.3)])
@pytest.mark.parametrize("tasks", [40, 400])
def test_rows_and_bytes_a_task_do_not_depend_on_the_number_of_tasks(process, bill, shape, most_rows, tasks):
    run(process, shape(tasks))

    definition = len(json.dumps(shape(tasks))) * 3
    assert bill.rows / tasks <= most_rows + 10 / tasks
    assert (bill.size - definition) / tasks <= 1400 + 4000 / tasks


def test_a_big_input_that_every_task_reads_is_written_once(process, bill):
    blob = "x" * 262_144
    tasks = {f"t{i}": {"publish": {f"v{i}": "<% $.blob.len() %>"}, **({"on-success": f"t{i + 1}"} if i < 20 else {})}
             for i in range(1, 21)}
    run(process, {"input": ["blob"], "tasks": tasks}, input={"blob": blob})

    assert len(blob) <= bill.size <= len(blob) + 60_000


def test_a_result_from_outside_takes_one_commit_of_three_statements(process, bill):
    process.catalog.create_workflows(process.caller, json.dumps(
        {"version": "2.0", "w": {"tasks": {"each": {"with-items": "i in <% range(50) %>", "action": "std.async_noop"}}}}))
    ident = process.start("w").id
    first = process.attempts(ident)[0]
    bill.__init__()
    process.ask(lambda: process.engine.complete_action(process.caller, first.id, "SUCCESS", {"r": 1}))

    assert (bill.commits, bill.rows) == (1, bill.statements)
    assert bill.statements <= 3
