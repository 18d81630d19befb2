"""Workflows, workbooks, actions and environments: A081 to A135 and A228 to A233."""

from __future__ import annotations

import hashlib
import json
from uuid import uuid4

import pytest
import yaml
from live import NOOP, WAITING, text_of, unique

BAD = "version: '2.0'\n{name}:\n  tasks:\n    t: {{action: std.noop, on-success: ghost}}\n"
BOOK = """version: '2.0'
name: {name}
tags: [t1]
actions:
  a1: {{input: [x, {{y: 5}}, {{z: null}}, {{s: str}}], base: std.noop}}
workflows:
  w1: {{output: {{o: <% $.r %>}}, tasks: {{t: {{workflow: w1b, publish: {{r: <% task().result.v %>}}}}}}}}
  w1b: {{output: {{v: sibling}}, tasks: {{t: {{action: std.noop}}}}}}
"""
ACTION = "version: '2.0'\n{name}:\n  input: [x]\n  base: std.echo output=<% $.x %>\n"


def two(first: str, second: str) -> str:
    body = "tasks: {t: {action: std.noop}}"
    return f"version: '2.0'\n{first}: {{{body}}}\n{second}: {{input: [p], {body}}}\n"


# ---- workflows


def test_A081_post_answers_with_all_workflows(api):
    first, second = unique(), unique()

    one = api.post("workflows", NOOP.format(name=unique()))
    both = api.post("workflows", two(first, second))

    assert (one.status_code, len(one.json()["workflows"])) == (201, 1)
    assert (both.status_code, [row["name"] for row in both.json()["workflows"]]) == (201, [first, second])


def test_A082_a_document_is_stored_whole_or_not_at_all(api):
    first, second = unique(), unique()
    bad = two(first, second) + f"{unique()}: {{tasks: {{t: {{action: std.noop, on-success: ghost}}}}}}\n"

    assert api.post("workflows", bad).status_code == 400
    assert api.get(f"workflows/{first}").status_code == 404
    api.define(name=second)
    assert api.post("workflows", two(first, second)).status_code == 409
    assert api.get(f"workflows/{first}").status_code == 404


def test_L012_a_second_workflow_of_the_same_name_namespace_and_project_is_refused(api, tenants):
    text = NOOP.format(name=unique())
    api.post("workflows", text)
    again = api.post("workflows", text)

    assert again.status_code == 409
    assert "Duplicate entry for WorkflowDefinition" in text_of(again)
    assert api.post("workflows", text, namespace=unique()).status_code == 201
    assert tenants.owner.post("workflows", text).status_code == 201


def test_A083_definitions_are_kept(api):
    name, first, second = unique(), unique(), unique()
    text = f"# c\nversion: '2.0'\n\n{name}:   # d\n  tasks: {{t: {{action: std.noop}}}}\n\n"
    api.post("workflows", text)
    api.post("workflows", two(first, second))

    assert api.get(f"workflows/{name}").json()["definition"] == text
    stored = yaml.safe_load(api.get(f"workflows/{second}").json()["definition"])
    assert stored == {"version": "2.0", second: {"input": ["p"], "tasks": {"t": {"action": "std.noop"}}}}


def test_A084_the_checksum_follows_the_definition(api):
    name = api.define()
    before = api.get(f"workflows/{name}").json()
    api.put("workflows", NOOP.format(name=name) + "# changed\n")
    after = api.get(f"workflows/{name}").json()

    assert before["checksum"] == hashlib.md5(before["definition"].encode()).hexdigest()
    assert after["checksum"] != before["checksum"]
    assert after["updated_at"]


def test_A085_A086_A087_input_and_interface(api):
    head = "version: '2.0'\n{name}:\n  input: [a, {{b: 2}}, {{c: {{d: e}}}}, {{n: null}}]\n"
    many = head + "  output: {{o1: 1, o2: 2}}\n  tasks: {{t: {{action: std.noop}}}}\n"
    one = "version: '2.0'\n{name}:\n  input: [only]\n  tasks: {{t: {{action: std.noop}}}}\n"
    row = api.get(f"workflows/{api.define(many)}").json()

    assert row["input"] == 'a, b="2", c="{\'d\': \'e\'}", n="None"'
    assert api.get(f"workflows/{api.define(one)}").json()["input"] == "only"
    assert json.loads(row["interface"]) == {"input": ["a", {"b": 2}, {"c": {"d": "e"}}, {"n": None}], "output": ["o1", "o2"]}


