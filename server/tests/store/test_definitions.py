from __future__ import annotations

import pytest
from records import NOW, later, new_id

from maestrale.errors import DuplicateError, NotAllowedError, NotFoundError, RequestError
from maestrale.store import EVERYTHING, Scope, definitions, get_, list_, members
from maestrale.store.definitions import ACTIONS, CODE_SOURCES, DYNAMIC_ACTIONS, ENVIRONMENTS, EVENT_TRIGGERS, WORKBOOKS, WORKFLOWS

P1, P2, ADMIN = Scope("p1"), Scope("p2"), Scope("p9", is_admin=True)


def workflow(name="w", **values):
    base = {
        "id": new_id(), "name": name, "namespace": "", "project_id": "p1", "scope": "private", "definition": "text", "spec": {"name": name},
        "spec_digest": "d", "input": "", "interface": {"input": [], "output": []}, "tags": [], "checksum": None, "is_system": False,
        "workbook_name": None, "created_at": NOW,
    }
    return {**base, **values}


def workbook(name="w", **values):
    base = {
        "id": new_id(), "name": name, "namespace": "", "project_id": "p1", "scope": "private", "definition": "text", "spec": {}, "tags": [],
        "created_at": NOW,
    }
    return {**base, **values}


def action(name="a", **values):
    return {**workbook(name), "input": "x", "description": None, "is_system": False, "workbook_name": None, **values}


def environment(name="e", **values):
    base = {
        "id": new_id(), "name": name, "project_id": "p1", "scope": "private", "description": None, "variables": {"a": 1}, "created_at": NOW,
    }
    return {**base, **values}


def event_trigger(workflow_id, **values):
    base = {
        "id": new_id(), "name": "n", "project_id": "p1", "scope": "private", "workflow_id": workflow_id, "exchange": "x", "topic": "t",
        "event": "e", "created_at": NOW,
    }
    return {**base, **values}


def create(database, kind, *rows):
    with database.write() as conn:
        definitions.create(conn, kind, rows)
    return rows[0]["id"]


def find(database, kind, scope, identifier, namespace=""):
    with database.read() as conn:
        return definitions.find(conn, kind, scope, identifier, namespace)


def test_a_definition_is_found_by_id_and_by_name_in_its_namespace(database):
    row = workflow(namespace="ns", tags=["a"], spec={"tasks": {"t": {}}})
    create(database, WORKFLOWS, row)

    assert find(database, WORKFLOWS, P1, "w", "ns") == {**row, "updated_at": None}
    assert find(database, WORKFLOWS, P1, row["id"])["name"] == "w"
    assert find(database, WORKFLOWS, P1, "w") is None
    assert find(database, WORKFLOWS, P1, "W", "ns") is None


@pytest.mark.parametrize(
    ("of", "row", "text"),
    [
        (WORKFLOWS, workflow, "Duplicate entry for WorkflowDefinition ['name', 'namespace', 'project_id']: w, , p1"),
        (WORKBOOKS, workbook, "Duplicate entry for WorkbookDefinition ['name', 'namespace', 'project_id']: w, , p1"),
        (ACTIONS, action, "Duplicate entry for Action ['name', 'namespace', 'project_id']: a, , p1"),
        (ENVIRONMENTS, environment, "Duplicate entry for Environment ['name', 'project_id']: e, p1"),
    ],
)
def test_a_duplicate_is_refused_with_mistrals_text(database, of, row, text):
    create(database, of, row())
    create(database, of, row(project_id="p2"))

    with pytest.raises(DuplicateError) as caught:
        create(database, of, row())

    assert str(caught.value) == text


def test_several_definitions_are_created_all_or_none(database):
    create(database, WORKFLOWS, workflow("b"))

    with pytest.raises(DuplicateError):
        create(database, WORKFLOWS, workflow("a"), workflow("b"))

    assert find(database, WORKFLOWS, P1, "a") is None


