# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE)
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.maestrale.mistral.plugins.module_utils import client, lease, transport, waiting
from ansible_collections.maestrale.mistral.tests.unit.fake_engine import FakeEngine


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self):
        self.now = 1000.0
        self.naps = []

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.naps.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    """Takes the place of time where the collection waits."""
    fake = Clock()
    monkeypatch.setattr(waiting, "time", fake)
    monkeypatch.setattr(client, "time", fake)
    monkeypatch.setattr(lease, "time", fake)
    return fake


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    """Options must not come from the environment of whoever runs the tests."""
    for name in ("ENDPOINT", "TOKEN", "USERNAME", "PASSWORD", "CLOUD", "PROJECT", "AUTH_TYPE"):
        monkeypatch.delenv(f"MAESTRALE_{name}", raising=False)
        monkeypatch.delenv(f"OS_{name}", raising=False)
    monkeypatch.delenv("OS_AUTH_URL", raising=False)
    monkeypatch.delenv("OS_MISTRAL_URL", raising=False)


@pytest.fixture
def engine(monkeypatch, clock):
    """An engine in memory behind every transport."""
    fake = FakeEngine()
    monkeypatch.setattr(transport.Transport, "send", lambda self, *args, **kwargs: fake.send(*args, **kwargs))
    return fake


@pytest.fixture
def run_module(engine, capfd):
    """Run a module's main with arguments; returns its result."""

    def run(module, check=False, **arguments):
        with patch_module_args({**arguments, "_ansible_check_mode": check, "_ansible_diff": True}), pytest.raises(SystemExit):
            module.main()
        return json.loads(capfd.readouterr().out)

    return run