def test_A088_A104_names_live_in_namespaces(api):
    name = unique()
    for namespace in ("abc", "abc2"):
        assert api.post("workflows", NOOP.format(name=name), namespace=namespace).status_code == 201

    assert api.get(f"workflows/{name}").status_code == 404
    assert api.get(f"workflows/{name}", namespace="abc").json()["namespace"] == "abc"
    api.define(name=name)
    assert api.get(f"workflows/{name}").json()["namespace"] == ""
    assert api.get(f"workflows/{name}", namespace="other").status_code == 404
    assert len(api.get("workflows", name=name).json()["workflows"]) == 3
    assert len(api.get("workflows", name=name, namespace="abc").json()["workflows"]) == 1


def test_A089_an_id_is_found_whatever_the_namespace(api):
    row = api.post("workflows", NOOP.format(name=unique()), namespace="abc").json()["workflows"][0]

    for namespace in ("", "abc", "other"):
        assert api.get(f"workflows/{row['id']}", namespace=namespace).json()["id"] == row["id"]


def test_A090_put_updates_by_name(api):
    name = api.define()
    reply = api.put("workflows", NOOP.format(name=name) + "# v2\n")

    assert (reply.status_code, [row["name"] for row in reply.json()["workflows"]]) == (200, [name])
    assert api.get(f"workflows/{name}").json()["definition"].endswith("# v2\n")


def test_A090_put_updates_within_a_namespace(api):
    name = api.define()
    api.post("workflows", NOOP.format(name=name), namespace="abc")
    api.put("workflows", NOOP.format(name=name) + "# v2\n", namespace="abc")

    assert "v2" in api.get(f"workflows/{name}", namespace="abc").json()["definition"]
    assert "v2" not in api.get(f"workflows/{name}").json()["definition"]


def test_A091_put_by_id_answers_one_object_and_may_rename(api):
    name, other = api.define(), unique()
    row = api.get(f"workflows/{name}").json()
    reply = api.put(f"workflows/{row['id']}", NOOP.format(name=other))

    assert (reply.status_code, reply.json()["name"], reply.json()["id"]) == (200, other, row["id"])
    assert api.get(f"workflows/{name}").status_code == 404


def test_A092_put_by_id_takes_one_definition(api):
    row = api.get(f"workflows/{api.define()}").json()

    assert api.put(f"workflows/{row['id']}", two(unique(), unique())).status_code == 400


def test_A093_put_of_an_unknown_workflow_answers_404(api):
    assert api.put("workflows", NOOP.format(name=unique())).status_code == 404
    assert api.put(f"workflows/{uuid4()}", NOOP.format(name=unique())).status_code == 404


def test_A094_put_without_scope_makes_it_private(admin):
    name = unique()
    admin.post("workflows", NOOP.format(name=name), scope="public")
    assert admin.get(f"workflows/{name}").json()["scope"] == "public"

    admin.put("workflows", NOOP.format(name=name))

    assert admin.get(f"workflows/{name}").json()["scope"] == "private"


def test_A095_delete_by_name_and_by_id(api):
    name, other = api.define(), api.define()
    other_id = api.get(f"workflows/{other}").json()["id"]

    assert api.delete(f"workflows/{name}").status_code == 204
    assert api.delete(f"workflows/{other_id}").status_code == 204
    assert api.delete(f"workflows/{name}").status_code == 404
    assert api.get(f"workflows/{other}").status_code == 404


@pytest.mark.parametrize("kind", ["cron", "event"])
def test_A096_A097_A098_triggers_protect_a_workflow(api, kind):
    row = api.get(f"workflows/{api.define()}").json()
    bodies = {
        "cron": {"name": unique(), "workflow_name": row["name"], "pattern": "0 0 1 1 *"},
        "event": {"name": unique(), "workflow_id": row["id"], "exchange": "e", "topic": "t", "event": unique()},
    }
    trigger = api.post(f"{kind}_triggers", bodies[kind]).json()
    refused = api.delete(f"workflows/{row['name']}")

    assert refused.status_code == 400
    assert f"Can't delete workflow that has {kind} triggers associated" in text_of(refused)
    assert api.delete(f"{kind}_triggers/{trigger['id']}").status_code == 204
    assert api.delete(f"workflows/{row['name']}").status_code == 204


def test_A099_executions_outlive_their_workflow(api):
    execution = api.run(NOOP)
    api.delete(f"workflows/{execution['workflow_name']}")
    found = api.execution(execution["id"])

    assert (found["workflow_name"], found["workflow_id"]) == (execution["workflow_name"], execution["workflow_id"])