def test_unknown_ones_are_named_in_mistrals_words(database):
    with database.read() as conn:
        for kind, text in (
            (WORKFLOWS, r"Workflow not found \[workflow_identifier=x, namespace=y\]"),
            (ACTIONS, r"Action definition not found \[action_name=x, namespace=y\]"),
            (ENVIRONMENTS, r"Environment not found \[name=x\]"),
        ):
            with pytest.raises(NotFoundError, match=text):
                definitions.get(conn, kind, P1, "x", "y")


def test_public_definitions_are_seen_by_all_and_changed_by_their_owner(database):
    one = create(database, WORKFLOWS, workflow(scope="public"))

    assert find(database, WORKFLOWS, P2, "w")["id"] == one
    with database.write() as conn:
        with pytest.raises(NotAllowedError):
            definitions.update(conn, WORKFLOWS, P2, one, {"definition": "evil"})
        with pytest.raises(NotAllowedError):
            definitions.delete(conn, WORKFLOWS, P2, one)
        definitions.update(conn, WORKFLOWS, ADMIN, one, {"definition": "by the admin", "updated_at": later(1)})
    assert find(database, WORKFLOWS, P1, "w")["definition"] == "by the admin"


def test_the_own_definition_wins_over_a_shared_and_a_public_one(database):
    public = create(database, WORKFLOWS, workflow(scope="public", project_id="p3"))
    assert find(database, WORKFLOWS, P1, "w")["id"] == public

    shared = create(database, WORKFLOWS, workflow(project_id="p4"))
    with database.write() as conn:
        share(conn, shared, "p4", "p1")
        members.set_status(conn, P1, shared, "p1", "accepted", NOW)
    assert find(database, WORKFLOWS, P1, "w")["id"] == shared

    own = create(database, WORKFLOWS, workflow())
    assert find(database, WORKFLOWS, P1, "w")["id"] == own
    with database.read() as conn:
        assert get_(conn, "workflows", P1, "w")["id"] == own
        assert {row["id"] for row in list_(conn, "workflows", P1)} == {public, shared, own}


def share(conn, workflow_id, owner, member):
    members.add(conn, {
        "id": new_id(), "resource_id": workflow_id, "resource_type": "workflow", "project_id": owner, "member_id": member,
        "status": "pending", "created_at": NOW,
    })


def test_a_shared_workflow_is_seen_once_it_is_accepted_and_never_changed(database):
    one = create(database, WORKFLOWS, workflow())
    with database.write() as conn:
        share(conn, one, "p1", "p2")
    assert find(database, WORKFLOWS, P2, "w") is None

    with database.write() as conn:
        with pytest.raises(NotFoundError):
            members.set_status(conn, P1, one, "p2", "accepted", NOW)
        members.set_status(conn, P2, one, "p2", "accepted", NOW)
        with pytest.raises(NotAllowedError):
            definitions.update(conn, WORKFLOWS, P2, one, {"scope": "public"})
    assert find(database, WORKFLOWS, P2, one)["id"] == one
    assert find(database, WORKFLOWS, Scope("p3"), one) is None

    with database.write() as conn:
        with pytest.raises(NotFoundError):
            members.remove(conn, P2, one, "p2")
        members.remove(conn, P1, one, "p2")
    assert find(database, WORKFLOWS, P2, one) is None


def test_members_are_seen_by_the_owner_and_each_by_itself(database):
    one = create(database, WORKFLOWS, workflow())
    with database.write() as conn:
        share(conn, one, "p1", "p2")
        share(conn, one, "p1", "p3")
        assert [row["member_id"] for row in members.of_resource(conn, P1, one)] == ["p2", "p3"]
        assert [row["member_id"] for row in members.of_resource(conn, P2, one)] == ["p2"]
        assert members.get(conn, P2, one, "p2")["status"] == "pending"
        with pytest.raises(NotFoundError):
            members.get(conn, P2, one, "p3")
    with pytest.raises(DuplicateError), database.write() as conn:
        share(conn, one, "p1", "p2")


