"""/v2/project_sources: git repositories as sources of playbooks, and their first use."""

from __future__ import annotations

import os
import subprocess

import pytest
from live import PROJECTS, TOKENS, unique

URL = "https://git.example.org/ops/site.git"
COMMIT = "6dcb09b5b57875f334f61aebed695e2e4193db5e"
FIELDS = [
    "id", "name", "url", "ref", "revision", "playbooks", "credential", "description", "scope", "project_id", "created_at", "updated_at",
]


@pytest.fixture
def source(api):
    name = unique()
    return api.post("project_sources", {"name": name, "url": URL, "ref": "main", "revision": COMMIT}).json()


def test_a_source_is_created_shown_listed_and_deleted(api):
    name = unique()

    created = api.post("project_sources", {
        "name": name, "url": URL, "ref": "main", "playbooks": ["books/*.yml"], "credential": "git/token", "description": "x"})

    assert created.status_code == 201
    shown = created.json()
    assert list(shown) == FIELDS
    assert (shown["revision"], shown["playbooks"], shown["credential"], shown["scope"]) == (None, ["books/*.yml"], "git/token", "private")
    assert api.get(f"project_sources/{name}").json() == api.get(f"project_sources/{shown['id']}").json() == shown
    assert api.get("project_sources", name=name).json()["project_sources"] == [shown]
    assert api.get("project_sources", name=name, fields="url").json()["project_sources"] == [{"id": shown["id"], "url": URL}]
    assert api.delete(f"project_sources/{name}").status_code == 204
    assert api.get(f"project_sources/{name}").status_code == 404


def test_a_name_is_taken_once_in_a_project(api, source):
    assert api.post("project_sources", {"name": source["name"], "url": URL}).status_code == 409


@pytest.mark.parametrize(("change", "revision"), [
    ({"description": "new"}, COMMIT), ({"ref": "main"}, COMMIT), ({"ref": "other"}, None), ({"url": f"{URL}2"}, None),
    ({"revision": None}, None),
    ({"ref": "other", "revision": "a" * 40}, "a" * 40),
])
def test_another_url_or_ref_undoes_the_pin_and_nothing_else_does(api, source, change, revision):
    changed = api.put(f"project_sources/{source['name']}", change).json()

    assert changed["revision"] == revision
    assert {name: changed[name] for name in change} == change
    assert api.get(f"project_sources/{source['id']}").json() == changed


@pytest.mark.parametrize(("body", "text"), [
    ({"url": URL}, "name of the project source must be provided"), ({"name": "x"}, "url of the project source must be provided"),
    ({"name": "x", "url": "ext::sh"}, "The url of a project must begin with one of"),
    ({"name": "x", "url": "https://u:p@h/x"}, "must not hold credentials"),
    ({"name": "x", "url": URL, "ref": "-x"}, "The ref of a project must be a branch"),
    ({"name": "x", "url": URL, "revision": "main"}, "must be a whole commit id"),
    ({"name": "x", "url": URL, "playbooks": ["../x"]}, "must be patterns of paths inside"),
    ({"name": "x", "url": URL, "playbooks": "x"}, "expected a list of texts"),
    ({"name": "x", "url": URL, "id": "x"}, "Unknown attribute"),
    ({"name": "x" * 256, "url": URL}, "at most 255 are allowed"),
])
def test_what_makes_no_sense_is_refused(api, body, text):
    reply = api.post("project_sources", body)

    assert reply.status_code == 400
    assert text in reply.json()["faultstring"]


def test_where_addresses_are_listed_all_are_held_to_them(tenants):
    for who in (tenants.owner, tenants.admin):
        assert who.post("project_sources", {"name": unique(), "url": URL}).status_code == 201
        refused = who.post("project_sources", {"name": unique(), "url": "https://elsewhere.example.org/x.git"})
        assert refused.status_code == 403
        assert "may not come from 'https://elsewhere.example.org/x.git' (setting playbooks.git_urls)" in refused.json()["faultstring"]


def test_a_public_source_is_used_by_others_and_changed_by_its_owner(tenants):
    name = unique()
    assert tenants.owner.post("project_sources", {"name": name, "url": URL, "scope": "public"}).status_code == 403
    assert tenants.admin.post("project_sources", {"name": name, "url": URL, "scope": "public"}).status_code == 201

    assert tenants.stranger.get(f"project_sources/{name}").status_code == 200
    assert tenants.stranger.put(f"project_sources/{name}", {"ref": "x"}).status_code == 403
    assert tenants.stranger.delete(f"project_sources/{name}").status_code == 403


def test_where_none_are_listed_only_administrators_name_addresses(serve):
    identities = [
        {"token": TOKENS["owner"], "project_id": PROJECTS["owner"]},
        {"token": TOKENS["admin"], "project_id": PROJECTS["owner"], "roles": ["admin"]},
    ]
    owner = serve({"X-Auth-Token": TOKENS["owner"]}, auth="token", tokens=identities)
    assert owner.post("project_sources", {"name": "x", "url": URL}).status_code == 403
    admin = serve({"X-Auth-Token": TOKENS["admin"]}, auth="token", tokens=identities)
    assert admin.post("project_sources", {"name": "x", "url": URL}).status_code == 201


def test_a_source_is_pinned_by_its_first_use_and_moved_by_an_update(serve, tmp_path):
    repo = tmp_path / "repo"
    repo.mkdir()
    (repo / "site.yml").write_text("- hosts: all\n")

    def git(*arguments: str) -> str:
        identity = ("-c", "user.name=a", "-c", "user.email=a@b")
        environment = {"PATH": os.defpath, "HOME": str(tmp_path)}
        return subprocess.run(
            ["git", *identity, *arguments], cwd=repo, check=True, capture_output=True, text=True, env=environment).stdout.strip()

    def commit() -> str:
        git("add", "--all")
        git("commit", "--quiet", "--allow-empty", "-m", "x")
        return git("rev-parse", "HEAD")

    git("init", "--quiet", "--initial-branch=main")
    first = commit()
    api = serve(playbooks={"cache_dir": str(tmp_path / "cache"), "work_dir": str(tmp_path / "work")})
    api.post("project_sources", {"name": "site", "url": f"file://{repo}", "ref": "main"})

    def run(**inputs):
        reply = api.post("action_executions", {
            "name": "ansible.project", "input": {"project": "site", **inputs}, "params": {"run_sync": True}}).json()
        assert reply["state"] == "SUCCESS", reply
        return reply["output"]

    assert f'"revision":"{first}"' in run()
    assert api.get("project_sources/site").json()["revision"] == first
    second = commit()
    assert '"changed":false' in run()
    assert f'"revision":"{second}"' in run(update=True)
    assert api.get("project_sources/site").json()["revision"] == second
    assert '"playbooks":["site.yml"]' in run()
