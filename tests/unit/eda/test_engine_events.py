# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE)
# SPDX-License-Identifier: Apache-2.0

"""The event source: what it asks for, what it makes events of, how it goes on."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

PATH = Path(__file__).resolve().parents[3] / "extensions" / "eda" / "plugins" / "event_source" / "engine_events.py"
SPEC = importlib.util.spec_from_file_location("engine_events", PATH)
source = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(source)


class Listing:
    """Executions as the source would read them."""

    def __init__(self):
        self.items = []
        self.queries = []

    def page(self, query, kind="execution"):
        self.queries.append(query)
        since = query.get("updated_at", "gte:").removeprefix("gte:")
        found = sorted(
            (item for item in self.items if item["updated_at"] >= since and item["kind"] == kind), key=lambda item: item["updated_at"]
        )
        if query.get("sort_dirs") == "desc":
            found.reverse()
        if "marker" in query:
            found = found[[item["id"] for item in found].index(query["marker"]) + 1 :]
        return found[: query["limit"]]

    def put(self, identity, state, second, kind="execution"):
        self.items = [item for item in self.items if item["id"] != identity]
        stamp = f"2026-01-01 00:00:{second:02d}"
        self.items.append({"id": identity, "state": state, "updated_at": stamp, "created_at": stamp, "kind": kind})


@pytest.fixture
def listing(monkeypatch):
    listing = Listing()
    monkeypatch.setattr(source.Source, "_page", lambda self, kind, query: listing.page(query, kind))
    return listing


def states(events):
    return [(event["execution"]["id"], event["execution"]["state"]) for event in events]


def test_only_changes_from_now_on_become_events(listing):
    listing.put("old", "ERROR", 1)
    events = source.Source(source.checked({}))
    assert events.look() == []
    listing.put("new", "SUCCESS", 1)
    assert states(events.look()) == [("new", "SUCCESS")]
    assert events.look() == []


def test_each_change_of_state_is_an_event_once(listing):
    events = source.Source(source.checked({"since": "2026-01-01 00:00:00", "states": ["RUNNING", "ERROR"]}))
    listing.put("x", "RUNNING", 1)
    assert states(events.look()) == [("x", "RUNNING")]
    listing.put("x", "ERROR", 2)
    assert states(events.look()) == [("x", "ERROR")]
    listing.put("x", "RUNNING", 3)
    assert states(events.look()) == [("x", "RUNNING")]
    listing.put("x", "SUCCESS", 4)
    assert states(events.look()) == []


def test_pages_are_followed(listing, monkeypatch):
    monkeypatch.setattr(source, "PAGE", 2)
    for number in range(5):
        listing.put(f"x{number}", "ERROR", number)
    assert len(source.Source(source.checked({"since": "2026-01-01 00:00:00"})).look()) == 5


def test_a_restarted_rulebook_goes_on(listing, tmp_path):
    options = source.checked({"state_file": str(tmp_path / "state")})
    listing.put("a", "ERROR", 1)
    source.Source(options).look()
    listing.put("b", "ERROR", 5)
    assert states(source.Source(options).look()) == [("b", "ERROR")]
    assert json.loads((tmp_path / "state").read_text())["execution"]["since"] == "2026-01-01 00:00:05"


def test_tasks_are_events_if_that_is_asked_for(listing, tmp_path):
    options = source.checked({"types": ["task", "execution"], "since": "2026-01-01 00:00:00", "state_file": str(tmp_path / "state")})
    listing.put("t", "ERROR", 1, "task")
    listing.put("x", "ERROR", 2)
    events = source.Source(options)
    found = events.look()
    assert [(event["type"], event[event["type"]]["id"]) for event in found] == [("task", "t"), ("execution", "x")]
    assert events.look() == []
    listing.put("t2", "ERROR", 3, "task")
    again = source.Source(source.checked({"types": ["task"], "state_file": options["state_file"]}))
    assert [event["task"]["id"] for event in again.look()] == ["t2"]


@pytest.mark.parametrize(
    "args", [{"stats": []}, {"states": ["GONE"]}, {"states": "ERROR"}, {"poll_seconds": 0}, {"types": ["x"]}, {"endpoint": "file:///etc"}]
)
def test_options_that_make_no_sense_are_told(args):
    with pytest.raises(ValueError, match="engine_events"):
        source.checked(args)


def test_the_address_is_completed(monkeypatch):
    monkeypatch.setenv("MAESTRALE_ENDPOINT", "http://there:1/")
    assert source.checked({})["endpoint"] == "http://there:1/v2"
    assert source.checked({"endpoint": "http://here/v2"})["endpoint"] == "http://here/v2"
