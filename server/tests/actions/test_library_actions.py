"""Actions of installed packages: written for ``Action`` here, or for mistral-lib, found by their entry points."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest
from desk import IDENT

from maestrale.actions import ActionSettings, standard_registry
from maestrale.lang import describe_action_input

LIBRARY = pytest.importorskip("mistral_lib.actions", reason="mistral-lib is not installed")

PACKAGE = '''
import asyncio

from mistral_lib import actions
from mistral_lib.actions import base

from maestrale.actions import Action


class Hello(actions.Action):
    """Greet somebody."""

    def __init__(self, who, greeting="Hello"):
        super().__init__()
        self.who = who
        self.greeting = greeting

    def run(self, context):
        return {"said": "%s %s" % (self.greeting, self.who), "action": context.execution.action_execution_id,
                "project": context.security.project_id, "token": context.security.auth_token}


class Refusing(base.Action):
    def run(self, context):
        return actions.Result(error={"code": 42})


class Cancelling(base.Action):
    def run(self, context):
        return actions.Result(cancel=True)


class Broken(base.Action):
    def run(self, context):
        raise RuntimeError("no luck")


class Later(base.Action):
    def is_sync(self):
        return False

    def run(self, context):
        return "ignored"


class Native(Action):
    """Wait in the way of this engine."""

    def __init__(self, seconds: float, check: bool = False) -> None:
        self.seconds, self.is_check = seconds, check

    async def run(self, context):
        if not self.is_check:
            await asyncio.sleep(self.seconds)
        return self.is_check


NotOne = 5
'''
ENTRY_POINTS = """
[mistral.actions]
their.hello = theirs_for_tests:Hello
their.refusing = theirs_for_tests:Refusing
their.cancelling = theirs_for_tests:Cancelling
their.broken = theirs_for_tests:Broken
their.later = theirs_for_tests:Later
their.not_one = theirs_for_tests:NotOne
their.missing = theirs_for_tests:Missing
std.echo = theirs_for_tests:Broken

[maestrale.actions]
their.native = theirs_for_tests:Native
"""


@pytest.fixture
def theirs(tmp_path, monkeypatch, make_desk):
    """A desk with an installed package's actions."""
    info = tmp_path / "theirs_for_tests-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs-for-tests\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(textwrap.dedent(ENTRY_POINTS))
    (tmp_path / "theirs_for_tests.py").write_text(PACKAGE)
    monkeypatch.syspath_prepend(str(tmp_path))
    return make_desk(registry=standard_registry(ActionSettings()))


def test_an_action_written_for_mistral_lib_runs_unchanged(theirs: Any) -> None:
    result = theirs.run("their.hello", who="Ann")

    assert result.data == {"said": "Hello Ann", "action": IDENT, "project": "", "token": None}


def test_it_is_listed_with_its_inputs_and_its_description(theirs: Any) -> None:
    found = theirs.registry.descriptor("their.hello")

    assert describe_action_input(found.parameters) == 'who, greeting="Hello"'
    assert (found.description, found.class_name, found.is_sync) == ("Greet somebody.", "theirs_for_tests.Hello", True)


@pytest.mark.parametrize(("name", "state", "error"), [
    ("their.refusing", "ERROR", {"code": 42}), ("their.cancelling", "CANCELLED", None),
])
def test_its_results_are_understood(theirs: Any, name: str, state: str, error: Any) -> None:
    result = theirs.run(name)

    assert (result.state, result.error) == (state, error)


def test_what_it_raises_is_its_failure(theirs: Any) -> None:
    result = theirs.run("their.broken")

    assert (result.state, "no luck" in result.error) == ("ERROR", True)


def test_an_asynchronous_one_waits_for_its_completion(theirs: Any) -> None:
    assert not theirs.registry.descriptor("their.later").is_sync
    theirs.submit("their.later")
    theirs.wait_for(lambda: theirs.released == [IDENT])

    assert not theirs.results


@pytest.mark.parametrize(("name", "text"), [("their.not_one", "not a class"), ("their.missing", "Missing")])
def test_one_that_can_not_be_loaded_says_why(theirs: Any, name: str, text: str) -> None:
    assert text in theirs.run(name).error


def test_what_is_built_in_can_not_be_replaced(theirs: Any) -> None:
    assert theirs.run("std.echo", output=1).data == 1


def test_an_action_of_this_engine_is_loaded_from_its_own_group(theirs: Any) -> None:
    assert theirs.run("their.native", seconds=600, check=True).data is True
    theirs.submit("their.native", ident="long", seconds=600)
    theirs.wait_for(lambda: theirs.runner.cancel("long"))

    assert theirs.wait("long").cancelled
