# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE)
# SPDX-License-Identifier: Apache-2.0

"""Starting and following: ends, pauses, lateness, trouble on the way, identities, progress."""

from __future__ import annotations

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.maestrale.mistral.plugins.module_utils import live_output
from ansible_collections.maestrale.mistral.plugins.module_utils.client import Client
from ansible_collections.maestrale.mistral.plugins.module_utils.connection import CONNECTION_SPEC, connect
from ansible_collections.maestrale.mistral.plugins.module_utils.errors import EngineError, UsageError
from ansible_collections.maestrale.mistral.plugins.module_utils.running import (
    RUN_SPEC,
    WAIT_FOR_SPEC,
    Observer,
    run_workflow,
    wait_for_executions,
)

IDENTITY = "1c1cf7ba-8a20-4d41-a9b4-4c4d2d1d5a4c"


class Notebook(Observer):
    """Writes down what it is told."""

    def __init__(self):
        self.lines, self.output, self.warnings, self.followed = [], [], [], []

    def say(self, text):
        self.lines.append(text)

    def tell(self, text):
        self.output.append(text)

    def warn(self, text):
        self.warnings.append(text)

    def seen(self, execution):
        self.followed.append(execution["id"])


def options(spec, **given):
    result = ArgumentSpecValidator({**CONNECTION_SPEC, **spec}).validate(given)
    assert not result.error_messages
    return result.validated_parameters


@pytest.fixture
def client(engine, clock):
    return Client(connect(options({})), sleep=clock.sleep)


@pytest.fixture
def run(client, engine):
    """Run a workflow whose execution is seen in the given states."""

    def start(states, observer=None, **given):
        params = options(RUN_SPEC, **{"workflow": "w", "execution_id": IDENTITY, **given})
        engine.script[IDENTITY] = list(states)
        return run_workflow(client, params, False, observer)

    return start


@pytest.mark.parametrize(
    ("states", "given", "failed", "state", "finished"),
    [
        (["RUNNING", "SUCCESS"], {}, False, "SUCCESS", True),
        (["RUNNING", "ERROR"], {}, True, "ERROR", True),
        (["CANCELLED"], {}, True, "CANCELLED", True),
        (["ERROR"], {"fail_on_error": False}, False, "ERROR", True),
        (["PAUSED", "SUCCESS"], {}, False, "SUCCESS", True),
        (["PAUSED"], {"on_paused": "fail"}, True, "PAUSED", False),
        (["PAUSED"], {"on_paused": "return"}, False, "PAUSED", False),
    ],
)
def test_an_end_is_judged_as_the_task_wants(states, given, failed, state, finished, run):
    result = run(states, **given)
    assert (bool(result.get("failed")), result["state"], result["finished"]) == (failed, state, finished)
    assert result["changed"] is True
    assert result["output"] == {"answer": 42}


@pytest.mark.parametrize(("on_timeout", "failed", "cancelled"), [("fail", True, False), ("return", False, False), ("cancel", True, True)])
def test_time_that_is_up(on_timeout, failed, cancelled, run, engine, clock):
    result = run([], wait_timeout=100, on_timeout=on_timeout)
    assert result["timed_out"] is True
    assert (bool(result.get("failed")), result["finished"]) == (failed, False)
    assert clock.now == pytest.approx(1100.0)
    assert any(method == "PUT" for method, dummy in engine.writes) is cancelled
    assert result["execution_id"] == IDENTITY


def test_gaps_begin_small_and_grow_to_the_longest(run, clock):
    run([], wait_timeout=600, on_timeout="return")
    naps = clock.naps[:-1]
    assert naps[0] == pytest.approx(0.1)
    assert naps == sorted(naps)
    assert max(naps) == 30.0


def test_an_end_that_comes_with_the_deadline_is_seen(run):
    looks = 5
    result = run(["RUNNING"] * looks + ["SUCCESS"], wait_timeout=0.1 + 0.15 + 0.225 + 0.3375 + 0.4)
    assert (result["state"], result["timed_out"]) == ("SUCCESS", False)


