"""List parameters against the rules of section 1.5, without a server."""

from __future__ import annotations

import contextlib
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestrale.actions import ActionSettings, standard_registry
from maestrale.actions.std import EchoAction
from maestrale.api import actions
from maestrale.api.listing import Filter, Listing, Query, read_listing
from maestrale.api.resources import ACTIONS, ALL, EXECUTIONS, TASKS, WORKFLOWS
from maestrale.errors import RequestError


def listing(query: str, resource=EXECUTIONS, max_limit: int = 1000) -> Listing:
    return read_listing(Query(query.encode()), resource, max_limit)


def one_filter(query: str, resource=EXECUTIONS) -> Filter:
    (condition,) = listing(query, resource).filters
    return condition


@pytest.mark.parametrize("value", ["0", "-1", "-99"])
def test_A044_limit_must_be_positive(value):
    with pytest.raises(RequestError, match=r"^Limit must be positive\.$"):
        listing(f"limit={value}")


@pytest.mark.parametrize("value", ["x", "1.5", "9" * 30, "1e3", "%20", "0x10"])
def test_A045_limit_that_is_no_integer_is_refused(value):
    with pytest.raises(RequestError, match="limit"):
        listing(f"limit={value}")


def test_A045_repeated_limit_is_refused():
    with pytest.raises(RequestError, match="more than once"):
        listing("limit=1&limit=2")


def test_A046_limit_is_clamped_except_for_actions():
    assert listing("", max_limit=7).limit == 7
    assert listing("limit=100", max_limit=7).limit == 7
    assert listing("limit=3", max_limit=7).limit == 3
    assert listing("", ACTIONS, max_limit=7).limit is None
    assert listing("limit=100", ACTIONS, max_limit=7).limit == 100


def test_A048_next_link_has_sort_keys_with_the_added_id():
    link = listing("limit=1&sort_keys=name&sort_dirs=desc", WORKFLOWS).next_link("http://h:1/v2/workflows", "abc")

    assert link == "http://h:1/v2/workflows?sort_keys=name,id&sort_dirs=desc,asc&limit=1&marker=abc"


def test_A049_next_link_carries_filters_fields_and_flags():
    request = listing("limit=2&state=ERROR&workflow_name=in:a,b&fields=state&include_output=true&nulls=root_execution_id")

    link = request.next_link("u", "m")

    assert link.split("?")[1].split("&") == [
        "sort_keys=created_at,id", "sort_dirs=asc,asc", "state=eq:ERROR", "workflow_name=in:a,b", "include_output=true",
        "nulls=root_execution_id", "limit=2", "marker=m", "fields=id,state",
    ]


@given(st.dictionaries(st.sampled_from(["state", "description", "workflow_name"]), st.text(max_size=20)), st.integers(1, 50))
def test_A050_next_link_means_the_same_request_further_on(filters, limit):
    filters = {name: value.replace("\0", "") for name, value in filters.items()}
    filters = {name: value.encode("utf-8", "replace").decode() for name, value in filters.items()}
    first = read_listing(_query(filters, limit), EXECUTIONS, 1000)

    again = listing(first.next_link("u", "m").split("?", 1)[1])

    assert again.filters == first.filters
    assert again.sort == first.sort
    assert again.limit == first.limit
    assert again.marker == "m"


def _query(filters: dict[str, str], limit: int) -> Query:
    from urllib.parse import urlencode

    return Query(urlencode([*filters.items(), ("limit", str(limit))]).encode())


def test_A052_default_order_is_created_at_and_for_actions_name():
    assert listing("").sort == (("created_at", False), ("id", False))
    assert listing("", ACTIONS).sort == (("name", False), ("id", False))


def test_A053_unknown_direction_is_refused():
    with pytest.raises(RequestError, match=r"^Unknown sort direction, must be 'desc' or 'asc'\.$"):
        listing("sort_dirs=sideways")


def test_A054_more_directions_than_distinct_keys_are_refused():
    with pytest.raises(RequestError, match=r"^Length of sort_keys must be equal or greater than sort_dirs\.$"):
        listing("sort_keys=id,id&sort_dirs=asc,asc")


def test_A055_missing_directions_are_asc():
    assert listing("sort_keys=state,created_at&sort_dirs=desc").sort == (("state", True), ("created_at", False), ("id", False))


@pytest.mark.parametrize("key", ["nope", "source_execution_id", "input;drop", "published_global"])
def test_A056_unknown_or_virtual_sort_key_is_refused(key):
    with pytest.raises(RequestError, match="Unknown sort key"):
        listing(f"sort_keys={key}")


def test_A057_sort_keys_and_fields_ignore_case():
    request = listing("sort_keys=STATE&fields=State,INPUT")

    assert request.sort[0] == ("state", False)
    assert request.columns == ("id", "state", "input")


@pytest.mark.parametrize("resource", ALL, ids=lambda resource: resource.collection)
def test_A058_every_collection_sorts_by_created_at(resource):
    assert listing("sort_keys=created_at", resource).sort[0] == ("created_at", False)


def test_A059_fields_name_gives_id_and_name():
    assert listing("fields=name", WORKFLOWS).columns == ("id", "name")


def test_A060_unknown_field_is_named_with_the_choices():
    with pytest.raises(RequestError, match=r"^Some fields do not exist  \['nope'\], please choose from \['id', 'name'"):
        listing("fields=nope,name", WORKFLOWS)


