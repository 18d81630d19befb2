from __future__ import annotations

from itertools import product

import pytest
from records import NOW, attempt, execution, later, new_id, save, start, task

from maestrale.errors import NotFoundError, RequestError
from maestrale.store import EVERYTHING, Changeset, Scope, Where, by_ids, count_, definitions, field_names, get_, list_, queries
from maestrale.store.encoding import loads
from maestrale.store.resources import RESOURCES

P1, P2 = Scope("p1"), Scope("p2")


def names(database, *filters, resource="executions", scope=P1, field="workflow_name", **options):
    with database.read() as conn:
        return [row[field] for row in list_(conn, resource, scope, filters=[Where(*one) for one in filters], **options)]


@pytest.fixture
def some(store):
    """Executions a to d of p1, a second apart, and one of p2."""
    for number, name in enumerate("abcd"):
        start(
            store, workflow_name=name, created_at=later(number), updated_at=later(10 - number), tags=["all", f"t{number}", 'q"%_'],
            state="RUNNING" if number < 2 else "SUCCESS", accepted=number >= 2, description=f"Run {name}" if number % 2 else None,
            input={"n": number}, state_info="100%" if number == 3 else None,
        )
    start(store, workflow_name="foreign", project_id="p2")


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([], "abcd"),
        ([("workflow_name", "eq", "b")], "b"),
        ([("workflow_name", "neq", "b")], "acd"),
        ([("workflow_name", "gt", "b")], "cd"),
        ([("workflow_name", "gte", "b")], "bcd"),
        ([("workflow_name", "lt", "b")], "a"),
        ([("workflow_name", "lte", "b")], "ab"),
        ([("workflow_name", "in", ("a", "d", "x"))], "ad"),
        ([("workflow_name", "in", "a,d")], "ad"),
        ([("workflow_name", "nin", ["a", "d"])], "bc"),
        ([("workflow_name", "eq", "B")], ""),
        ([("description", "has", "Run")], "bd"),
        ([("description", "has", "run")], ""),
        ([("state_info", "has", "0%")], "d"),
        ([("state_info", "has", "%")], "d"),
        ([("state_info", "has", "_")], ""),
        ([("description", "eq", None)], "ac"),
        ([("description", "neq", None)], "bd"),
        ([("accepted", "eq", True)], "cd"),
        ([("accepted", "eq", "false")], "ab"),
        ([("accepted", "in", "true,1")], "cd"),
        ([("created_at", "gt", "2026-03-01 12:00:01")], "cd"),
        ([("created_at", "gt", later(1))], "cd"),
        ([("created_at", "gte", "2026-03-01 12:00:01")], "bcd"),
        ([("created_at", "lt", "2026-03-01 12:00:01")], "a"),
        ([("created_at", "lte", "2026-03-01T12:00:01")], "ab"),
        ([("created_at", "eq", "2026-03-01 12:00:01")], "b"),
        ([("created_at", "neq", "2026-03-01 12:00:01")], "acd"),
        ([("created_at", "in", ("2026-03-01 12:00:01", later(3)))], "bd"),
        ([("created_at", "nin", "2026-03-01 12:00:01")], "acd"),
        ([("created_at", "lt", "9999-12-31 23:59:59")], "abcd"),
        ([("tags", "eq", ("all", "t2"))], "c"),
        ([("tags", "eq", "t1,all")], "b"),
        ([("tags", "neq", "t1")], "acd"),
        ([("tags", "in", "t0,t3")], "ad"),
        ([("tags", "nin", "t0,t3")], "bc"),
        ([("tags", "has", "t1")], "b"),
        ([("tags", "eq", "t")], ""),
        ([("tags", "eq", ('q"%_',))], "abcd"),
        ([("input", "eq", '{"n": 2}')], "c"),
        ([("input", "eq", {"n": 2})], "c"),
        ([("input", "eq", "no json")], ""),
        ([("input", "has", '"n":2')], "c"),
        ([("version", "eq", "1")], "abcd"),
        ([("version", "gt", 10**30)], ""),
        ([("state", "eq", "FOO")], ""),
        ([("state", "eq", "SUCCESS"), ("workflow_name", "neq", "c")], "d"),
        ([("workflow_name", "eq", "x' OR 1=1 --")], ""),
        ([("workflow_name", "in", ())], ""),
        ([("workflow_name", "eq", "\0\ud800")], ""),
    ],
)
def test_filters(some, database, filters, expected):
    assert "".join(names(database, *filters)) == expected


@pytest.mark.parametrize(
    ("one", "text"),
    [
        (("nope", "eq", 1), "please choose from"),
        (("workflow_name", "like", "a"), "operator"),
        (("created_at", "lt", "zzz"), "created_at"),
        (("created_at", "gt", None), "null"),
        (("version", "eq", "x"), "version"),
        (("accepted", "eq", "maybe"), "true or false"),
        (("tags", "gt", "a"), "Tags"),
    ],
)
def test_senseless_filters_are_refused(database, one, text):
    with pytest.raises(RequestError, match=text):
        names(database, one)


