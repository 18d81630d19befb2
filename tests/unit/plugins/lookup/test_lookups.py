# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE)
# SPDX-License-Identifier: Apache-2.0

"""Lookups against an engine in memory."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleError
from ansible.plugins.loader import lookup_loader


@pytest.fixture
def lookup(engine):
    def run(name, *terms, **options):
        return lookup_loader.get(f"maestrale.mistral.{name}").run(list(terms), variables={}, **options)

    return run


def test_an_output_and_keys_of_it(lookup, engine):
    engine.add("executions", id="x", state="SUCCESS", workflow_name="w", output='{"a": {"b": 5}}')
    assert lookup("execution_output", "x") == [{"a": {"b": 5}}]
    assert lookup("execution_output", "x", key="a.b") == [5]
    assert lookup("execution_output", "x", key="a.c", default=7) == [7]
    with pytest.raises(AnsibleError, match="has no key"):
        lookup("execution_output", "x", key="a.c")
    with pytest.raises(AnsibleError, match="HTTP 404"):
        lookup("execution_output", "missing")


def test_an_output_is_waited_for(lookup, engine):
    engine.add("executions", id="x", state="RUNNING", workflow_name="w", output='{"a": 1}')
    engine.script["x"] = ["RUNNING", "RUNNING", "RUNNING", "SUCCESS"]
    assert lookup("execution_output", "x", wait=True) == [{"a": 1}]
    assert engine.script["x"] == []


def test_lists_are_read_page_by_page(lookup, engine):
    engine.max_limit = 2
    for number in range(5):
        engine.add("environments", name=f"e{number}", variables="{}")
    assert [item["variables"] for item in lookup("api", "environments")] == [{}] * 5
    with pytest.raises(AnsibleError, match="more than 3"):
        lookup("api", "environments", max_objects=3)
    assert lookup("api", "environments", query={"name": "e3"}, expect_one=True)[0]["name"] == "e3"
    with pytest.raises(AnsibleError, match="5 objects"):
        lookup("api", "environments", expect_one=True)


def test_one_object_is_read(lookup, engine):
    engine.add("environments", name="e", variables='{"a": 1}')
    assert lookup("api", "environments/e")[0]["variables"] == {"a": 1}


def test_the_address_comes_from_variables_too(engine):
    plugin = lookup_loader.get("maestrale.mistral.api")
    plugin.run(["environments"], variables={"maestrale_endpoint": "http://there"})
    assert plugin.get_option("endpoint") == "http://there"
