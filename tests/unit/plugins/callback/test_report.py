# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE)
# SPDX-License-Identifier: Apache-2.0

"""What a play elsewhere tells the engine."""

from __future__ import annotations

import atexit
import json
import os
import signal
import sys
from types import SimpleNamespace
from unittest import mock

import pytest
from ansible.plugins.loader import callback_loader
from ansible_collections.maestrale.mistral.plugins.plugin_utils import told_output


@pytest.fixture(autouse=True)
def ends(monkeypatch):
    """What is called when the process ends, in place of calling it then; signals as before."""
    handler = signal.getsignal(signal.SIGTERM)
    registered = []
    monkeypatch.setattr(atexit, "register", lambda function, *given: registered.append((function, given)))
    yield registered
    signal.signal(signal.SIGTERM, handler)


def end_the_process(ends):
    for function, given in ends:
        function(*given)


@pytest.fixture
def report(engine, clock, monkeypatch):
    def make(target="a"):
        engine.add("action_executions", id="a", state="RUNNING")
        if target:
            monkeypatch.setenv("MAESTRALE_ACTION_EXECUTION_ID", target)
        plugin = callback_loader.get("maestrale.mistral.report")
        monkeypatch.setattr(sys.modules[type(plugin).__module__], "time", clock)
        monkeypatch.setattr(told_output, "time", clock)
        plugin.set_options()
        plugin._display = mock.Mock()
        monkeypatch.setattr(plugin._client, "_sleep", clock.sleep) if plugin._client else None
        return plugin

    return make


def named(name):
    return SimpleNamespace(get_name=lambda: name)


def stats(failed=0, **given):
    columns = {name: {} for name in ("ok", "changed", "dark", "skipped", "rescued", "ignored")}
    custom = {"_run": {"answer": 42}, "h": {"own": 1}}
    return SimpleNamespace(**{"processed": {"h": 1}, "failures": {"h": failed}, "custom": custom, **columns, **given})


def result(message, hidden=False, host="h", name="Restart", **values):
    task = SimpleNamespace(get_name=lambda: name, action="ansible.builtin.service", no_log=hidden)
    values = {"msg": message, "changed": True, **values}
    return SimpleNamespace(_host=named(host), _task=task, _result=values, host=None, task=None, result=None)


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
    plugin.v2_runner_item_on_failed(
        result(
            "the password is x", hidden=True, ansible_loop_var="item", item="password", stderr="password", _ansible_item_label="password"
        )
    )
    plugin.v2_runner_on_failed(result("the password is x", hidden=True, stderr="password"))
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


def test_output_is_told_in_portions_and_waits_while_the_engine_is_away(report, engine, clock, monkeypatch):
    engine.events = {}
    plugin = report()
    plugin.set_option("batch_seconds", 0)
    monkeypatch.setattr(plugin._output, "_seconds", 0.0)
    engine.troubles = [503]
    plugin._told_at = float("inf")
    plugin.v2_runner_on_ok(result(""))
    assert engine.events == {}
    clock.now += 60
    plugin.v2_runner_on_ok(result(""))
    assert len(engine.events["a"]) == 2


def test_an_engine_that_is_away_is_not_asked_at_each_task(report, engine, clock):
    engine.events = {}
    plugin = report()
    plugin._output._seconds = 0.0
    engine.troubles = [None] * 4
    plugin.v2_playbook_on_start(None)
    asked = len(engine.requests)
    for dummy in range(10):
        plugin.v2_runner_on_ok(result(""))
    assert len(engine.requests) == asked
    clock.now += 60
    plugin.v2_runner_on_ok(result(""))
    assert len(engine.events["a"]) == 11


def test_the_end_of_a_play_reaches_an_engine_that_was_away_for_minutes(report, engine, clock):
    engine.events = {}
    plugin = report()
    plugin.v2_playbook_on_start(None)
    plugin.v2_runner_on_ok(result(""))
    began = clock.now
    engine.troubles = [None, 503] * 60
    plugin.v2_playbook_on_stats(stats())
    assert engine.troubles == []
    assert clock.now - began > 120
    assert len(engine.events["a"]) == 2
    assert bodies(engine)[-1]["state"] == "SUCCESS"
    assert not plugin._display.warning.called


def test_output_is_stored_once_though_the_answer_was_lost(report, engine, clock):
    engine.events = {}
    plugin = report()
    plugin._told_at = float("inf")
    plugin._output._seconds = 0.0
    engine.lost_answers = 1
    plugin.v2_runner_on_ok(result("", host="first"))
    plugin.v2_runner_on_ok(result("", host="second"))
    plugin.v2_playbook_on_stats(stats())
    assert [event["host"] for event in engine.events["a"] if "host" in event] == ["first", "second"]


def test_what_is_more_than_is_kept_while_the_engine_is_away_is_said_to_be_lost(report, engine, clock, monkeypatch):
    engine.events = {}
    monkeypatch.setattr(told_output, "KEPT", 3)
    plugin = report()
    plugin._told_at = float("inf")
    for host in "abcde":
        plugin.v2_runner_on_ok(result("", host=host))
    clock.now += 60
    plugin.v2_runner_on_ok(result("", host="f"))
    plugin.v2_runner_on_ok(result("", host="g"))
    plugin.v2_playbook_on_stats(stats())
    told = [event.get("host") or event["stdout"] for event in engine.events["a"]][:5]
    assert told == ["(3 events were lost)", "d", "e", "f", "g"]


