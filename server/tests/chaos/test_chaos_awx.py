"""A workflow that runs a job in AWX, and the server of which dies: the job is launched once."""

from __future__ import annotations

import base64
import json

import pytest
from awx_peer import TOKEN, Awx

WORKFLOW = """w:
  input: [limit]
  output:
    version: <% $.version %>
    job: <% $.job %>
  tasks:
    deploy:
      action: awx.job
      input:
        template: deploy
        limit: <% $.limit %>
        extra_vars: {release: 7}
        poll_seconds: 0.05
      publish:
        version: <% task().result.artifacts.version %>
        job: <% task().result.job_id %>
"""


@pytest.fixture
def awx():
    server = Awx()
    yield server
    server.close()


@pytest.fixture
def started(new_database, service, awx):
    awx.ending = {"status": "successful", "event_processing_finished": True, "artifacts": {"version": "1.2"}}
    them = service(
        new_database("sqlite"), MAESTRALE_AWX__CONTROLLERS=json.dumps({"main": {"url": awx.url, "token": TOKEN}}),
        MAESTRALE_HTTP_DENIED_CIDRS='["127.0.0.1/32"]', MAESTRALE_ENGINE__DRAIN_TIMEOUT="0.2",
        MAESTRALE_SECRETS__KEYS=json.dumps([base64.urlsafe_b64encode(b"k" * 32).decode()]))
    them.define(WORKFLOW)
    return them


def revive(them):
    (server,) = them.servers.all
    server.start()
    server.wait_until_up()


def stored(them, execution_id):
    """All that the API shows of the execution, and the server's log, as text."""
    actions = them.client.list("action_executions")
    shown = [them.client.ask("GET", f"/v2/action_executions/{one['id']}").body for one in actions]
    return json.dumps([them.execution(execution_id), shown]) + them.servers.all[0].log.read_text()


def test_a_job_is_launched_once_though_its_server_is_killed_while_it_runs(started, awx, until):
    awx.hold.clear()
    execution_id = started.start("w", limit="web1")
    until(lambda: any("/jobs/101/" in path for _, path in awx.seen))
    started.servers.all[0].kill()
    revive(started)
    looked = len(awx.seen)
    until(lambda: any("/jobs/101/" in path for _, path in awx.seen[looked:]))
    awx.hold.set()

    found = started.wait(execution_id)

    assert (found["state"], found["output"]) == ("SUCCESS", {"version": "1.2", "job": 101})
    assert len(awx.launches) == 1
    assert awx.launches[0][1]["extra_vars"]["release"] == 7
    assert TOKEN not in stored(started, execution_id)


def test_a_failed_job_is_told_in_a_sentence_as_the_reason_of_the_task(started, awx):
    awx.ending = {"status": "error", "event_processing_finished": True, "job_explanation": "no room"}
    (task,) = started.client.list("tasks", workflow_execution_id=started.wait(started.start("w", limit="web1"))["id"])
    assert task["state_info"] == "The job 101 ended as 'error': no room"


def test_live_output_is_shown_once_though_the_server_is_killed_meanwhile(started, awx, until):
    awx.hold.clear()
    awx.events[101] = [{"counter": number, "event": "verbose", "stdout": f"line {number}"} for number in (1, 2)]
    given = {"template": "deploy", "poll_seconds": 0.05, "events": "all"}
    request = {"name": "awx.job", "params": {"save_result": True}, "input": given}
    action = started.client.ask("POST", "/v2/action_executions", request).body["id"]
    path = f"/v2/action_executions/{action}/output"
    until(lambda: started.client.ask("GET", path).body == "line 1\nline 2\n")
    started.servers.all[0].kill()
    revive(started)
    awx.events[101].append({"counter": 3, "event": "verbose", "stdout": "line 3"})
    awx.hold.set()
    until(lambda: started.client.ask("GET", f"/v2/action_executions/{action}").body["state"] == "SUCCESS")
    assert started.client.ask("GET", path).body == "line 1\nline 2\nline 3\n"


def test_the_action_is_catalogued_and_runs_on_its_own(started, awx):
    described = started.client.ask("GET", "/v2/actions/awx.job").body
    assert described["input"].startswith("template, organization=null, extra_vars=null")
    assert described["description"].startswith("Launch a job template of AWX")

    reply = started.client.ask("POST", "/v2/action_executions", {
        "name": "awx.job", "input": {"template": "deploy", "poll_seconds": 0.05}, "params": {"run_sync": True, "save_result": True}})

    assert (reply.status, reply.body["state"]) == (201, "SUCCESS")
    assert json.loads(reply.body["output"])["result"]["artifacts"] == {"version": "1.2"}
    assert len(awx.launches) == 1


def test_a_token_comes_from_a_secret_of_an_environment_and_is_stored_nowhere_else(started, awx):
    assert started.client.ask("POST", "/v2/environments", {"name": "prod", "variables": {}}).status == 201
    assert started.client.ask("PUT", "/v2/environments/prod/secrets/awx", {"value": TOKEN}).status == 200

    reply = started.client.ask("POST", "/v2/action_executions", {
        "name": "awx.job", "params": {"run_sync": True, "save_result": True},
        "input": {"template": "deploy", "poll_seconds": 0.05, "url": awx.url, "token": "prod/awx"}})

    assert reply.body["state"] == "SUCCESS"
    assert TOKEN not in json.dumps(started.client.ask("GET", f"/v2/action_executions/{reply.body['id']}").body)
    assert TOKEN not in started.servers.all[0].log.read_text()


def test_a_job_is_launched_once_though_its_server_is_killed_before_it_hears_of_it(started, awx, until):
    awx.faults = [("POST", "launch/", started.servers.all[0].kill)]
    execution_id = started.start("w", limit="web1")
    until(lambda: awx.launches)
    until(lambda: not awx.faults)
    revive(started)

    found = started.wait(execution_id)

    assert (found["state"], found["output"]["job"]) == ("SUCCESS", 101)
    assert len(awx.launches) == 1


def test_a_job_goes_on_while_its_server_is_stopped_and_is_not_launched_again(started, awx, until):
    awx.hold.clear()
    execution_id = started.start("w", limit="web1")
    until(lambda: any("/jobs/101/" in path for _, path in awx.seen))
    (server,) = started.servers.all
    server.stop()
    revive(started)
    awx.hold.set()

    assert started.wait(execution_id)["state"] == "SUCCESS"
    assert len(awx.launches) == 1
    assert not any("cancel" in path for _, path in awx.seen)
