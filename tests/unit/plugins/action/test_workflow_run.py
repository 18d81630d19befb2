# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE)
# SPDX-License-Identifier: Apache-2.0

"""The action plugin: progress through the display, masking, the task's environment, hand-over, interrupts."""

from __future__ import annotations

import os
import signal
from unittest import mock

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play_context import PlayContext
from ansible.playbook.task import Task
from ansible.template import Templar
from ansible_collections.maestrale.mistral.plugins.action import workflow_run
from ansible_collections.maestrale.mistral.plugins.plugin_utils import interrupts, observing, task_environment

NAME = "maestrale.mistral.workflow_run"


@pytest.fixture
def action(engine, monkeypatch):
    """The plugin on a real task."""

    def make(name=NAME, environment=None, no_log=False, async_val=0, **arguments):
        task = Task()
        task._resolved_action = name
        task.action = name
        task.args = arguments
        task.async_val = async_val
        task.environment = environment
        task.no_log = no_log
        loader = DataLoader()
        plugin = workflow_run.ActionModule(
            task=task,
            connection=mock.Mock(),
            play_context=PlayContext(),
            loader=loader,
            templar=Templar(loader),
            shared_loader_obj=mock.Mock(),
        )
        plugin._display = mock.Mock()
        return plugin

    return make


def shown(plugin):
    return [call.args[0] for call in plugin._display.display.call_args_list]


def scripted(engine, *states):
    """Whatever is started is seen in these states."""
    original = engine._start

    def start(body):
        execution = original(body)
        engine.script[execution["id"]] = list(states)
        return execution

    engine._start = start


def test_progress_is_shown_with_how_to_follow(action, engine):
    scripted(engine, "RUNNING", "SUCCESS")
    plugin = action(workflow="w")
    result = plugin.run(task_vars={"ansible_play_name": "p", "inventory_hostname": "h", "awx_job_id": 7, "awx_user_name": "ann"})
    assert result["state"] == "SUCCESS"
    first, *rest = shown(plugin)
    assert result["execution_id"] in first
    assert "an interrupt leaves it running" in first
    assert rest == ["  w: RUNNING", "  w: SUCCESS"]
    execution = engine.all("executions")[0]
    assert execution["description"] == "Started by Ansible, play p, host h, AWX job 7 of ann"
    origin = {"play": "p", "host": "h", "awx_job_id": 7, "awx_user_name": "ann"}
    assert result["execution"]["params"]["origin"] == origin


def test_hosts_are_told_apart_where_there_are_several(action, engine):
    scripted(engine, "SUCCESS")
    plugin = action(workflow="w")
    plugin.run(task_vars={"inventory_hostname": "h", "ansible_play_hosts_all": ["h", "i"]})
    assert all(line.startswith("  [h] ") for line in shown(plugin))


def test_no_log_shows_nothing(action, engine):
    scripted(engine, "SUCCESS")
    plugin = action(workflow="w", no_log=True)
    plugin.run(task_vars={})
    assert shown(plugin) == []


def test_secrets_are_masked_and_still_sent(action, engine):
    scripted(engine, "SUCCESS")
    plugin = action(workflow="w", input={"user": "u"}, secrets={"password": "correct horse"}, token="a very long token")
    result = plugin.run(task_vars={})
    assert "correct horse" in engine.all("executions")[0]["input"]
    assert "correct horse" not in str(result)
    assert "a very long token" not in str(result)
    assert "correct horse" not in str(shown(plugin))


def test_secrets_are_masked_in_output_too(action, engine):
    scripted(engine, "RUNNING", "SUCCESS")
    plugin = action(workflow="w", secrets={"password": "correct horse"}, show_output=True, execution_id="x")
    engine.add("tasks", id="t", name="play", state="SUCCESS", type="ACTION", workflow_execution_id="x")
    engine.add("action_executions", id="a", task_execution_id="t", state="SUCCESS")
    engine.events = {"a": [{"counter": 1, "stdout": "the password is correct horse"}]}
    plugin.run(task_vars={})
    assert "  play | the password is ********" in shown(plugin)


def test_the_environment_of_the_task_counts(action, engine, monkeypatch):
    monkeypatch.setenv("MAESTRALE_ENDPOINT", "http://other")
    scripted(engine, "SUCCESS")
    result = action(workflow="w", environment=[{"MAESTRALE_ENDPOINT": "http://wanted"}]).run(task_vars={})
    assert result["url"].startswith("http://wanted/v2/executions/")
    assert os.environ["MAESTRALE_ENDPOINT"] == "http://other"