@pytest.mark.parametrize(
    ("name", "phrase"),
    [("'a b'", "must not contain spaces"), (str(uuid4()), "Workflow name cannot be in the format of UUID.")],
)
def test_A100_A101_odd_names_answer_400(api, name, phrase):
    reply = api.post("workflows", NOOP.format(name=name))

    assert reply.status_code == 400
    assert phrase in text_of(reply)


@pytest.mark.parametrize("path", ["workflows", "workbooks", "actions"])
def test_A102_unknown_scopes_answer_400(api, path):
    reply = api.post(path, NOOP.format(name=unique()), scope="secret")

    assert reply.status_code == 400
    assert "Scope must be one of" in text_of(reply)


def test_A103_other_documents_answer_400(api):
    assert api.post("workflows", BOOK.format(name=unique())).status_code == 400
    assert api.post("workflows", "Workflow:\n  tasks:\n    t:\n      action: std.noop\n").status_code == 400


def test_A105_projects_have_names_of_their_own(tenants):
    name = unique()

    assert tenants.owner.post("workflows", NOOP.format(name=name)).status_code == 201
    assert tenants.stranger.post("workflows", NOOP.format(name=name)).status_code == 201
    assert tenants.reader.post("workflows", NOOP.format(name=name)).status_code == 409


@pytest.mark.parametrize(
    ("path", "good", "bad"),
    [("workflows", NOOP, BAD), ("workbooks", BOOK, "version: '2.0'\n"), ("actions", ACTION, "version: '2.0'\n{name}: {{input: [x]}}\n")],
)
def test_A106_validate_answers_200_and_stores_nothing(api, path, good, bad):
    name = unique()
    fine, wrong = api.post(f"{path}/validate", good.format(name=name)), api.post(f"{path}/validate", bad.format(name=name))

    assert (fine.status_code, fine.json()["valid"]) == (200, True)
    assert (wrong.status_code, wrong.json()["valid"]) == (200, False)
    assert wrong.json()["error"]
    assert api.get(f"{path}/{name}").status_code == 404
    for garbage in (b"", b"\xff", b"a: [b", b"[1]", b"\x00"):
        reply = api.call("POST", f"{path}/validate", content=garbage)
        assert (reply.status_code, reply.json()["valid"]) == (200, False)


def test_A106_validate_tells_what_surprises(api):
    text = f"version: '2.0'\n{unique()}:\n  nonsense: 1\n  tasks: {{t: {{action: std.noop}}}}\n"
    verdict = api.post("workflows/validate", text).json()

    assert verdict["valid"] is True
    assert "nonsense" in verdict["warnings"][0]["text"] + verdict["warnings"][0]["place"]


def test_A107_skip_validation_counts_only_where_it_is_enabled(api, serve):
    text = f"version: '2.0'\n{unique()}:\n  tasks:\n    t: {{action: std.echo output=<% $. %>}}\n"

    assert api.post("workflows", text, skip_validation="true").status_code == 400
    assert serve(api={"validation_mode": "enabled"}).post("workflows", text).status_code == 400
    assert serve(api={"validation_mode": "enabled"}).post("workflows", text, skip_validation="true").status_code == 201
    assert serve(api={"validation_mode": "disabled"}).post("workflows", text).status_code == 201


def test_A108_a_public_workflow_that_others_use_stays_public(tenants):
    name = unique()
    tenants.admin.post("workflows", NOOP.format(name=name), scope="public")
    trigger = {"name": unique(), "workflow_name": name, "pattern": "0 0 1 1 *"}
    assert tenants.owner.post("cron_triggers", trigger).status_code == 201

    assert tenants.admin.put("workflows", NOOP.format(name=name), scope="private").status_code == 403
    assert tenants.owner.delete(f"cron_triggers/{trigger['name']}").status_code == 204
    assert tenants.admin.put("workflows", NOOP.format(name=name), scope="private").status_code == 200


def test_A109_a_workflow_of_a_workbook_has_a_fragment_and_no_checksum(api):
    name = unique()
    api.post("workbooks", BOOK.format(name=name))
    row = api.get(f"workflows/{name}.w1").json()

    assert row["checksum"] is None
    assert "version" not in (yaml.safe_load(row["definition"]) or {})