def test_an_engine_that_stays_away_does_not_hold_up_the_plays_end_for_ever(report, engine, clock):
    plugin = report()
    began = clock.now
    engine.troubles = [None] * 10_000
    plugin.v2_playbook_on_stats(stats())
    assert clock.now - began == pytest.approx(300, abs=30)
    assert plugin._display.warning.call_count == 1


def test_a_play_that_ends_without_a_recap_completes_the_action_with_an_error(report, engine, ends):
    engine.events = {}
    plugin = report()
    plugin.v2_playbook_on_start(None)
    plugin.v2_runner_on_failed(result("disk full"))
    end_the_process(ends)
    last = bodies(engine)[-1]
    assert last["state"] == "ERROR"
    assert last["output"]["message"].startswith("The play ended before its recap")
    assert (last["output"]["hosts"]["failed"], last["output"]["failed_tasks"][0]["msg"]) == (["h"], "disk full")
    assert engine.events["a"][-1]["stdout"] == last["output"]["message"]


def test_a_play_that_reached_its_recap_is_not_told_twice(report, engine, ends):
    plugin = report()
    plugin.v2_playbook_on_start(None)
    plugin.v2_playbook_on_stats(stats())
    told = len(engine.requests)
    end_the_process(ends)
    assert len(engine.requests) == told


def test_a_copy_of_the_process_tells_nothing_when_it_ends(report, engine, ends, monkeypatch):
    plugin = report()
    plugin.v2_playbook_on_start(None)
    told = len(engine.requests)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    end_the_process(ends)
    assert len(engine.requests) == told


def test_a_play_that_is_told_to_end_completes_the_action_and_then_ends_as_it_would(report, engine):
    seen = []
    signal.signal(signal.SIGTERM, lambda number, frame: seen.append(len(bodies(engine))))
    plugin = report()
    plugin.v2_playbook_on_start(None)
    os.kill(os.getpid(), signal.SIGTERM)
    assert bodies(engine)[-1]["output"]["message"] == "The play was ended by a signal before its recap."
    assert seen == [2]


def test_the_result_names_the_hosts_as_that_of_a_playbook_of_the_engine_does(report, engine):
    plugin = report()
    hosts = dict.fromkeys("abcd", 1)
    plugin.v2_playbook_on_stats(
        stats(processed=hosts, failures={"b": 1}, dark={"c": 1}, changed={"a": 1}, skipped={"d": 2}, ok={"a": 1, "d": 1})
    )
    output = bodies(engine)[-1]["output"]
    assert output["hosts"] == {"ok": ["a", "d"], "changed": ["a"], "failed": ["b"], "unreachable": ["c"], "skipped": ["d"]}
    assert (output["artifacts"], output["host_artifacts"]) == ({"answer": 42}, {"h": {"own": 1}})


def test_failed_items_stand_for_the_failure_of_their_loop(report, engine):
    engine.events = {}
    plugin = report()
    item = {"ansible_loop_var": "item", "item": {"k": 1}, "_ansible_item_label": "two", "rc": 7, "stderr": "oh"}
    plugin.v2_runner_item_on_failed(result("bad", **item))
    plugin.v2_runner_on_failed(result("One or more items failed"))
    plugin.v2_playbook_on_stats(stats(1))
    (failure,) = bodies(engine)[-1]["output"]["failed_tasks"]
    assert (failure["item"], failure["msg"], failure["rc"], failure["stderr"]) == ("two", "bad", 7, "oh")
    assert engine.events["a"][0]["stdout"] == "failed: [h] (item=two): bad"


def test_failed_items_of_a_task_whose_failure_is_ignored_do_not_count(report, engine):
    plugin = report()
    plugin.v2_runner_item_on_failed(result("bad", ansible_loop_var="item", item="x"))
    plugin.v2_runner_on_failed(result("One or more items failed"), ignore_errors=True)
    plugin.v2_runner_on_failed(result("worse", name="Later"))
    plugin.v2_playbook_on_stats(stats(1))
    assert [one["msg"] for one in bodies(engine)[-1]["output"]["failed_tasks"]] == ["worse"]


def test_rescued_failures_are_told_apart(report, engine):
    plugin = report()
    plugin.v2_runner_on_failed(result("mended", name="First"))
    plugin.v2_runner_on_failed(result("not mended", name="Second"))
    plugin.v2_playbook_on_stats(stats(1, rescued={"h": 1}))
    output = bodies(engine)[-1]["output"]
    assert [one["msg"] for one in output["failed_tasks"]] == ["not mended"]
    assert [one["msg"] for one in output["rescued_tasks"]] == ["mended"]


def test_an_engine_that_keeps_no_output_is_told_the_rest(report, engine):
    plugin = report()
    plugin.v2_runner_on_ok(result(""))
    plugin.v2_playbook_on_stats(stats())
    assert bodies(engine)[-1]["state"] == "SUCCESS"
    assert not plugin._display.warning.called


def test_a_file_to_include_that_is_not_there_is_named(report, engine):
    plugin = report()
    plugin.v2_runner_on_failed(result("", reason="no such file"))
    plugin.v2_playbook_on_stats(stats(1))
    assert bodies(engine)[-1]["output"]["failed_tasks"][0]["msg"] == "no such file"