def test_trouble_on_the_way_is_borne_and_told_once(run, engine, clock):
    notebook = Notebook()
    # The first request looks for the execution, the second starts it; then the engine is gone for a while.
    original = engine.send
    outage = iter([True] * 12)

    def send(method, url, *args, **kwargs):
        if method == "GET" and engine.all("executions") and next(outage, False):
            engine.troubles = [503]
        return original(method, url, *args, **kwargs)

    engine.send = send
    result = run(["SUCCESS"], notebook)
    assert result["state"] == "SUCCESS"
    assert len(notebook.warnings) == 1


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_ends_the_wait_and_still_names_the_execution(status, run, engine):
    original = engine.send

    def send(method, url, *args, **kwargs):
        if method == "GET" and engine.all("executions"):
            engine.troubles = [status]
        return original(method, url, *args, **kwargs)

    engine.send = send
    result = run([])
    assert (result["failed"], result["status"], result["execution_id"]) == (True, status, IDENTITY)


def test_a_key_starts_once(client, engine):
    params = options(RUN_SPEC, workflow="w", idempotency_key="release 1", wait=False)
    first = run_workflow(client, params, False)
    second = run_workflow(client, params, False)
    assert (first["changed"], second["changed"]) == (True, False)
    assert first["execution_id"] == second["execution_id"]
    assert len(engine.all("executions")) == 1
    other = run_workflow(client, options(RUN_SPEC, workflow="w", idempotency_key="release 1", project_id="p", wait=False), False)
    assert other["execution_id"] != first["execution_id"]


def test_a_key_of_another_workflow_is_refused(client):
    run_workflow(client, options(RUN_SPEC, workflow="w", idempotency_key="k", wait=False), False)
    with pytest.raises(UsageError, match="is one of workflow w, not v"):
        run_workflow(client, options(RUN_SPEC, workflow="v", idempotency_key="k", wait=False), False)


def test_an_execution_by_id_alone_must_exist(client):
    with pytest.raises(UsageError, match="There is no execution"):
        run_workflow(client, options(RUN_SPEC, execution_id=IDENTITY), False)


def test_an_execution_is_repeated_with_its_input(client, engine):
    engine.add(
        "executions", id="old", workflow_id="w1", workflow_name="w", state="ERROR", input='{"a": 1, "b": 2}', params='{"env": {"x": 1}}'
    )
    result = run_workflow(client, options(RUN_SPEC, source_execution_id="old", input={"b": 3}, wait=False), False)
    assert result["execution"]["input"] == {"a": 1, "b": 3}
    assert result["execution"]["params"] == {"env": {"x": 1}}


def test_check_mode_starts_nothing(client, engine):
    engine.add("workflows", name="w", namespace="")
    result = run_workflow(client, options(RUN_SPEC, workflow="w", input={"a": 1}), True)
    assert (result["changed"], result["state"], result["execution"]["input"]) == (True, "IDLE", {"a": 1})
    assert not engine.writes
    with pytest.raises(EngineError):
        run_workflow(client, options(RUN_SPEC, workflow="missing"), True)


def test_the_failed_tasks_reason_is_the_message(run, engine):
    engine.add("tasks", id="t", name="call", state="ERROR", type="WORKFLOW", state_info="sub failed", workflow_execution_id=IDENTITY)
    engine.add("executions", id="child", task_execution_id="t", state="ERROR", workflow_name="c", workflow_id="c")
    engine.add("tasks", id="u", name="deploy", state="ERROR", type="ACTION", state_info="disk full", workflow_execution_id="child")
    result = run(["ERROR"])
    assert [task["name"] for task in result["failed_tasks"]] == ["deploy", "call"]
    assert result["msg"].endswith("ended in ERROR: task deploy: disk full")