def test_deleting_a_workflow_takes_its_members_along(database):
    one = create(database, WORKFLOWS, workflow())
    with database.write() as conn:
        share(conn, one, "p1", "p2")
        definitions.delete(conn, WORKFLOWS, P1, one)
        assert members.of_resource(conn, EVERYTHING, one) == []
        with pytest.raises(NotFoundError):
            definitions.delete(conn, WORKFLOWS, P1, one)


def test_a_workflow_that_a_trigger_refers_to_stays(database):
    one = create(database, WORKFLOWS, workflow())
    trigger = create(database, EVENT_TRIGGERS, event_trigger(one))

    with pytest.raises(RequestError, match="in use"), database.write() as conn:
        definitions.delete(conn, WORKFLOWS, P1, one)

    with database.write() as conn:
        definitions.delete(conn, EVENT_TRIGGERS, P1, trigger)
        definitions.delete(conn, WORKFLOWS, P1, one)


def test_a_trigger_for_a_workflow_that_is_gone_is_refused(database):
    with pytest.raises(NotFoundError):
        create(database, EVENT_TRIGGERS, event_trigger(new_id()))


def test_administrators_find_environments_of_their_own_project_and_public_ones_only(database):
    create(database, ENVIRONMENTS, environment("secret"))
    create(database, ENVIRONMENTS, environment("open", scope="public"))

    assert find(database, ENVIRONMENTS, ADMIN, "secret") is None
    assert find(database, ENVIRONMENTS, ADMIN, "open")["variables"] == {"a": 1}
    assert find(database, ENVIRONMENTS, ADMIN, "open")["description"] is None
    with database.read() as conn:
        assert len(list_(conn, "environments", ADMIN)) == 2


def test_renaming_onto_another_is_a_duplicate(database):
    create(database, WORKFLOWS, workflow("a"))
    other = create(database, WORKFLOWS, workflow("b"))

    with pytest.raises(DuplicateError, match="Duplicate entry for WorkflowDefinition"), database.write() as conn:
        definitions.update(conn, WORKFLOWS, P1, other, {"name": "a", "namespace": ""})


def test_deleting_a_code_source_deletes_its_actions(database):
    source = create(database, CODE_SOURCES, {
        "id": new_id(), "name": "s", "namespace": "", "project_id": "p1", "scope": "private", "content": "x = 1", "version": 1, "tags": [],
        "created_at": NOW,
    })
    create(database, DYNAMIC_ACTIONS, {
        "id": new_id(), "name": "d", "namespace": "", "project_id": "p1", "scope": "private", "class_name": "C", "code_source_id": source,
        "code_source_name": "s", "tags": [], "created_at": NOW,
    })

    with database.write() as conn:
        definitions.delete(conn, CODE_SOURCES, P1, source)

    assert find(database, DYNAMIC_ACTIONS, EVERYTHING, "d") is None


def test_selecting_by_columns_stays_within_what_is_visible(database):
    create(database, WORKFLOWS, workflow("b.x", workbook_name="b"), workflow("b.y", workbook_name="b", created_at=later(1)), workflow("z"))
    create(database, WORKFLOWS, workflow("b.z", workbook_name="b", project_id="p2"))

    with database.read() as conn:
        assert [row["name"] for row in definitions.select(conn, WORKFLOWS, P1, workbook_name="b")] == ["b.x", "b.y"]
        assert [row["name"] for row in definitions.select(conn, WORKFLOWS, P1, workbook_name=None)] == ["z"]


def test_every_write_raises_the_revision(database):
    with database.read() as conn:
        before = definitions.revision(conn)
    one = create(database, WORKFLOWS, workflow())
    with database.write() as conn:
        definitions.update(conn, WORKFLOWS, P1, one, {"definition": "x"})
        definitions.delete(conn, WORKFLOWS, P1, one)
    with database.read() as conn:
        assert definitions.revision(conn) == before + 3


def test_a_value_that_is_too_long_is_the_requests_fault(kind, database):
    if kind == "sqlite":
        pytest.skip("SQLite takes any length")
    with pytest.raises(RequestError):
        create(database, WORKFLOWS, workflow("n" * 256))
