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


def stats(failures=0):
    columns = {name: {} for name in ("ok", "changed", "dark", "skipped", "rescued")}
    return SimpleNamespace(processed={"h": 1}, failures={"h": failures}, custom={"_run": {"answer": 42}}, **columns)


def result(message, hidden=False):
    task = SimpleNamespace(get_name=lambda: "Restart", action="ansible.builtin.service", no_log=hidden)
    return SimpleNamespace(
        _host=SimpleNamespace(get_name=lambda: "h"), _task=task, _result={"msg": message}, host=None, task=None, result=None
    )


def bodies(engine):
    return [json.loads(text) for method, dummy, dummy, text in engine.requests if method == "PUT"]


def test_a_good_play_completes_the_action(report, engine):
    plugin = report()
    plugin.v2_playbook_on_start(None)
    plugin.v2_runner_on_ok(None)
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
