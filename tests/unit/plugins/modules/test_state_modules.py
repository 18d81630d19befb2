# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE)
# SPDX-License-Identifier: Apache-2.0

"""Every state module: create, again, modify, again, delete, again, each in check mode first."""

from __future__ import annotations

import importlib
import json

import pytest

WORKFLOW = "version: '2.0'\nwf:\n  tasks:\n    a: {action: std.noop}\n"
TWO = "version: '2.0'\none:\n  tasks:\n    a: {action: std.noop}\ntwo:\n  tasks:\n    a: {action: std.noop}\n"
ACTION = "version: '2.0'\nact:\n  base: std.echo\n"
WORKBOOK = "version: '2.0'\nname: wb\n"
MEMBER = "0123456789abcdef0123456789abcdef"
TRIGGER = {"name": "t", "workflow": "existing"}
EVENT = {**TRIGGER, "exchange": "nova", "topic": "notifications", "event": "create"}

# module, its arguments to create, those that change, those to delete, the key of its result
CASES = {
    "workflow": ({"definition": WORKFLOW}, {"definition": WORKFLOW + "    b: {action: std.noop}\n"}, {"name": "wf"}, "workflows"),
    "workflow of two": (
        {"definition": TWO},
        {"definition": TWO.replace("two:\n", "two:\n  input: [x]\n")},
        {"definition": TWO},
        "workflows",
    ),
    "workflow scope": ({"definition": WORKFLOW}, {"definition": WORKFLOW, "scope": "public"}, {"name": "wf"}, "workflows"),
    "action_definition": ({"definition": ACTION}, {"definition": ACTION + "  input: [x]\n"}, {"name": "act"}, "actions"),
    "workbook": ({"definition": WORKBOOK}, {"definition": WORKBOOK + "description: more\n"}, {"name": "wb"}, "workbook"),
    "environment": ({"name": "e", "variables": {"a": 1}}, {"name": "e", "variables": {"b": 2}}, {"name": "e"}, "environment"),
    "environment description": ({"name": "e"}, {"name": "e", "description": "d"}, {"name": "e"}, "environment"),
    "cron_trigger": ({**TRIGGER, "pattern": "* * * * *"}, {**TRIGGER, "pattern": "0 * * * *"}, {"name": "t"}, "cron_trigger"),
    "event_trigger": (EVENT, {**EVENT, "input": {"x": 1}}, {"name": "t"}, "event_trigger"),
    "event_trigger event": (EVENT, {**EVENT, "event": "delete"}, {"name": "t"}, "event_trigger"),
    "member": (
        {"workflow": "existing", "member_id": MEMBER},
        {"workflow": "existing", "member_id": MEMBER, "status": "accepted"},
        None,
        "member",
    ),
    "code_source": ({"name": "c", "content": "x = 1"}, {"name": "c", "content": "x = 2"}, {"name": "c"}, "code_source"),
    "dynamic_action": (
        {"name": "d", "class_name": "A", "code_source": "existing_code"},
        {"name": "d", "class_name": "B", "code_source": "existing_code"},
        {"name": "d"},
        "dynamic_action",
    ),
    "project_source": (
        {"name": "p", "url": "https://git.example.org/a.git", "ref": "main"},
        {"name": "p", "playbooks": ["deploy/*.yml"], "scope": "public"},
        {"name": "p"},
        "project_source",
    ),
    "project_source ref": (
        {"name": "p", "url": "https://git.example.org/a.git", "ref": "main", "credential": "key"},
        {"name": "p", "ref": "", "credential": ""},
        {"name": "p"},
        "project_source",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_twelve_steps(case, engine, run_module):
    create, modify, delete, key = CASES[case]
    delete = {**(create if delete is None else delete), "state": "absent"}
    module = importlib.import_module(f"ansible_collections.maestrale.mistral.plugins.modules.{case.split()[0]}")
    engine.add("workflows", name="existing", namespace="", scope="private", definition="")
    engine.add("code_sources", name="existing_code", namespace="", content="")
    for arguments, expected in ((create, True), (create, False), (modify, True), (modify, False), (delete, True), (delete, False)):
        writes = len(engine.writes)
        predicted = run_module(module, check=True, **arguments)
        assert predicted.get("changed") is expected, predicted
        assert len(engine.writes) == writes
        actual = run_module(module, **arguments)
        assert actual.get("changed") is expected, actual
        assert (len(engine.writes) > writes) is expected
        assert ("diff" in actual) is expected
        assert predicted.get("diff") == actual.get("diff")
        if arguments is not delete:
            assert _comparable(predicted[key]).items() <= _comparable(actual[key]).items()


def _comparable(value):
    """Fields that a prediction knows; those that the engine makes up are left out."""
    value = value[0] if isinstance(value, list) else value
    return {name: str(part) for name, part in value.items() if name not in ("id", "created_at", "updated_at", "version", "status")}


def test_a_document_with_new_and_changed_workflows_sends_each_its_way(engine, run_module):
    from ansible_collections.maestrale.mistral.plugins.modules import workflow

    run_module(workflow, definition=WORKFLOW.replace("wf:", "one:"))
    result = run_module(workflow, definition=TWO.replace("one:\n", "one:\n  input: [x]\n"))
    assert result["changed"] is True
    assert [method for method, dummy in engine.writes] == ["POST", "POST", "PUT"]
    assert [item["name"] for item in result["workflows"]] == ["one", "two"]


def test_a_name_must_be_that_of_the_definition(engine, run_module):
    from ansible_collections.maestrale.mistral.plugins.modules import workflow

    result = run_module(workflow, name="other", definition=WORKFLOW)
    assert result["failed"] is True
    assert result["msg"] == "The definition defines wf, not other"


def test_secrets_of_an_environment_are_shown_nowhere(engine, run_module):
    from ansible_collections.maestrale.mistral.plugins.modules import environment

    result = run_module(environment, name="e", variables={"a": 1}, secrets={"password": "correct horse"})
    assert "correct horse" in engine.all("environments")[0]["variables"]
    assert "correct horse" not in str(result)
    changed = run_module(environment, name="e", secrets={"password": "battery staple"})
    assert "staple" not in str(changed)
    assert "horse" not in str(changed["diff"])


def test_sealed_secrets_are_stored_and_shown_by_name_only(engine, run_module):
    from ansible_collections.maestrale.mistral.plugins.modules import environment

    secrets = {"root": "correct horse", "db": "battery staple"}
    predicted = run_module(environment, check=True, name="e", sealed_secrets=secrets)
    assert not engine.writes
    created = run_module(environment, name="e", sealed_secrets=secrets)
    again = run_module(environment, name="e", sealed_secrets=secrets)

    assert engine.secrets["e"] == secrets
    assert "horse" not in str(engine.all("environments"))
    assert (predicted["changed"], created["changed"], again["changed"]) == (True, True, False)
    assert predicted["sealed_secrets"] == created["sealed_secrets"] == again["sealed_secrets"] == ["db", "root"]
    assert predicted["diff"] == created["diff"]
    assert "horse" not in str((predicted, created, again))


def test_a_sealed_secret_is_changed_and_removed_while_others_stay(engine, run_module):
    from ansible_collections.maestrale.mistral.plugins.modules import environment

    run_module(environment, name="e", variables={"a": 1}, sealed_secrets={"root": "one", "db": "two"})
    changed = run_module(environment, name="e", sealed_secrets={"root": "three"})
    removed = run_module(environment, name="e", sealed_secrets={"db": None})
    again = run_module(environment, name="e", sealed_secrets={"db": None})

    assert engine.secrets["e"] == {"root": "three"}
    assert (changed["changed"], removed["changed"], again["changed"]) == (True, True, False)
    assert removed["diff"][-1]["before"] == "db\nroot\n"
    assert removed["diff"][-1]["after"] == "root\n"
    assert removed["environment"]["variables"] == {"a": 1}


def test_without_merge_other_sealed_secrets_go_but_only_if_some_are_named(engine, run_module):
    from ansible_collections.maestrale.mistral.plugins.modules import environment

    run_module(environment, name="e", sealed_secrets={"root": "one", "db": "two"})
    assert run_module(environment, name="e", merge=False)["changed"] is False
    result = run_module(environment, name="e", merge=False, sealed_secrets={"root": "one"})

    assert result["changed"] is True
    assert engine.secrets["e"] == {"root": "one"}


@pytest.mark.parametrize("value", [5, "", ["x"]])
def test_a_sealed_secret_that_is_no_text_is_refused_before_anything_is_done(value, engine, run_module):
    from ansible_collections.maestrale.mistral.plugins.modules import environment

    result = run_module(environment, name="e", sealed_secrets={"root": value})

    assert result["failed"] is True
    assert "wrong: root" in result["msg"]
    assert not engine.requests


def test_an_engine_without_sealed_secrets_is_named_as_the_reason(engine, run_module):
    from ansible_collections.maestrale.mistral.plugins.modules import environment

    engine.secrets = None
    engine.add("environments", name="e", variables="{}")
    result = run_module(environment, name="e", sealed_secrets={"root": "correct horse"})

    assert result["failed"] is True
    assert "OpenStack Mistral has none" in result["msg"]
    assert not engine.writes


def test_without_merge_other_variables_go(engine, run_module):
    from ansible_collections.maestrale.mistral.plugins.modules import environment

    run_module(environment, name="e", variables={"a": 1, "b": 2})
    result = run_module(environment, name="e", variables={"a": 1}, merge=False)
    assert result["environment"]["variables"] == {"a": 1}


REVISION = "2fd4e1c67a2d28fced849ee1bb76e7391b93eb12"


def fetching(engine, state, result):
    """Let the action that fetches a source end at its first look."""
    original = engine.send

    def send(method, url, *args, **kwargs):
        if method == "GET" and "/action_executions/" in url:
            engine.all("action_executions")[0].update(state=state, output=json.dumps({"result": result}))
            if state == "SUCCESS":
                engine.all("project_sources")[0]["revision"] = REVISION
        return original(method, url, *args, **kwargs)

    engine.send = send


@pytest.mark.parametrize(("before", "changed"), [(None, True), (REVISION, False)])
def test_a_project_source_is_changed_by_an_update_only_if_its_commit_is_another(before, changed, engine, run_module):
    from ansible_collections.maestrale.mistral.plugins.modules import project_source

    engine.add("project_sources", name="p", url="https://git.example.org/a.git", revision=before)
    fetching(engine, "SUCCESS", {"revision": REVISION, "playbooks": ["site.yml"]})
    predicted = run_module(project_source, check=True, name="p", update=True)
    assert (predicted["changed"], engine.writes) == (False, [])
    result = run_module(project_source, name="p", update=True)
    assert (result["changed"], result["project_source"]["revision"]) == (changed, REVISION)
    assert result["found"]["playbooks"] == ["site.yml"]
    sent = json.loads(
        next(text for method, path, dummy, text in engine.requests if path.endswith("action_executions") and method == "POST")
    )
    assert (sent["name"], sent["input"]) == ("ansible.project", {"project": "p", "update": True})


def test_a_project_source_that_can_not_be_fetched_says_why(engine, run_module):
    from ansible_collections.maestrale.mistral.plugins.modules import project_source

    engine.add("project_sources", name="p", url="https://git.example.org/a.git", revision=None)
    fetching(engine, "ERROR", "no such branch")
    result = run_module(project_source, name="p", update=True)
    assert result["failed"] is True
    assert result["msg"] == "Project source p could not be updated, ERROR: no such branch"


def test_a_new_project_source_needs_an_address(engine, run_module):
    from ansible_collections.maestrale.mistral.plugins.modules import project_source

    assert "no url to register one" in run_module(project_source, name="p")["msg"]
