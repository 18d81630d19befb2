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

    def __init__(self, monkeypatch):
        self.items = []
        self.queries = []
        monkeypatch.setattr(source.Source, "_page", self.page)

    def page(self, query):
        self.queries.append(query)
        since = query.get("updated_at", "gte:").removeprefix("gte:")
        found = sorted((item for item in self.items if item["updated_at"] >= since), key=lambda item: item["updated_at"])
        if query.get("sort_dirs") == "desc":
            found.reverse()
        if "marker" in query:
            found = found[[item["id"] for item in found].index(query["marker"]) + 1 :]
        return found[: query["limit"]]

    def put(self, identity, state, second):
        self.items = [item for item in self.items if item["id"] != identity]
        stamp = f"2026-01-01 00:00:{second:02d}"
        self.items.append({"id": identity, "state": state, "updated_at": stamp, "created_at": stamp})


@pytest.fixture
def listing(monkeypatch):
    listing = Listing(monkeypatch)
    monkeypatch.setattr(source.Source, "_page", lambda self, query: listing.page(query))
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
    assert json.loads((tmp_path / "state").read_text())["since"] == "2026-01-01 00:00:05"


@pytest.mark.parametrize(
    "args", [{"stats": []}, {"states": ["GONE"]}, {"states": "ERROR"}, {"poll_seconds": 0}, {"endpoint": "file:///etc"}]
)
def test_options_that_make_no_sense_are_told(args):
    with pytest.raises(ValueError, match="engine_events"):
        source.checked(args)


def test_the_address_is_completed(monkeypatch):
    monkeypatch.setenv("MAESTRALE_ENDPOINT", "http://there:1/")
    assert source.checked({})["endpoint"] == "http://there:1/v2"
    assert source.checked({"endpoint": "http://here/v2"})["endpoint"] == "http://here/v2"