def test_progress_tells_states_once_and_never_reasons(run, engine):
    notebook = Notebook()
    task = engine.add("tasks", name="deploy", state="RUNNING", type="ACTION", state_info="secret", workflow_execution_id=IDENTITY)
    original = engine.send
    looks = iter(["RUNNING", "RUNNING", "SUCCESS"])

    def send(method, url, *args, **kwargs):
        if method == "GET" and "/tasks" in url:
            task["state"] = next(looks, "SUCCESS")
            task["updated_at"] = "2026-01-01 00:01:00"
        return original(method, url, *args, **kwargs)

    engine.send = send
    run(["RUNNING"] * 3 + ["SUCCESS"], notebook)
    assert notebook.lines == ["deploy: RUNNING", "w: RUNNING", "deploy: SUCCESS (60 s)", "w: SUCCESS"]
    assert notebook.followed == [IDENTITY]


@pytest.mark.parametrize(("level", "expected"), [("none", []), ("state", ["w: RUNNING", "w: SUCCESS"])])
def test_less_progress_asks_for_no_tasks(level, expected, run, engine):
    notebook = Notebook()
    run(["RUNNING", "SUCCESS"], notebook, progress=level)
    assert notebook.lines == expected
    assert not [path for dummy, path, dummy, dummy in engine.requests if "/tasks" in path]


def test_progress_of_all_tells_sub_workflows_and_items(run, engine):
    notebook = Notebook()
    engine.add("tasks", id="t", name="call", state="RUNNING", type="WORKFLOW", workflow_execution_id=IDENTITY)
    engine.add("executions", id="child", root_execution_id=IDENTITY, task_execution_id="t", state="RUNNING", workflow_name="c")
    items = {"with_items": {"count": 3}}
    engine.add("tasks", id="u", name="each", state="RUNNING", type="ACTION", workflow_execution_id="child", runtime_context=items)
    for number, state in enumerate(("SUCCESS", "SUCCESS", "RUNNING")):
        engine.add("action_executions", id=f"a{number}", task_execution_id="u", state=state)
    run(["RUNNING", "SUCCESS"], notebook, progress="all")
    assert "call > each: RUNNING" in notebook.lines
    assert "call > each: 2 of 3 items done" in notebook.lines


def test_several_executions_are_waited_for(client, engine):
    for name, states in (("a", ["RUNNING", "SUCCESS"]), ("b", ["ERROR"])):
        engine.add("executions", id=name, workflow_name="w", workflow_id="w", state="RUNNING")
        engine.script[name] = list(states)
    result = wait_for_executions(client, options(WAIT_FOR_SPEC, execution_id=["a", "b"]), False)
    assert (result["failed"], result["execution_id"]) == (True, "b")
    assert [execution["state"] for execution in result["executions"]] == ["SUCCESS", "ERROR"]


def test_a_state_that_is_waited_for_is_no_failure(client, engine):
    engine.add("executions", id="a", workflow_name="w", workflow_id="w", state="RUNNING")
    engine.script["a"] = ["RUNNING", "PAUSED"]
    params = options(WAIT_FOR_SPEC, execution_id=["a"], until_state=["PAUSED"], on_paused="fail")
    result = wait_for_executions(client, params, False)
    assert (result.get("failed"), result["finished"], result["state"]) == (None, True, "PAUSED")


def events(*lines):
    return [{"counter": number, "stdout": line} for number, line in enumerate(lines, 1)]


def test_output_is_told_once_and_to_its_end(run, engine, monkeypatch):
    monkeypatch.setattr(live_output, "PAGE", 2)
    notebook = Notebook()
    task = engine.add("tasks", id="t", name="play", state="RUNNING", type="ACTION", workflow_execution_id=IDENTITY)
    action = engine.add("action_executions", id="a", task_execution_id="t", state="RUNNING")
    engine.events = {"a": events("one", "two\ntoo", "three")}
    original = engine.send

    def send(method, url, *args, **kwargs):
        if method == "GET" and f"executions/{IDENTITY}?" not in url and "/tasks?" in url and len(notebook.output) == 4:
            engine.events["a"] = events("one", "two\ntoo", "three", "", "four")
            task.update(state="SUCCESS", updated_at="2026-01-01 00:01:00")
            action["state"] = "SUCCESS"
        return original(method, url, *args, **kwargs)

    engine.send = send
    run(["RUNNING"] * 4 + ["SUCCESS"], notebook, show_output=True)
    assert notebook.output == ["play | one", "play | two", "play | too", "play | three", "play | four"]