def test_A110_running_executions_keep_their_definition(api):
    name = unique()
    text = "version: '2.0'\n{0}:\n  output: {{v: {1}}}\n  tasks: {{a: {{action: std.async_noop}}}}\n"
    api.post("workflows", text.format(name, 1))
    execution = api.start(name)
    api.put("workflows", text.format(name, 2))
    api.put(f"action_executions/{api.action(execution['id'], 'a')['id']}", {"state": "SUCCESS"})

    assert json.loads(api.until(f"executions/{execution['id']}")["output"]) == {"v": 1}


# ---- workbooks


def test_A111_A114_post_of_a_workbook(api):
    name = unique()
    reply = api.post("workbooks", BOOK.format(name=name))

    assert (reply.status_code, reply.json()["name"], reply.json()["tags"]) == (201, name, ["t1"])
    assert api.get(f"workflows/{name}.w1").status_code == 200
    assert api.get(f"actions/{name}.a1").json()["input"] == 'x, y=5, z=null, s="str"'


def test_A112_A116_put_of_a_workbook(api):
    name = unique()
    assert api.put("workbooks", BOOK.format(name=name)).status_code == 404
    api.post("workbooks", BOOK.format(name=name))
    changed = api.put("workbooks", BOOK.format(name=name).replace("sibling", "changed"))

    assert (changed.status_code, changed.json()["name"]) == (200, name)
    execution = api.until(f"executions/{api.start(name + '.w1')['id']}")
    assert json.loads(execution["output"]) == {"o": "changed"}


def test_A113_A115_workbooks_by_name_and_namespace(api):
    name = unique()
    api.post("workbooks", BOOK.format(name=name), namespace="abc")

    assert api.get(f"workbooks/{name}").status_code == 404
    assert api.get(f"workbooks/{name}", namespace="abc").json()["definition"] == BOOK.format(name=name)
    assert api.delete(f"workbooks/{name}", namespace="abc").status_code == 204
    assert api.get(f"workbooks/{name}", namespace="abc").status_code == 404
    assert api.get(f"workflows/{name}.w1", namespace="abc").status_code == 200


def test_A117_an_empty_workbook_is_accepted(api):
    assert api.post("workbooks", f"version: '2.0'\nname: {unique()}\n").status_code == 201


def test_A118_duplicate_and_old_workbooks(api):
    text = BOOK.format(name=unique())
    api.post("workbooks", text)

    assert api.post("workbooks", text).status_code == 409
    assert api.post("workbooks", f"Version: '1.0'\nname: {unique()}\nWorkflow: {{tasks: {{}}}}\n").status_code == 400


def test_A119_A120_siblings_come_first_whatever_their_letters(api):
    name = unique()
    api.define("version: '2.0'\nw1b{name}:\n  tasks: {{t: {{action: std.noop}}}}\n")
    api.post("workbooks", BOOK.format(name=name))

    assert json.loads(api.until(f"executions/{api.start(name + '.w1')['id']}")["output"]) == {"o": "sibling"}


# ---- actions


def test_A121_the_list_holds_built_in_and_adhoc_actions(api):
    name = unique()
    api.post("actions", ACTION.format(name=name))
    reply = api.get("actions").json()

    assert {"std.echo", "std.noop", name} <= {row["name"] for row in reply["actions"]}
    assert "next" not in reply


def test_A122_a_built_in_action(api):
    row = api.get("actions/std.echo").json()

    assert {key: row[key] for key in ("id", "name", "input", "created_at", "updated_at", "scope", "project_id", "tags", "definition")} == {
        "id": "std.echo", "name": "std.echo", "input": "output, delay=0", "created_at": "", "updated_at": "", "scope": None,
        "project_id": None, "tags": None, "definition": "",
    }


def test_A123_A124_actions_by_path_and_namespace(api):
    name = unique()
    api.post("actions", ACTION.format(name=name), namespace="abc")

    assert api.get("actions/std.echo/").status_code == 200
    assert api.get(f"actions/{name}/abc").json()["namespace"] == "abc"
    assert api.get(f"actions/{name}", namespace="abc").status_code == 200
    assert api.get(f"actions/{name}").status_code == 404
    assert api.get("actions/std.echo/abc").json()["name"] == "std.echo"
    other = unique()
    api.post("actions", ACTION.format(name=other))
    assert api.get(f"actions/{other}/abc").json()["namespace"] == ""


def test_A125_A130_actions_by_id_and_deletion(api):
    name = unique()
    made = api.post("actions", ACTION.format(name=name)).json()["actions"][0]

    assert api.get(f"actions/{made['id']}").json()["name"] == name
    assert api.delete(f"actions/{made['id']}").status_code == 204
    assert api.delete(f"actions/{name}").status_code == 404
    assert api.delete("actions/std.echo").status_code == 404
    api.post("actions", ACTION.format(name=name), namespace="abc")
    assert api.delete(f"actions/{name}/abc").status_code == 204


