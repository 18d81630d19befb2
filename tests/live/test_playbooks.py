# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE)
# SPDX-License-Identifier: Apache-2.0
"""The playbooks of the collection, by their full names."""

from __future__ import annotations

import pytest
from conftest import artifacts

WORKFLOWS = """
version: '2.0'
live_greet:
  input: [name]
  output:
    text: <% task(hello).result %>
  tasks:
    hello:
      action: std.echo output="Hello <% $.name %>"
live_wait:
  tasks:
    wait:
      action: std.async_noop
live_fail:
  output-on-error:
    hint: look at it
  tasks:
    broken:
      action: std.fail
"""


@pytest.fixture(scope="module")
def workflows(engine):
    return {item["name"]: item["id"] for item in engine.publish(WORKFLOWS)}


@pytest.mark.parametrize("given", [{"name": "you"}, '{"name": "you"}', "name: you"])
def test_run_workflow_takes_a_mapping_or_the_text_of_a_survey(given, workflows, play):
    handed = artifacts(play("maestrale.mistral.run_workflow", run_workflow="live_greet", run_input=given))
    assert handed["maestrale_state"] == "SUCCESS"
    assert handed["maestrale_output"] == {"text": "Hello you"}


def test_run_workflow_hands_on_what_failed(workflows, play):
    result = play("maestrale.mistral.run_workflow", check=False, run_workflow="live_fail")
    assert result.returncode == 2
    handed = artifacts(result)
    assert handed["maestrale_state"] == "ERROR"
    assert handed["maestrale_output"]["hint"] == "look at it"


def test_run_workflow_with_a_key_starts_once(workflows, play):
    runs = [
        play("maestrale.mistral.run_workflow", run_workflow="live_greet", run_input={"name": "a"}, run_idempotency_key="k")
        for dummy in "ab"
    ]
    assert artifacts(runs[0])["maestrale_execution_id"] == artifacts(runs[1])["maestrale_execution_id"]
    assert "changed=1 " in runs[0].stdout
    assert "changed=0 " in runs[1].stdout


def test_cancel_execution(workflows, engine, play):
    execution = engine.start("live_wait")
    handed = artifacts(play("maestrale.mistral.cancel_execution", cancel_execution_id=execution["id"], cancel_reason="not now"))
    assert handed["maestrale_state"] == "CANCELLED"
    assert engine.call("GET", f"/executions/{execution['id']}")["state_info"] == "not now"


def test_rerun_execution_says_when_nothing_failed(workflows, engine, play):
    execution = engine.start("live_greet", input={"name": "a"})
    result = play("maestrale.mistral.rerun_execution", check=False, rerun_execution_id=execution["id"])
    assert "has no failed task" in result.stdout


def test_approve_with_no_ends_the_action_in_error(workflows, engine, play):
    execution = engine.start("live_wait")
    play("maestrale.mistral.approve", approve_execution_id=execution["id"], approve_task="wait", approve_answer="no")
    engine.wait("the end", lambda: engine.call("GET", f"/executions/{execution['id']}")["state"] == "ERROR")


def test_engine_facts(workflows, engine, play):
    execution = engine.start("live_wait")
    handed = artifacts(play("maestrale.mistral.engine_facts"))
    assert execution["id"] in handed["maestrale_open_executions"]
    engine.call("PUT", f"/executions/{execution['id']}", {"state": "CANCELLED"})


def test_a_backup_can_be_restored(engine, play, tmp_path):
    engine.publish("version: '2.0'\nbackup_flow:\n  input: [{x: 1}]\n  tasks:\n    a: {action: std.noop}\n")
    engine.call(
        "POST", "/workbooks", "version: '2.0'\nname: backup_book\nworkflows:\n  w:\n    tasks:\n      a: {action: std.noop}\n", "text/plain"
    )
    engine.call("POST", "/actions", "version: '2.0'\nbackup_action:\n  base: std.noop\n", "text/plain")
    engine.call("POST", "/environments", {"name": "backup_env", "variables": {"a": {"b": [1]}}})
    trigger = {"name": "backup_trigger", "workflow_name": "backup_flow", "pattern": "0 3 * * *", "workflow_input": {"x": 2}}
    engine.call("POST", "/cron_triggers", trigger)
    definition = engine.call("GET", "/workflows/backup_flow")["definition"]
    folder = str(tmp_path / "backup")
    play("maestrale.mistral.backup", backup_path=folder)
    gone = ("/cron_triggers/backup_trigger", "/workflows/backup_flow", "/workbooks/backup_book", "/workflows/backup_book.w")
    for path in (*gone, "/actions/backup_action", "/environments/backup_env"):
        engine.call("DELETE", path)
    play("maestrale.mistral.restore", restore_path=folder)
    assert engine.call("GET", "/workflows/backup_flow")["definition"] == definition
    assert engine.call("GET", "/workflows/backup_book.w")["name"] == "backup_book.w"
    assert engine.call("GET", "/actions/backup_action")["name"] == "backup_action"
    assert engine.call("GET", "/environments/backup_env")["variables"] in ({"a": {"b": [1]}}, '{"a": {"b": [1]}}', '{"a":{"b":[1]}}')
    assert engine.call("GET", "/cron_triggers/backup_trigger")["pattern"] == "0 3 * * *"
    again = play("maestrale.mistral.restore", restore_path=folder)
    assert "changed=0 " in again.stdout


def test_a_play_elsewhere_is_a_step_of_a_workflow(workflows, engine, play):
    execution = engine.start("live_wait")
    (task,) = engine.call("GET", f"/executions/{execution['id']}/tasks")["tasks"]
    (waiting,) = engine.call("GET", f"/tasks/{task['id']}/action_executions")["action_executions"]
    plays = [{"hosts": "localhost", "gather_facts": False, "tasks": [{"ansible.builtin.set_stats": {"data": {"answer": 42}}}]}]
    environment = {"ANSIBLE_CALLBACKS_ENABLED": "maestrale.mistral.report", "MAESTRALE_ACTION_EXECUTION_ID": waiting["id"]}
    play(plays, environment=environment)
    engine.wait("the end", lambda: engine.call("GET", f"/executions/{execution['id']}")["state"] == "SUCCESS")
    output = engine.call("GET", f"/action_executions/{waiting['id']}")["output"]
    assert '"answer":42' in output.replace(" ", "")
    assert "localhost: ok=1 " in engine.text(f"/action_executions/{waiting['id']}/output")


TALKING = """
version: '2.0'
live_talking:
  tasks:
    talk:
      action: ansible.playbook
      input:
        inventory: "localhost ansible_connection=local"
        playbook:
          - hosts: all
            gather_facts: false
            tasks:
              - name: Say something
                ansible.builtin.debug:
                  msg: something was said
"""


def test_what_a_playbook_prints_is_shown(engine, play):
    engine.publish(TALKING)
    task = {"maestrale.mistral.workflow_run": {"workflow": "live_talking", "show_output": True, "wait_sleep_max": 1}}
    result = play([{"hosts": "localhost", "gather_facts": False, "tasks": [task]}])
    assert "  talk | TASK [Say something]" in result.stdout
    assert '  talk |     "msg": "something was said"' in result.stdout
    assert result.stdout.index("talk | PLAY RECAP") < result.stdout.index("talk: SUCCESS")