def test_nulls_finds_root_executions(store, database):
    root, _, _ = start(store, workflow_name="root")
    start(store, workflow_name="child", root_execution_id=root.id, parent_execution_id=root.id)

    assert names(database, nulls=["root_execution_id"]) == ["root"]
    with pytest.raises(RequestError, match="please choose"):
        names(database, nulls=["nope"])


def pages(database, limit, **options):
    found, marker = [], None
    while True:
        with database.read() as conn:
            page = list_(conn, "executions", P1, limit=limit, marker=marker, **options)
        found += [row["id"] for row in page]
        if len(page) < limit:
            return found
        marker = page[-1]["id"]


@pytest.mark.parametrize("directions", list(product([False, True], repeat=2)))
@pytest.mark.parametrize(
    "keys", [("created_at", "workflow_name"), ("description", "state"), ("state_info", "updated_at"), ("id",), ("accepted",)],
)
def test_pages_follow_each_other_without_gap_or_repetition(store, database, keys, directions):
    """Many rows are equal in the sort keys, some are null, so only the id makes the order total."""
    for number in range(25):
        start(
            store, created_at=later(number // 5), workflow_name=f"w{number % 3}", description=None if number % 4 else f"d{number % 2}",
            state_info=None if number % 3 else "x", accepted=number % 2 == 0,
        )
    sort = list(zip(keys, directions, strict=False))
    with database.read() as conn:
        whole = [row["id"] for row in list_(conn, "executions", P1, sort=sort)]

    assert len(set(whole)) == 25
    for limit in (1, 3, 25, 26):
        assert pages(database, limit, sort=sort) == whole


def test_nulls_come_last_going_up_and_first_going_down(some, database):
    assert names(database, sort=[("description", False)])[:2] == ["b", "d"]
    assert names(database, sort=[("description", True)])[2:] == ["d", "b"]


@pytest.mark.parametrize("key", ["nope", "input", "tags", "'; DROP TABLE executions"])
def test_only_real_columns_can_be_sorted_by(database, key):
    with pytest.raises(RequestError, match="please choose from"):
        names(database, sort=[(key, False)])


def test_a_marker_has_to_be_visible(store, database):
    foreign, _, _ = start(store, project_id="p2")

    for marker in (foreign.id, new_id()):
        with pytest.raises(NotFoundError):
            names(database, marker=marker)


def test_fields_choose_what_is_given(some, database):
    with database.read() as conn:
        row = list_(conn, "executions", P1, fields=["state", "state"], limit=1)[0]
        assert set(row) == {"id", "state"}
        assert "output" not in list_(conn, "executions", P1, limit=1)[0]
        assert list_(conn, "executions", P1, limit=1, include_output=True)[0]["output"] == "{}"
        assert get_(conn, "executions", P1, row["id"])["output"] == "{}"
        with pytest.raises(RequestError, match="please choose from"):
            list_(conn, "executions", P1, fields=["nope"])
        with pytest.raises(RequestError, match="please choose from"):
            get_(conn, "executions", P1, row["id"], fields=["nope"])


def test_json_fields_are_text_and_times_are_times(store, database):
    parent, _, _ = start(store, input={"a": [1, "\u00e4"]}, tags=["x"], started_at=NOW)

    with database.read() as conn:
        row = get_(conn, "executions", P1, parent.id)

    assert row["input"] == '{"a":[1,"\u00e4"]}'
    assert row["tags"] == '["x"]'
    assert (row["created_at"], row["started_at"], row["finished_at"], row["accepted"]) == (NOW, NOW, None, False)


def test_big_values_of_many_executions_are_put_in(store, database):
    expected = {}
    for number in range(5):
        value = {"a": [number] * 3000, "b": number, "c": "same" * 2000}
        expected[start(store, input=value)[0].id] = value

    with database.read() as conn:
        rows = list_(conn, "executions", P1)

    assert {row["id"]: loads(row["input"]) for row in rows} == expected


def test_tasks_show_their_workflow(store, database):
    parent, (child,), _ = start(store, tasks=1, workflow_name="wf", workflow_id="wid", workflow_namespace="ns")
    save(store, Changeset(parent, 1, [child.set(published={"v": "p" * 5000}, published_global={"g": 1}, tags=["a"])]))
    start(store, tasks=2, workflow_name="other")

    with database.read() as conn:
        (row,) = list_(conn, "tasks", P1, filters=[Where("workflow_name", "eq", "wf")])
        assert list_(conn, "tasks", P1, filters=[Where("workflow_execution_id", "eq", parent.id)]) == [row]
        assert get_(conn, "tasks", P1, child.id) == row

    shown = (row["workflow_name"], row["workflow_id"], row["workflow_namespace"], row["workflow_execution_id"])
    assert shown == ("wf", "wid", "ns", parent.id)
    assert loads(row["published"]) == {"v": "p" * 5000}
    assert loads(row["published_global"]) == {"g": 1}
    assert row["processed"] is False


def test_actions_show_their_task_and_workflow_and_children_are_no_actions(store, database):
    parent, (child,), (one,) = start(store, tasks=1, attempts=1, workflow_name="wf")
    alone = attempt(created_at=later(1))
    save(store, Changeset(parent, 1, [], [attempt(child, kind="workflow")]), standalone=[alone])

    with database.read() as conn:
        rows = list_(conn, "action_executions", P1)
        by_task = list_(conn, "action_executions", P1, filters=[Where("task_name", "eq", "t"), Where("workflow_name", "eq", "wf")])

    assert [(row["id"], row["task_name"], row["workflow_name"], row["task_execution_id"]) for row in rows] == [
        (one.id, "t", "wf", child.id), (alone.id, None, None, None),
    ]
    assert [row["id"] for row in by_task] == [one.id]


def test_rows_of_other_projects_are_invisible_whatever_is_asked(store, database):
    """Every resource, every way to ask: a stranger finds nothing, the owner and administrators find it."""
    parent, (child,), (one,) = start(store, tasks=1, attempts=1, project_id="p1")
    ids = {"executions": parent.id, "tasks": child.id, "action_executions": one.id, "attempts": one.id}
    with database.write() as conn:
        for kind in (
            definitions.WORKFLOWS, definitions.WORKBOOKS, definitions.ACTIONS, definitions.ENVIRONMENTS, definitions.CODE_SOURCES,
            definitions.CRON_TRIGGERS, definitions.EVENT_TRIGGERS, definitions.DYNAMIC_ACTIONS, definitions.MEMBERS,
            definitions.PROJECT_SOURCES,
        ):
            row = generic_row(kind, ids)
            definitions.create(conn, kind, [row])
            ids[kind.name] = row["id"]

    assert set(ids) == set(RESOURCES)
    with database.read() as conn:
        for resource, one_id in ids.items():
            for scope, expected in ((P1, [one_id]), (EVERYTHING, [one_id]), (Scope("p2", all_projects=True), [one_id]), (P2, [])):
                assert [row["id"] for row in list_(conn, resource, scope)] == expected, (resource, scope)
                assert [row["id"] for row in list_(conn, resource, scope, filters=[Where("project_id", "eq", "p1")])] == expected
                assert [row["id"] for row in by_ids(conn, resource, scope, [one_id])] == expected
                assert count_(conn, resource, scope) == len(expected)
            for identifier in (one_id, f"name of {resource}"):
                with pytest.raises(NotFoundError):
                    get_(conn, resource, P2, identifier)
            with pytest.raises(NotFoundError):
                list_(conn, resource, P2, marker=one_id)


def test_a_statement_is_put_together_once_for_all_values_and_projects(store, database):
    ids = {project: start(store, tasks=0, attempts=0, project_id=project)[0].id for project in ("p1", "p2")}

    def ask(scope, project):
        with database.read() as conn:
            found = list_(conn, "executions", scope, filters=[Where("id", "in", [ids[project]])], limit=5)
            return [row["id"] for row in found], get_(conn, "executions", scope, ids[project])["id"]

    assert ask(P1, "p1") == ([ids["p1"]], ids["p1"])
    made = queries._plain_page.cache_info().misses, queries._one.cache_info().misses

    assert ask(P2, "p2") == ([ids["p2"]], ids["p2"])
    assert (queries._plain_page.cache_info().misses, queries._one.cache_info().misses) == made


def generic_row(kind, ids):
    row = {"id": new_id(), "project_id": "p1", "created_at": NOW, "name": f"name of {kind.name}"}
    for column in kind.table.columns:
        if column.name in row or column.nullable:
            continue
        row[column.name] = {
            "scope": "private", "namespace": "", "workflow_id": ids.get("workflows"), "code_source_id": ids.get("code_sources"),
            "next_execution_time": NOW, "version": 1, "is_system": False, "tags": [], "spec": {}, "interface": {}, "member_id": "p3",
        }.get(column.name, "x")
    return {name: value for name, value in row.items() if name in kind.table.columns}


def test_every_field_of_every_resource_can_be_given_and_sorted_and_filtered(database):
    """No field leads to an error of the database."""
    with database.read() as conn:
        for resource, known in RESOURCES.items():
            assert list_(conn, resource, P1, fields=field_names(resource)) == []
            for name, field in known.fields.items():
                if field.sorts:
                    list_(conn, resource, P1, sort=[(name, True)], limit=1)
                if field.kind in {"text", "json"}:
                    for operator in ("eq", "neq", "gt", "in", "has"):
                        list_(conn, resource, P1, filters=[Where(name, operator, "x")], limit=1)
                list_(conn, resource, P1, nulls=[name], limit=1)


def test_attempts_of_tasks_come_with_their_results(store, database):
    _parent, tasks, tries = start(store, tasks=3, attempts=2)
    with database.read() as conn:
        found = store.attempts_of_tasks(conn, [tasks[2].id, tasks[0].id, "x"])

    assert found == {tasks[2].id: tries[4:], tasks[0].id: tries[:2], "x": []}


def test_ids_keep_their_order(store, database):
    ids = [start(store)[0].id for _ in range(3)]
    wanted = [ids[2], "x", ids[0]]

    with database.read() as conn:
        assert [row["id"] for row in by_ids(conn, "executions", P1, wanted)] == [ids[2], ids[0]]
    assert execution().id not in ids
    assert task(execution()).id not in ids
