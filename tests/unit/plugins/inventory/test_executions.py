# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE)
# SPDX-License-Identifier: Apache-2.0

"""Hosts out of outputs."""

from __future__ import annotations

import json

import pytest
from ansible.errors import AnsibleParserError
from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import inventory_loader

OUTPUT = {"found": {"hosts": [{"name": "a", "os": "linux", "groups": ["web"]}, "b"]}, "map": {"c": {"os": "bsd"}, "d": None}, "odd": 5}


@pytest.fixture
def inventory(engine, tmp_path):
    engine.add("executions", id="old", workflow_name="survey", state="ERROR", output="{}")
    engine.add("executions", id="x", workflow_name="survey", state="SUCCESS", output=json.dumps(OUTPUT))

    def make(**options):
        path = tmp_path / "x.maestrale.yml"
        path.write_text(json.dumps({"plugin": "maestrale.mistral.executions", **options}))
        data = InventoryData()
        plugin = inventory_loader.get("maestrale.mistral.executions")
        assert plugin.verify_file(str(path))
        plugin.parse(data, DataLoader(), str(path))
        return data

    return make


def test_a_list_of_hosts(inventory):
    data = inventory(
        execution_id="x", hosts_path="found.hosts", keyed_groups=[{"key": "os", "prefix": "os"}], compose={"upper": "os | upper"}
    )
    assert sorted(data.hosts) == ["a", "b"]
    assert data.hosts["a"].vars["upper"] == "LINUX"
    assert {group.name for group in data.hosts["a"].groups} >= {"web", "os_linux"}


def test_a_mapping_of_hosts_of_the_newest_success(inventory):
    data = inventory(workflow="survey", hosts_path="map")
    assert {name: host.vars.get("os") for name, host in data.hosts.items()} == {"c": "bsd", "d": None}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"execution_id": "x", "hosts_path": "nothing"}, "nothing at nothing"),
        ({"execution_id": "x", "hosts_path": "odd"}, "neither a list nor a mapping"),
        ({"workflow": "other"}, "no successful execution"),
        ({}, "execution_id or workflow"),
        ({"execution_id": "missing"}, "HTTP 404"),
    ],
)
def test_what_is_wrong_is_told(options, message, inventory):
    with pytest.raises(AnsibleParserError, match=message):
        inventory(**options)
