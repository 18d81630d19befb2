from __future__ import annotations

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from records import attempt, execution, later, save, start, task

from maestrale.errors import EngineError
from maestrale.store import Batch, Changeset, Executions, PayloadCache, Where, get_, list_
from maestrale.store.encoding import loads
from maestrale.store.payloads import THRESHOLD, PayloadReader, PayloadWriter, open_references, resolved_text
from maestrale.store.scope import EVERYTHING

BIG = "x" * (THRESHOLD + 1)

small = st.none() | st.booleans() | st.integers(-5, 2**70) | st.text(max_size=5)
marks = st.dictionaries(st.sampled_from(["$payload", "=", "a"]), small | st.just(BIG), max_size=2)
data = st.dictionaries(
    st.sampled_from(["a", "b", "$payload", "="]),
    small | st.just(BIG) | st.just([BIG, 1]) | marks | st.dictionaries(st.just("$payload"), marks, max_size=1), max_size=4,
)


def load(store, execution_id):
    with store.database.read() as conn:
        return store.load(conn, execution_id)


def payload_rows(database):
    with database.read() as conn:
        return conn.exec_driver_sql("SELECT scope_id, digest, part, LENGTH(body) FROM payloads ORDER BY 1, 2, 3").fetchall()


@given(data)
def test_any_mapping_comes_back_whatever_it_looks_like(value):
    writer = PayloadWriter(PayloadCache())
    text = writer.encode("s", value)
    bodies = {digest: body for (_, digest), body in writer.new.items()}

    reader = PayloadReader(PayloadCache())
    again = reader.decode(text)
    reader.fill(bodies)

    assert again == value
    assert loads(resolved_text(text, bodies)) == value
    assert open_references(text) == set(bodies)


@pytest.mark.parametrize(
    "value",
    [
        {"$payload": "0" * 48}, {"a": {"$payload": "0" * 48}}, {"a": {"$payload": {"=": 1}}}, {"a": {"$payload": None}},
        {"a": {"$payload": BIG}, "b": [BIG]}, {"a": {"b": {"$payload": "x"}}}, {"a": math.inf, "b": BIG},
        {"a": 2**80, "b": [BIG, math.nan]},
        {"a": "\ud800 \0", "b": BIG + "\0\ud800"}, {"\ud800": 1, "\0": BIG}, {1: BIG, "x": None},
    ],
)
def test_odd_values_are_stored_and_given_back(store, value):
    parent, _, _ = start(store, input=value, state_info="a\0b\ud800c", workflow_name="w\0")
    expected = {str(key): item for key, item in value.items()}

    for reader in (store, Executions(store.database)):
        assert repr(load(reader, parent.id).execution.input) == repr(expected)
    with store.database.read() as conn:
        assert repr(loads(get_(conn, "executions", EVERYTHING, parent.id)["input"])) == repr(expected)
        assert get_(conn, "executions", EVERYTHING, parent.id)["state_info"] == "a\ufffdb\\ud800c"


def test_a_big_value_that_passes_through_many_tasks_is_stored_once(store, database):
    value = "y" * 10_000_000
    parent = execution(input={"blob": value})
    save(store, Changeset(parent, 0))
    written = []
    database.on_statement = lambda text, rows: written.append(text)
    for number in range(20):
        child = task(parent, published={"blob": value, "n": number})
        save(store, Changeset(parent.set(context={"blob": value}), parent.version, [child], [attempt(child, output={"result": value})]))
    database.on_statement = None

    rows = payload_rows(database)
    assert sum(row[3] for row in rows) == len(value) + 2
    assert {row[:2] for row in rows} == {(parent.id, rows[0][1])}
    assert not any("payloads" in text for text in written)
    loaded = load(Executions(database), parent.id)
    assert {id(one.published["blob"]) for one in loaded.tasks} == {id(loaded.execution.input["blob"])}
    assert loaded.execution.input["blob"] == value


