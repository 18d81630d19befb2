"""Dynamic actions run: in a process of their own, with limits, only where they are switched on (A284; 1.15)."""

from __future__ import annotations

import json
import os
from contextlib import closing

import pytest
from live import Api, running, unique

CODE = '''
import json, os, resource, sys, time
from mistral_lib import actions


class Greet(actions.Action):
    """Say hello."""

    def __init__(self, who, loud=False, other=object()):
        self.who, self.loud = who, loud

    def run(self, context):
        print("not the result")
        return {"text": "Hello " + self.who, "loud": self.loud, "project": context.security.project_id,
                "workflow": context.execution.workflow_name}


class Refuse(Greet):
    def __init__(self): pass
    def run(self, context): return actions.Result(error={"code": 7})


class Raise(Refuse):
    def run(self, context): raise ValueError("no luck")


class Leave(Refuse):
    def run(self, context): sys.exit(3)


class Around(Refuse):
    def run(self, context):
        return {"environment": sorted(os.environ), "descriptors": len(os.listdir("/proc/self/fd")), "home": os.getcwd(),
                "core": resource.getrlimit(resource.RLIMIT_CORE)[1]}


class Spin(Refuse):
    def run(self, context):
        while True: pass


class Sleep(Refuse):
    def run(self, context): time.sleep(600)


class Eat(Refuse):
    def run(self, context): return len(bytearray(4 * 1024 ** 3))


class Kill(Refuse):
    def run(self, context): os.kill(os.getpid(), 9)


class Later(Refuse):
    def is_sync(self): return False
    def run(self, context): return None
'''
CLASSES = ("Greet", "Refuse", "Raise", "Leave", "Around", "Spin", "Sleep", "Eat", "Kill", "Later", "Missing")
OPTIONS = {"auth": "none", "dynamic_actions": {"enabled": True, "timeout": 60, "cpu": 1, "memory": 1024 ** 3}}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """An administrator of a server that runs dynamic actions ``d.CLASS``, public ones."""
    with running(tmp_path_factory.mktemp("dynamic"), **OPTIONS) as server, closing(Api(server.url, {"X-Roles": "admin"})) as api:
        assert api.post("code_sources", CODE, name="code").status_code == 201
        for name in CLASSES:
            body = {"name": f"d.{name}", "class_name": name, "code_source_name": "code", "scope": "public"}
            assert api.post("dynamic_actions", body).status_code == 201
        yield api


@pytest.fixture(scope="module")
def act(root):
    """Run one in a request: state and result."""

    def run(name, **inputs):
        reply = root.post("action_executions", {"name": f"d.{name}", "input": inputs})
        return (reply.json()["state"], json.loads(reply.json()["output"])["result"]) if reply.status_code == 201 else reply.text

    return run


def test_A284_inputs_and_results_pass_as_json(act):
    state, result = act("Greet", who="Ann", loud=True)

    assert state == "SUCCESS", result
    assert result == {"text": "Hello Ann", "loud": True, "project": "<default-project>", "workflow": None}


def test_A284_the_catalogue_shows_it_with_its_inputs(root):
    one = root.get("actions/d.Greet").json()
    (listed,) = root.get("actions", name="d.Greet").json()["actions"]

    assert (one["input"], one["description"], one["scope"]) == ("who, loud=false, other=null", "Say hello.", "public")
    assert listed == one
    assert root.get("actions/dynamic action").status_code == 404


def test_A284_workflows_call_it_as_any_action_and_ad_hoc_actions_build_on_it(root):
    adhoc = unique("h")
    root.post("actions", f"version: '2.0'\n{adhoc}:\n  input: [name]\n  base: d.Greet\n  base-input: {{who: <% $.name %>}}\n"
                         "  output: <% $.text %>\n")
    text = (
        "version: '2.0'\n{name}:\n  output: {{one: <% task(a).result.text %>, two: <% task(b).result %>}}\n  tasks:\n"
        "    a: {{action: d.Greet, input: {{who: Bob}}, on-success: b}}\n"
        f"    b: {{{{action: {adhoc}, input: {{{{name: Cid}}}}}}}}\n")
    ended = root.run(text)

    assert ended["state"] == "SUCCESS", ended["state_info"]
    assert json.loads(ended["output"]) == {"one": "Hello Bob", "two": "Hello Cid"}