def test_A126_A127_A128_several_actions_and_updates(api):
    first, second = unique(), unique()
    text = f"version: '2.0'\n{first}: {{base: std.noop}}\n{second}: {{base: std.noop}}\n"
    made = api.post("actions", text)
    changed = api.put("actions", text + "# v2\n")
    one = api.put(f"actions/{made.json()['actions'][0]['id']}", ACTION.format(name=first))

    assert (made.status_code, [row["name"] for row in made.json()["actions"]]) == (201, [first, second])
    assert all("updated_at" in row for row in changed.json()["actions"])
    assert [row["created_at"] for row in changed.json()["actions"]] == [row["created_at"] for row in made.json()["actions"]]
    assert (one.status_code, one.json()["actions"][0]["input"]) == (200, "x")


def test_A129_duplicates_and_workbooks_as_actions(api):
    text = ACTION.format(name=unique())
    api.post("actions", text)

    assert api.post("actions", text).status_code == 409
    assert api.post("actions", BOOK.format(name=unique())).status_code == 400
    assert api.put("actions", BOOK.format(name=unique())).status_code == 400
    assert api.put("actions", ACTION.format(name=unique())).status_code == 404


def test_L145_a_system_action_is_neither_changed_nor_deleted(api):
    before = api.get("actions/std.noop").json()

    refused = [api.delete("actions/std.noop"), api.put("actions", ACTION.format(name="std.noop"))]

    assert [reply.status_code for reply in refused] == [404, 404]
    assert all("Action definition not found [action_name=std.noop" in text_of(reply) for reply in refused)
    assert api.get("actions/std.noop").json() == before


def test_A131_inputs_of_an_adhoc_action_are_json(api):
    name = unique()
    api.post("actions", f"version: '2.0'\n{name}: {{input: [x, {{y: 5}}, {{z: null}}, {{s: str}}], base: std.noop}}\n")

    assert api.get(f"actions/{name}").json()["input"] == 'x, y=5, z=null, s="str"'


def test_A131_no_inputs_are_null_where_an_action_is_changed_and_an_empty_text_where_it_is_read(api):
    text = f"version: '2.0'\n{unique('a')}:\n  base: std.noop\n"
    (made,) = api.post("actions", text).json()["actions"]
    (changed,) = api.put("actions", text).json()["actions"]

    assert (made["input"], changed["input"]) == (None, None)
    assert api.get(f"actions/{made['name']}").json()["input"] == ""
    assert api.get("actions", name=made["name"]).json()["actions"][0]["input"] == ""


def test_A132_filters_work_over_all_providers(api):
    name = unique("a")
    api.post("actions", ACTION.format(name=name))

    def found(**query):
        return [row["name"] for row in api.get("actions", **query).json()["actions"]]

    assert found(name=f"in:{name},std.echo") == [name, "std.echo"]
    assert "std.echo" not in found(name="neq:std.echo")
    assert not {"std.echo", name} & set(found(name=f"nin:{name},std.echo"))
    assert all(one > "std.f" for one in found(name="gt:std.f"))
    assert "std.echo" in found(name="has:echo")
    assert found(name="std.echo") == ["std.echo"]


