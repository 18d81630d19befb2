"""Definitions: who may change them, what is stored, and what decisions find."""

from __future__ import annotations

import pytest

from maestrale.caller import Caller
from maestrale.catalog import CronRequest, Triggers
from maestrale.catalog.service import Catalog, verdict
from maestrale.errors import DSLParsingError, DuplicateError, NotAllowedError, NotFoundError, RequestError, WorkflowError

WORKFLOW = "version: '2.0'\n{}: {{tasks: {{a: {{action: std.noop}}}}}}"
STRANGER = Caller(project_id="p2")


def test_a_request_is_stored_as_a_whole_or_not_at_all(process):
    process.define("a: {tasks: {t: {action: std.noop}}}")
    with pytest.raises(DuplicateError, match="WorkflowDefinition"):
        process.define("b: {tasks: {t: {action: std.noop}}}\na: {tasks: {t: {action: std.noop}}}")

    assert [row["name"] for row in process.rows("workflows")] == ["a"]


def test_an_update_needs_every_workflow_to_exist(process):
    process.define("a: {tasks: {t: {action: std.noop}}}")
    with pytest.raises(NotFoundError, match="workflow_identifier=b"):
        process.catalog.update_workflows(process.caller, "version: '2.0'\na: {tasks: {t: {action: std.echo output=1}}}\n"
                                                         "b: {tasks: {t: {action: std.noop}}}")

    assert "echo" not in process.rows("workflows")[0]["definition"]


def test_a_workflow_addressed_by_id_may_get_another_name(process):
    (row,) = process.define("a: {tasks: {t: {action: std.noop}}}")

    (changed,) = process.catalog.update_workflows(process.caller, WORKFLOW.format("b"), identifier=row["id"])

    assert (changed["id"], changed["name"]) == (row["id"], "b")


def test_who_sees_a_public_workflow_may_not_change_it(process):
    process.catalog.create_workflows(process.caller, WORKFLOW.format("a"), scope="public")

    with pytest.raises(NotAllowedError):
        process.catalog.update_workflows(STRANGER, WORKFLOW.format("a"))
    with pytest.raises(NotAllowedError):
        process.catalog.delete_workflow(STRANGER, "a")


def test_who_does_not_see_a_workflow_does_not_find_it(process):
    process.define("a: {tasks: {t: {action: std.noop}}}")

    with pytest.raises(NotFoundError):
        process.catalog.delete_workflow(STRANGER, "a")


def test_L402_a_workflow_with_cron_triggers_can_not_be_deleted(process):
    process.define("a: {tasks: {t: {action: std.noop}}}")
    triggers = Triggers(database=process.service.database, new_id=process.catalog.new_id, now=process.now)
    trigger = triggers.create_cron(process.caller, CronRequest(name="t", workflow_name="a", pattern="@daily"))

    with pytest.raises(WorkflowError, match=f"cron_trigger_id\\(s\\)={trigger['id']}"):
        process.catalog.delete_workflow(process.caller, "a")


def test_L147_L148_a_workbooks_members_are_updated_and_outlive_it(process):
    book = """
version: '2.0'
name: lib
actions: {hi: {base: std.echo output="hi"}}
workflows:
  main: {tasks: {a: {action: hi}, b: {workflow: part}}}
  part: {tasks: {x: {action: std.noop}}}
"""
    process.catalog.create_workbook(process.caller, book)
    execution = process.start("lib.main").id
    assert process.state(execution) == "SUCCESS"

    process.catalog.update_workbook(process.caller, book.replace("  part: {tasks: {x: {action: std.noop}}}\n", "").replace(
        ", b: {workflow: part}", ""))
    process.catalog.delete_workbook(process.caller, "lib")

    assert sorted(row["name"] for row in process.rows("workflows")) == ["lib.main", "lib.part"]
    assert "workflow: part" not in next(row["definition"] for row in process.rows("workflows") if row["name"] == "lib.main")