def test_an_engine_without_output_is_asked_once(run, engine):
    notebook = Notebook()
    engine.add("tasks", id="t", name="play", state="RUNNING", type="ACTION", workflow_execution_id=IDENTITY)
    engine.add("action_executions", id="a", task_execution_id="t", state="RUNNING")
    run(["RUNNING"] * 4 + ["SUCCESS"], notebook, show_output=True)
    assert notebook.output == []
    assert len([path for dummy, path, dummy, dummy in engine.requests if path.endswith("/events")]) == 1


def renewals(engine):
    return [method for method, path, dummy, dummy in engine.requests if path.endswith("/lease") and method == "PUT"]


def test_a_lease_begins_with_the_execution_and_is_renewed_in_time(run, engine, clock):
    result = run(["RUNNING"] * 40 + ["SUCCESS"], lease=60, on_lease_lost="pause")
    assert result["execution"]["params"]["lease"] == {"seconds": 60.0, "on_lost": "pause"}
    assert max(clock.naps) == 20.0
    assert len(renewals(engine)) == pytest.approx((clock.now - 1000) / 20, abs=3)
    assert engine.leases == {IDENTITY: {"seconds": 60.0, "on_lost": "pause"}}


def test_who_finds_an_execution_takes_its_lease_over(client, engine):
    engine.add("executions", id=IDENTITY, workflow_name="w", workflow_id="w", state="RUNNING")
    engine.script[IDENTITY] = ["SUCCESS"]
    wait_for_executions(client, options(WAIT_FOR_SPEC, execution_id=[IDENTITY], lease=30), False)
    assert engine.leases == {IDENTITY: {"seconds": 30.0, "on_lost": "cancel"}}


@pytest.mark.parametrize("given", [{"wait_timeout": 50}, {"wait_timeout": 50, "on_timeout": "return"}])
def test_who_stops_waiting_gives_the_lease_back(given, run, engine):
    run([], lease=30, **given)
    assert len(renewals(engine)) > 1
    assert engine.leases[IDENTITY]["on_lost"] == "leave"


def test_an_engine_without_leases_is_asked_once_and_the_user_told(run, engine):
    notebook = Notebook()
    engine.leases = None
    result = run(["RUNNING"] * 10 + ["SUCCESS"], notebook, lease=5)
    assert result["state"] == "SUCCESS"
    assert len(renewals(engine)) == 1
    assert len([text for text in notebook.warnings if "keeps no lease" in text]) == 1


def test_a_renewal_that_fails_is_tried_again(run, engine):
    notebook = Notebook()
    original, troubles = engine.send, iter([503] * 5)

    def send(method, url, *args, **kwargs):
        engine.troubles = [trouble for trouble in [next(troubles, None)] if trouble] if url.endswith("/lease") else []
        return original(method, url, *args, **kwargs)

    engine.send = send
    run(["RUNNING"] * 10 + ["SUCCESS"], notebook, lease=30)
    assert notebook.warnings == []
    assert engine.leases


def test_without_a_lease_nothing_is_asked(run, engine):
    result = run(["RUNNING", "SUCCESS"])
    assert "lease" not in result["execution"]["params"]
    assert renewals(engine) == []


def test_a_lease_without_waiting_is_refused(client):
    with pytest.raises(UsageError, match="lease needs wait"):
        run_workflow(client, options(RUN_SPEC, workflow="w", wait=False, lease=30), False)


def test_the_origin_is_kept_and_not_taken_over_by_a_repetition(client):
    origin = {"play": "p", "awx_job_id": 7}
    first = run_workflow(client, options(RUN_SPEC, workflow="w", wait=False), False, origin=origin)
    assert first["execution"]["params"]["origin"] == origin
    assert first["execution"]["description"] == "Started by Ansible, play p, AWX job 7 of nobody"
    second = run_workflow(client, options(RUN_SPEC, source_execution_id=first["execution_id"], wait=False), False)
    assert second["execution"]["params"] == {}
