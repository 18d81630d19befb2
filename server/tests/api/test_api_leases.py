"""Leases over HTTP: begun with the execution or later, renewed, shown, released."""

from __future__ import annotations

from uuid import uuid4

from live import WAITING


def test_a_lease_begins_with_the_execution_and_is_renewed_and_released(api):
    execution = api.start(api.define(WAITING), params={"lease": {"seconds": 600, "on_lost": "pause"}})
    path = f"executions/{execution['id']}/lease"
    begun = api.get(path).json()
    assert {key: begun[key] for key in ("execution_id", "seconds", "on_lost", "state")} == {
        "execution_id": execution["id"], "seconds": 600.0, "on_lost": "pause", "state": "RUNNING",
    }

    renewed = api.put(path, {"seconds": 900})
    assert renewed.status_code == 200
    assert renewed.json()["on_lost"] == "cancel"
    assert renewed.json()["expires_at"] > begun["expires_at"]

    assert api.delete(path).status_code == 204
    assert api.delete(path).status_code == 204
    assert api.get(path).status_code == 404


def test_a_lease_may_begin_later(api):
    execution = api.start(api.define(WAITING))
    path = f"executions/{execution['id']}/lease"

    assert api.get(path).status_code == 404
    assert api.put(path, {"seconds": 900, "on_lost": "leave"}).json()["on_lost"] == "leave"
    assert api.execution(execution["id"])["params"] == execution["params"]


def test_what_is_no_lease_is_refused(api):
    name = api.define(WAITING)
    execution = api.start(name)

    for wrong in ({}, {"seconds": "x"}, {"seconds": 0}, {"seconds": 60, "on_lost": "x"}, {"seconds": 60, "more": 1}):
        assert api.put(f"executions/{execution['id']}/lease", wrong).status_code == 400
        assert api.post("executions", {"workflow_name": name, "params": {"lease": wrong}}).status_code == 400
    for reply in (api.put(f"executions/{uuid4()}/lease", {"seconds": 60}), api.delete(f"executions/{uuid4()}/lease")):
        assert reply.status_code == 404


def test_strangers_neither_see_nor_renew_a_lease(tenants):
    execution = tenants.owner.start(tenants.owner.define(WAITING), params={"lease": {"seconds": 600}})
    path = f"executions/{execution['id']}/lease"

    assert [tenants.stranger.get(path).status_code, tenants.stranger.put(path, {"seconds": 9}).status_code] == [404, 404]
    assert tenants.stranger.delete(path).status_code == 404
    assert tenants.admin.get(path).json()["seconds"] == 600.0
    assert tenants.owner.delete(path).status_code == 204


def test_a_silent_owner_costs_the_execution(serve):
    api = serve()
    execution = api.start(api.define(WAITING), params={"lease": {"seconds": 1}})

    api.until(f"executions/{execution['id']}", "CANCELLED")
    assert "not heard of" in api.execution(execution["id"])["state_info"]