def test_A133_actions_are_paged_by_name(api):
    everything = [row["name"] for row in api.get("actions").json()["actions"]]
    found: list[str] = []
    reply = api.get("actions", limit=len(everything) // 20).json()
    while True:
        found += [row["name"] for row in reply["actions"]]
        if "next" not in reply:
            break
        reply = api.call("GET", reply["next"].removeprefix(api.url)).json()

    assert found == everything
    assert api.get("actions", marker="no.such.action").status_code == 404
    for keys in ("id", "created_at"):
        assert len(api.get("actions", sort_keys=keys).json()["actions"]) == len(everything)


def test_A134_namespaces_separate_actions(api):
    name = unique()
    api.post("actions", ACTION.format(name=name), namespace="abc")

    assert name not in {row["name"] for row in api.get("actions").json()["actions"]}
    assert [row["name"] for row in api.get("actions", namespace="abc", name=name).json()["actions"]] == [name]


@pytest.mark.parametrize(
    ("name", "inputs"),
    [
        ("std.noop", ""), ("std.async_noop", ""), ("std.echo", "output, delay=0"), ("std.fail", "error_data=null"),
        ("std.sleep", "seconds=1"), ("std.test_dict", 'size=0, key_prefix="", val=""'), ("std.js", "script, context=null"),
        ("std.javascript", "script, context=null"),
        (
            "std.http",
            ('url, method="GET", params=null, body=null, json=null, headers=null, cookies=null, auth=null, timeout=null,'
             " allow_redirects=null, proxies=null, verify=null"),
        ),
        (
            "std.email",
            ("from_addr, to_addrs, smtp_server, reply_to=null, cc_addrs=null, bcc_addrs=null, smtp_password=null, subject=null,"
             " body=null, html_body=null"),
        ),
        (
            "std.ssh",
            'cmd, host, username, password="", private_key_filename=null, private_key=null, return_result_on_error=false',
        ),
        (
            "std.ssh_proxied",
            ("cmd, host, username, private_key_filename, gateway_host, gateway_username=null, password=null, proxy_command=null,"
             " private_key=null"),
        ),
    ],
)
def test_A135_every_built_in_action_has_its_inputs(api, name, inputs):
    assert api.get(f"actions/{name}").json()["input"] == inputs


# ---- environments


def test_A228_post_of_an_environment(api):
    name = unique("e")
    reply = api.post("environments", {"name": name, "variables": {"a": 1}, "description": "d"})

    assert reply.status_code == 201
    assert {key: reply.json()[key] for key in ("name", "description", "scope", "project_id")} == {
        "name": name, "description": "d", "scope": "private", "project_id": "<default-project>",
    }
    assert api.post("environments", {"name": unique("e"), "project_id": "x"}).status_code == 400


def test_A229_put_replaces_what_is_given(api):
    name = unique("e")
    api.post("environments", {"name": name, "variables": {"a": 1, "b": 2}, "description": "d"})
    reply = api.put("environments", {"name": name, "variables": {"c": 3}})

    assert reply.status_code == 200
    assert (json.loads(reply.json()["variables"]), reply.json()["description"]) == ({"c": 3}, "d")
    api.put("environments", {"name": name, "description": "e"})
    assert json.loads(api.get(f"environments/{name}").json()["variables"]) == {"c": 3}


def test_A230_environments_by_name(api):
    name = unique("e")
    api.post("environments", {"name": name})

    assert api.get(f"environments/{name}").status_code == 200
    assert api.post("environments", {"name": name}).status_code == 409
    assert api.delete(f"environments/{name}").status_code == 204
    for method in ("GET", "DELETE"):
        assert api.call(method, f"environments/{name}").status_code == 404
    assert api.put("environments", {"name": name}).status_code == 404


def test_A231_variables_as_object_or_text(api):
    one, two_ = unique("e"), unique("e")
    api.post("environments", {"name": one, "variables": {"a": [1, None]}})
    api.post("environments", {"name": two_, "variables": '{"a": [1, null]}'})

    first, second = (json.loads(api.get(f"environments/{name}").json()["variables"]) for name in (one, two_))
    assert first == second == {"a": [1, None]}


def test_A232_a_name_is_needed_and_variables_are_not(api):
    for method in ("POST", "PUT"):
        for body in ({}, {"variables": {}}, {"name": ""}, {"name": None}):
            assert api.call(method, "environments", json=body).status_code == 400
    assert api.post("environments", {"name": unique("e")}).status_code == 201


def test_A233_public_environments_are_read_not_changed_by_others(tenants):
    name = unique("e")
    assert tenants.admin.post("environments", {"name": name, "variables": {}, "scope": "public"}).status_code == 201

    assert tenants.stranger.get(f"environments/{name}").status_code == 200
    assert tenants.stranger.put("environments", {"name": name, "description": "mine"}).status_code == 403
    assert tenants.stranger.delete(f"environments/{name}").status_code == 403
    assert tenants.admin.delete(f"environments/{name}").status_code == 204


def test_an_environment_of_the_caller_hides_a_public_one(tenants):
    name = unique("e")
    tenants.admin.post("environments", {"name": name, "description": "public", "scope": "public"})
    tenants.stranger.post("environments", {"name": name, "description": "own"})

    assert tenants.stranger.get(f"environments/{name}").json()["description"] == "own"
    assert tenants.owner.get(f"environments/{name}").json()["description"] == "public"


def test_a_waiting_workflow_can_be_deleted(api):
    name = api.define(WAITING)
    execution = api.start(name)

    assert api.delete(f"workflows/{name}").status_code == 204
    assert api.execution(execution["id"])["state"] == "RUNNING"