def test_children_share_the_values_of_their_root(store, database):
    value = {"list": [BIG]}
    root, _, _ = start(store, input={"v": value})
    child, _, _ = start(store, input={"v": value}, root_execution_id=root.id, parent_execution_id=root.id)

    assert {row[0] for row in payload_rows(database)} == {root.id}
    assert load(Executions(database), child.id).execution.input == {"v": value}


def test_equal_values_of_different_objects_are_stored_once(store, database):
    start(store, input={"a": ["z" * 5000], "b": ["z" * 5000]})

    assert len(payload_rows(database)) == 1


def test_a_standalone_action_keeps_its_values_itself(store, database):
    alone = attempt(input={"v": BIG})
    save(store, standalone=[alone])
    save(store, standalone=[alone.set(output={"result": BIG * 2}, state="SUCCESS")])

    assert {row[0] for row in payload_rows(database)} == {alone.id}
    with database.read() as conn:
        assert Executions(database).attempt(conn, alone.id) == alone
        (row,) = list_(conn, "action_executions", EVERYTHING, include_output=True)
    assert loads(row["output"]) == {"result": BIG * 2}
    with database.write() as conn:
        store.delete_attempt(conn, alone.id)
    assert payload_rows(database) == []


def test_a_restarted_execution_of_the_same_id_stores_its_values_again(store, database):
    value = ["v" * 5000]
    for round_ in range(2):
        start(store, id="chosen", input={"v": value}, created_at=later(round_))
        other = Executions(database)
        assert load(other, "chosen").execution.input == {"v": value}
        with database.write() as conn:
            other.delete_tree(conn, "chosen")

    assert payload_rows(database) == []


def test_a_failed_commit_does_not_count_as_stored(store, database):
    parent, _, _ = start(store)
    stale = Changeset(parent.set(context={"v": BIG}), 7)
    with pytest.raises(Exception, match="Changed by another"):
        store.commit(Batch([stale]))

    save(store, Changeset(parent, 1))

    assert load(Executions(database), parent.id).execution.context == {"v": BIG}


def test_a_missing_value_is_an_error_of_ours(store, database):
    parent, _, _ = start(store, input={"v": BIG})
    with database.write() as conn:
        conn.exec_driver_sql("DELETE FROM payloads")

    with pytest.raises(EngineError, match="missing"):
        load(Executions(database), parent.id)


def test_a_filter_by_a_json_field_finds_big_values_too(store, database):
    parent, _, _ = start(store, input={"v": BIG, "n": 1})
    start(store, input={"v": BIG, "n": 2})

    with database.read() as conn:
        found = list_(conn, "executions", EVERYTHING, filters=[Where("input", "eq", {"v": BIG, "n": 1})])

    assert [row["id"] for row in found] == [parent.id]


def test_the_cache_holds_no_more_than_its_bounds():
    cache = PayloadCache(max_bytes=100, max_entries=3, max_stored=4)
    kept = [[n] for n in range(5)]
    for number, value in enumerate(kept):
        cache.remember(value, f"d{number}", 10)
    cache.remember("huge", "h", 1000)

    assert [cache.digest_of(value) for value in kept] == [None, None, "d2", "d3", "d4"]
    assert cache.value_of("d0") == (False, None)
    assert cache.digest_of("huge") is None

    cache.remember(["heavy"], "w", 90)
    assert cache.digest_of(kept[3]) is None

    for number in range(10):
        scope = f"s{number % 3}"
        cache.mark_stored(scope, cache.stored(scope), [f"{number}"])
    assert sum(len(cache.stored(f"s{n}")) for n in range(3)) <= 4


def test_marking_a_scope_that_was_renewed_has_no_effect():
    cache = PayloadCache()
    before = cache.stored("s")
    cache.renew("s")
    cache.mark_stored("s", before, ["d"])

    assert cache.stored("s") == set()


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=data)
def test_generated_values_survive_the_database(store, value):
    parent, (child,), _ = start(store, tasks=1, input=value)
    save(store, Changeset(parent, 1, [child.set(published=value)]))

    loaded = load(Executions(store.database), parent.id)
    assert loaded.execution.input == value
    assert loaded.tasks[0].published == value