def test_an_attempt_shows_only_the_inputs_that_were_given(root):
    made = root.post("action_executions", {"name": "d.Greet", "input": {"who": "Ann"}, "params": {"save_result": True}}).json()
    ended = root.until(f"action_executions/{made['id']}")

    assert (ended["name"], json.loads(ended["input"]), ended["state"]) == ("d.Greet", {"who": "Ann"}, "SUCCESS")


@pytest.mark.parametrize(("name", "texts"), [
    ("Raise", ["ValueError: no luck"]), ("Leave", ["SystemExit: 3"]), ("Eat", ["MemoryError"]), ("Kill", ["was killed"]),
    ("Spin", ["processor time"]), ("Missing", ["there is no class Missing"]),
])
def test_failures_are_named(act, name, texts):
    state, result = act(name)

    assert state == "ERROR"
    for text in texts:
        assert text in result


def test_an_error_result_comes_back_as_data(act):
    assert act("Refuse") == ("ERROR", {"code": 7})


@pytest.mark.parametrize(("inputs", "text"), [({}, "missing=['who']"), ({"who": 1, "odd": 2}, "unexpected=['odd']")])
def test_inputs_are_checked_before_it_runs(act, inputs, text):
    assert text in act("Greet", **inputs)


def test_the_process_inherits_nothing(act, monkeypatch):
    monkeypatch.setitem(os.environ, "MAESTRALE_DATABASE_URL_OF_A_TEST", "secret")
    state, around = act("Around")

    assert state == "SUCCESS", around
    assert set(around["environment"]) <= {"PYTHONPATH", "PATH", "LC_ALL", "LC_CTYPE"}
    assert around["descriptors"] <= 5
    assert (around["home"], around["core"]) == ("/", 0)


def test_a_cancelled_one_ends(root):
    execution = root.start(root.define("version: '2.0'\n{name}:\n  tasks:\n    a: {{action: d.Sleep, timeout: 1}}\n"))
    ended = root.until(f"executions/{execution['id']}")

    assert ended["state"] == "ERROR"


def test_an_asynchronous_one_waits_for_its_completion(root):
    execution = root.start(root.define("version: '2.0'\n{name}:\n  tasks:\n    a: {{action: d.Later}}\n"))["id"]
    action = root.action(execution, "a")
    root.put(f"action_executions/{action['id']}", {"state": "SUCCESS", "output": {"x": 1}})

    assert root.until(f"executions/{execution}")["state"] == "SUCCESS"


def test_changed_code_counts_at_once(root, act):
    root.post("code_sources", "class A:\n    def run(self, context): return 1\n", name="changing")
    root.post("dynamic_actions", {"name": "d.changing", "class_name": "A", "code_source_name": "changing"})
    first = act("changing")
    root.put("code_sources", "class A:\n    def run(self, context): return 2\n", identifier="changing")

    assert (first, act("changing")) == (("SUCCESS", 1), ("SUCCESS", 2))


def test_broken_code_is_named_with_its_line(root, act):
    root.post("code_sources", "class A:\n    def run(self context): pass\n", name="broken")
    root.post("dynamic_actions", {"name": "d.broken", "class_name": "A", "code_source_name": "broken"})
    state, result = act("broken")

    assert (state, "SyntaxError" in result, "line 2" in result) == ("ERROR", True, True)


def test_off_by_default(admin):
    assert admin.post("code_sources", CODE, name=unique("s")).status_code == 201
    source = admin.get("code_sources").json()["code_sources"][-1]["id"]
    name = unique("d")
    assert admin.post("dynamic_actions", {"name": name, "class_name": "Greet", "code_source_id": source}).status_code == 201
    refused = admin.post("action_executions", {"name": name, "input": {"who": "x"}})

    assert (refused.status_code, "Failed to find action" in refused.text) == (400, True)
    assert admin.get(f"actions/{name}").status_code == 404


def test_nobody_calls_what_carries_them_out(root):
    body = {"name": "dynamic action", "input": {"source_id": "x", "class_name": "Greet", "inputs": {}}}

    assert root.post("action_executions", body).status_code == 400
