# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE)
# SPDX-License-Identifier: Apache-2.0

"""What a play elsewhere tells the engine."""

from __future__ import annotations

import json
from types import SimpleNamespace
from unittest import mock

import pytest
from ansible.plugins.loader import callback_loader


@pytest.fixture
def report(engine, monkeypatch):
    def make(target="a"):
        engine.add("action_executions", id="a", state="RUNNING")
        if target:
            monkeypatch.setenv("MAESTRALE_ACTION_EXECUTION_ID", target)
        plugin = callback_loader.get("maestrale.mistral.report")
        plugin.set_options()
        plugin._display = mock.Mock()
        return plugin

    return make


def named(name):
    return SimpleNamespace(get_name=lambda: name)


def stats(failures=0):
    columns = {name: {} for name in ("ok", "changed", "dark", "skipped", "rescued")}
    return SimpleNamespace(processed={"h": 1}, failures={"h": failures}, custom={"_run": {"answer": 42}}, **columns)


def result(message, hidden=False):
    task = SimpleNamespace(get_name=lambda: "Restart", action="ansible.builtin.service", no_log=hidden)
    return SimpleNamespace(_host=named("h"), _task=task, _result={"msg": message, "changed": True}, host=None, task=None, result=None)


def bodies(engine):
    return [json.loads(text) for method, dummy, dummy, text in engine.requests if method == "PUT"]


def test_a_good_play_completes_the_action(report, engine):
    plugin = report()
    plugin.v2_playbook_on_start(None)
    plugin.v2_runner_on_ok(result(""))
    plugin.v2_playbook_on_stats(stats())
    first, last = bodies(engine)
    assert first == {"state": "RUNNING"}
    assert (last["state"], last["output"]["status"], last["output"]["artifacts"]) == ("SUCCESS", "successful", {"answer": 42})


def test_a_bad_play_says_where_it_failed(report, engine):
    plugin = report()
    plugin.v2_runner_on_failed(result("disk full"))
    plugin.v2_playbook_on_stats(stats(1))
    last = bodies(engine)[-1]
    assert last["state"] == "ERROR"
    assert last["output"]["message"] == "h failed in task Restart: disk full"
    assert last["output"]["failed_tasks"][0]["module"] == "ansible.builtin.service"


def test_hidden_results_stay_hidden(report, engine):
    plugin = report()
    plugin.v2_runner_on_failed(result("the password is x", hidden=True))
    plugin.v2_playbook_on_stats(stats(1))
    assert "password" not in str(bodies(engine))


def test_trouble_is_told_once_and_fails_nothing(report, engine):
    plugin = report("missing")
    plugin.v2_playbook_on_start(None)
    plugin.v2_playbook_on_stats(stats())
    assert plugin._display.warning.call_count == 1


def test_without_an_action_nothing_is_sent(report, engine, monkeypatch):
    monkeypatch.delenv("MAESTRALE_ACTION_EXECUTION_ID", raising=False)
    plugin = report(None)
    assert plugin.disabled
    plugin.v2_playbook_on_stats(stats())
    assert not engine.requests


def test_what_happens_is_told_as_output_before_the_end(report, engine):
    engine.events = {}
    plugin = report()
    plugin.v2_playbook_on_start(None)
    plugin.v2_playbook_on_play_start(named("Deploy"))
    plugin.v2_playbook_on_task_start(named("Restart"), False)
    plugin.v2_runner_on_ok(result("it holds a secret"))
    plugin.v2_runner_on_skipped(result(""))
    plugin.v2_runner_on_failed(result("disk full"), ignore_errors=True)
    plugin.v2_runner_on_unreachable(result("no route"))
    plugin.v2_playbook_on_stats(stats(1))
    lines = [event["stdout"] for event in engine.events["a"]]
    assert lines[:-1] == [
        "PLAY [Deploy]",
        "TASK [Restart]",
        "changed: [h]",
        "skipping: [h]",
        "failed (ignored): [h]: disk full",
        "unreachable: [h]: no route",
    ]
    assert lines[-1].startswith("PLAY RECAP\nh: ok=0 ")
    assert [event["host"] for event in engine.events["a"] if event["event"] == "runner_on_ok"] == ["h"]
    methods = [method for method, path, dummy, dummy in engine.requests]
    assert methods[-2:] == ["POST", "PUT"]


def test_output_is_told_in_portions_and_waits_while_the_engine_is_away(report, engine, monkeypatch):
    engine.events = {}
    plugin = report()
    plugin.set_option("batch_seconds", 0)
    monkeypatch.setattr(plugin._output, "_seconds", 0.0)
    engine.troubles = [503] * 4
    plugin._told_at = float("inf")
    plugin.v2_runner_on_ok(result(""))
    assert engine.events == {}
    engine.troubles = []
    plugin.v2_runner_on_ok(result(""))
    assert len(engine.events["a"]) == 2


def test_an_engine_that_keeps_no_output_is_told_the_rest(report, engine):
    plugin = report()
    plugin.v2_runner_on_ok(result(""))
    plugin.v2_playbook_on_stats(stats())
    assert bodies(engine)[-1]["state"] == "SUCCESS"
    assert not plugin._display.warning.called