@pytest.mark.parametrize("query", ["nofilter=x", "is_system%3CFalse", "created_at%3E2016-02-23", "is_system!=False", "=x"])
def test_A063_unknown_argument_is_refused(query):
    with pytest.raises(RequestError, match="^Unknown argument: "):
        listing(query)


def test_A064_plain_value_means_equality():
    assert one_filter("state=ERROR") == Filter("state", "eq", "ERROR")


@pytest.mark.parametrize("operator", ["eq", "neq", "gt", "gte", "lt", "lte", "has"])
def test_A065_operators(operator):
    assert one_filter(f"workflow_name={operator}:a:b") == Filter("workflow_name", operator, "a:b")


@pytest.mark.parametrize("text", ["2026-01-02 03:04:05", "2026-01-02%2003:04:05", "2026-01-02+03:04:05", "2026-01-02T03:04:05Z"])
def test_A066_times_compare_as_times(text):
    assert one_filter(f"created_at=gt:{text}") == Filter("created_at", "gt", datetime(2026, 1, 2, 3, 4, 5))


def test_A068_in_takes_a_comma_list():
    assert one_filter("state=in:ERROR,SUCCESS") == Filter("state", "in", ("ERROR", "SUCCESS"))
    assert one_filter("state=nin:ERROR") == Filter("state", "nin", ("ERROR",))


def test_A069_unknown_prefix_belongs_to_the_value():
    assert one_filter("state=foo:bar") == Filter("state", "eq", "foo:bar")


def test_A070_tags_are_all_asked_for():
    assert one_filter("tags=a,b") == Filter("tags", "eq", ("a", "b"))
    assert one_filter("tags=has:a") == Filter("tags", "has", "a")


def test_A071_uuids_in_both_forms():
    dashed = "7eb79ffe-6b1e-4ac7-9d1b-1f8f9ad4c0de"
    assert one_filter(f"workflow_id={dashed.upper()}").value == dashed
    assert one_filter(f"workflow_id={dashed.replace('-', '')}").value == dashed.replace("-", "")
    assert one_filter(f"workflow_id=eq:{dashed}").value == dashed


@pytest.mark.parametrize("name", ["workflow_id", "task_execution_id", "root_execution_id"])
@pytest.mark.parametrize("value", ["nope", "1", "7eb79ffe-6b1e-4ac7-9d1b"])
def test_A071_what_is_no_uuid_is_refused(name, value):
    with pytest.raises(RequestError, match="UUID"):
        listing(f"{name}={value}")


def test_A073_the_last_of_two_filters_counts():
    assert one_filter("state=in:ERROR,SUCCESS&state=PAUSED") == Filter("state", "eq", "PAUSED")


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("True", True), ("1", True), ("yes", True), ("false", False), ("False", False), ("0", False), ("", False)],
)
def test_A074_booleans(text, value):
    assert listing(f"include_output={text}").flags == {"include_output": value}
    assert one_filter(f"processed={text}", TASKS) == Filter("processed", "eq", value)


def test_A074_other_words_are_refused():
    with pytest.raises(RequestError, match="true or false"):
        listing("include_output=perhaps")


@pytest.mark.parametrize("text", ["zzz", "2026-13-01", "999999999999", "0000-00-00", "2026-01-02 03:04:05'; drop"])
def test_A075_garbage_date_is_refused_in_plain_words(text):
    with pytest.raises(RequestError, match="Expected a time") as caught:
        listing(f"created_at=lt:{text}")
    assert "SELECT" not in caught.value.message


def test_A076_nulls_names_columns():
    assert listing("nulls=root_execution_id").nulls == ("root_execution_id",)


@pytest.mark.parametrize("name", ["nope", "state", "id"])
def test_A077_nulls_with_another_column_is_refused(name):
    with pytest.raises(RequestError, match="can't be null"):
        listing(f"nulls={name}")


@pytest.mark.parametrize(("resource", "name"), [(TASKS, "result"), (TASKS, "env"), (EXECUTIONS, "source_execution_id")])
def test_filter_by_what_is_not_stored_is_refused(resource, name):
    with pytest.raises(RequestError, match="not possible"):
        listing(f"{name}=x", resource)


@pytest.mark.parametrize("query", [b"state=%ff%fe", b"a%00b=1", b"state=%00", "state=\u00e9".encode(), b"&".join([b"a=1"] * 200)])
def test_broken_query_is_refused(query):
    with pytest.raises(RequestError):
        read_listing(Query(query), EXECUTIONS, 10)


def test_A013_empty_query_and_trailing_ampersand():
    assert listing("state=ERROR&").filters == (Filter("state", "eq", "ERROR"),)
    assert listing("&").filters == ()


@given(st.binary(max_size=60))
def test_any_query_is_read_or_refused(query):
    with contextlib.suppress(RequestError):
        read_listing(Query(query), EXECUTIONS, 10)


def test_rows_of_built_in_actions_are_made_once_and_again_when_there_is_another_action(monkeypatch):
    class Late(EchoAction):
        name = "test.late"

    registry = standard_registry(ActionSettings(), plugins=False)
    made = []
    monkeypatch.setattr(actions, "built_in", lambda descriptor: made.append(descriptor.name) or {"name": descriptor.name})

    first, second = actions._all_built_in(registry), actions._all_built_in(registry)
    assert first is second
    assert len(made) == len(set(made)) == len(first)

    registry.add(Late)
    assert {row["name"] for row in actions._all_built_in(registry)} == {*made[:len(first)], "test.late"}