def test_L153_an_adhoc_action_in_the_namespace_wins_over_the_default_one(process):
    for namespace, value in (("", 1), ("ns", 2)):
        process.catalog.create_actions(
            process.caller, f"version: '2.0'\nmine: {{base: std.echo output={value}}}", namespace=namespace)
        process.catalog.create_workflows(
            process.caller, "version: '2.0'\nw: {output: {r: <% task(a).result %>}, tasks: {a: {action: mine}}}", namespace=namespace)

    assert process.execution(process.start("w", namespace="ns").id).output == {"r": 2}
    assert process.execution(process.start("w").id).output == {"r": 1}


def test_L156_an_unknown_environment_is_refused_and_a_stored_one_used(process):
    from maestrale.errors import InputError

    process.define("w: {output: {r: <% env().k %>}, tasks: {a: {action: std.noop}}}")
    with pytest.raises(InputError, match="Environment is not found: e"):
        process.start("w", params={"env": "e"})
    process.catalog.create_environment(process.caller, name="e", variables={"k": 1})

    assert process.execution(process.start("w", params={"env": "e"}).id).output == {"r": 1}


def test_an_environment_keeps_what_an_update_does_not_name(process):
    process.catalog.create_environment(process.caller, name="e", variables={"k": 1}, description="d")

    row = process.catalog.update_environment(process.caller, "e", {"variables": {"n": 2}})

    assert (row["variables"], row["description"]) == ({"n": 2}, "d")


@pytest.mark.parametrize("text", ["", "version: '2.0'", "version: '2.0'\nw: {tasks: {}}", "}{"])
def test_a_text_that_is_no_workflow_is_refused(process, text):
    with pytest.raises(DSLParsingError):
        process.catalog.create_workflows(process.caller, text)


def test_the_verdict_on_a_text_is_never_an_error(process):
    assert verdict(process.catalog.validate_workflows, WORKFLOW.format("a")) == {"valid": True}
    assert verdict(process.catalog.validate_workflows, "}{")["valid"] is False


@pytest.mark.parametrize(("mode", "skip", "valid"), [
    ("mandatory", True, False), ("enabled", False, False), ("enabled", True, True), ("disabled", False, True),
])
def test_skip_validation_counts_only_where_the_operator_lets_it(process, mode, skip, valid):
    catalog = Catalog(
        database=process.service.database, definitions=process.catalog.definitions, new_id=process.catalog.new_id, now=process.now,
        validation_mode=mode)
    wrong = "version: '2.0'\nw: {tasks: {a: {action: std.noop, on-success: nowhere}}}"

    assert verdict(catalog.validate_workflows, wrong, skip_validation=skip)["valid"] is valid


def test_an_unknown_scope_is_refused(process):
    with pytest.raises(RequestError, match="Scope must be one of"):
        process.catalog.create_workflows(process.caller, WORKFLOW.format("a"), scope="secret")


def test_a_public_workflow_that_another_project_triggers_stays_public(process):
    process.catalog.create_workflows(process.caller, WORKFLOW.format("a"), scope="public")
    triggers = Triggers(database=process.service.database, new_id=process.catalog.new_id, now=process.now)
    triggers.create_cron(STRANGER, CronRequest(name="t", workflow_name="a", pattern="@daily"))

    with pytest.raises(NotAllowedError, match="private scope"):
        process.catalog.update_workflows(process.caller, WORKFLOW.format("a"))


def test_tasks_of_other_executions_are_found_with_their_results(process):
    process.define("""
source: {tasks: {a: {action: std.echo output=5}}}
reader:
  input: [id]
  output: {r: "<% tasks($.id).select($.result) %>", n: "<% executions().len() %>"}
  tasks: {b: {action: std.noop}}
""")
    source = process.start("source").id
    reader = process.start("reader", input={"id": source}).id

    assert process.execution(reader).output == {"r": [5], "n": 1}
