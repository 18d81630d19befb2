# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE)
# SPDX-License-Identifier: Apache-2.0

"""Tests of states."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.maestrale.mistral.plugins.test import executions

TESTS = executions.TestModule().tests()


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("SUCCESS", {"finished", "succeeded"}),
        ("ERROR", {"finished"}),
        ("CANCELLED", {"finished", "cancelled"}),
        ("SKIPPED", {"finished"}),
        ("PAUSED", {"paused"}),
        ("RUNNING", set()),
    ],
)
def test_each_state(state, expected):
    for value in (state, {"state": state}, {"execution": {"state": state}}):
        assert {name for name, test in TESTS.items() if test(value)} == expected


@pytest.mark.parametrize("value", [None, {}, 5, {"execution": {}}])
def test_what_has_no_state_is_told(value):
    with pytest.raises(AnsibleFilterError):
        TESTS["finished"](value)