def test_a_failure_is_returned_not_raised(action, engine):
    engine.troubles = [403] * 9
    result = action(workflow="w", execution_id="x").run(task_vars={})
    assert (result["failed"], result["status"]) == (True, 403)


@pytest.mark.parametrize("arguments", [{"async_val": 60}, {"run_from": "target"}])
def test_the_module_takes_over_where_the_controller_can_not(arguments, action, engine):
    plugin = action(workflow="w", **arguments)
    with mock.patch.object(plugin, "_execute_module", return_value={"changed": True}) as execute:
        assert plugin.run(task_vars={}) == {"changed": True}
    assert execute.call_args.kwargs["module_name"] == NAME
    assert execute.call_args.kwargs["wrap_async"] == arguments.get("async_val", 0)
    assert not engine.requests


@pytest.mark.parametrize(("on_interrupt", "cancelled"), [("leave", False), ("cancel", True)])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_cancels_only_if_asked_and_goes_on(number, on_interrupt, cancelled, action, engine, monkeypatch):
    received = []
    monkeypatch.setattr(interrupts.os, "kill", lambda pid, sent: received.append(sent))
    original = engine.send

    def send(method, url, *args, **kwargs):
        if method == "GET" and engine.all("executions"):
            signal.raise_signal(number)
        return original(method, url, *args, **kwargs)

    engine.send = send
    before = signal.getsignal(number)
    with pytest.raises(interrupts.Interrupted):
        action(workflow="w", on_interrupt=on_interrupt).run(task_vars={})
    assert received == [number]
    assert signal.getsignal(number) is before
    assert any(method == "PUT" for method, dummy in engine.writes) is cancelled


def test_an_interrupt_that_leaves_the_execution_gives_its_lease_back(action, engine):
    original = engine.send

    def send(method, url, *args, **kwargs):
        if method == "GET" and engine.leases:
            assert engine.leases == {"x": {"seconds": 30.0, "on_lost": "cancel"}}
            raise KeyboardInterrupt
        return original(method, url, *args, **kwargs)

    engine.send = send
    with pytest.raises(KeyboardInterrupt):
        action(workflow="w", execution_id="x", lease=30).run(task_vars={})
    assert engine.leases == {"x": {"seconds": 30.0, "on_lost": "leave"}}


@pytest.mark.parametrize(("on_interrupt", "state"), [("leave", "RUNNING"), ("cancel", "CANCELLED")])
def test_a_worker_whose_play_was_killed_stops_and_leaves_the_lease_to_the_engine(on_interrupt, state, action, engine, monkeypatch):
    parents = iter([10, 10, 10])
    monkeypatch.setattr(observing.os, "getppid", lambda: next(parents, 1))
    with pytest.raises(interrupts.Orphaned):
        action(workflow="w", lease=30, on_interrupt=on_interrupt).run(task_vars={})
    assert engine.all("executions")[0]["state"] == state
    assert [lease["on_lost"] for lease in engine.leases.values()] == ["cancel"]


def test_a_timeout_of_the_task_cancels_if_asked(action, engine):
    class TimeIsUp(BaseException):
        pass

    original = engine.send

    def send(method, url, *args, **kwargs):
        if method == "GET" and engine.all("executions"):
            raise TimeIsUp
        return original(method, url, *args, **kwargs)

    engine.send = send
    with pytest.raises(TimeIsUp):
        action(workflow="w", on_interrupt="cancel").run(task_vars={})
    assert engine.all("executions")[0]["state"] == "CANCELLED"


def test_execution_wait_shares_the_plugin(action, engine):
    engine.add("executions", id="x", workflow_name="w", workflow_id="w", state="SUCCESS")
    result = action(name="maestrale.mistral.execution_wait", execution_id=["x"]).run(task_vars={})
    assert result["executions"][0]["state"] == "SUCCESS"


def test_task_environment_templates_layers_in_order():
    task, templar = mock.Mock(environment=[{"A": "1"}, None, {"A": "2"}]), mock.Mock(template=lambda value: value)
    with task_environment.task_environment(task, templar):
        assert os.environ["A"] == "2"
    assert "A" not in os.environ
